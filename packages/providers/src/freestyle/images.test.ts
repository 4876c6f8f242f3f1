/** Images at Freestyle against the simulator: a snapshot of a VM that was told to fetch. */
import { startFreestyle, type Command, type Vm } from '@berth/sim-freestyle'
import { describeImages, type ImagesBench } from '@berth/testkit/images-contract'
import { createFreestyleProvider } from './index.ts'

const KEY = 'fs_example'
const INSTALLATION = 'a'.repeat(32)

describeImages({
  name: 'Freestyle', keeps: ['snapshot'], base: 'freestyle/ubuntu', monthlyMicros: 32 * 86 * 730, named: 'freestyle/ubuntu-lg',
  start(): ImagesBench {
    /** By VM: what it was told on its standard input, and whether it has fetched. */
    const told = new Map<string, string>()
    const ready = new Set<string>()
    const nothing = async (): Promise<void> => {}
    const freestyle = startFreestyle({
      backend: {
        create: nothing, boot: nothing, resume: nothing, pause: nothing, remove: nothing, snapshot: nothing, removeSnapshot: nothing, onDown() {},
        async exec({ id }: Vm, { command, stdin }: Command) {
          if (command === 'sh -s') told.set(id, stdin)
          return { stdout: '', stderr: '', statusCode: command.startsWith('test -e') && !ready.has(id) ? 1 : 0 }
        },
      },
    })
    const { world } = freestyle
    world.keys.add(KEY)
    const builder = () => [...world.vms.values()].find(({ metadata }) => 'dev.berth.image' in metadata)
    return {
      provider: createFreestyleProvider({ installation: INSTALLATION, key: () => KEY, log: () => {}, endpoint: freestyle.url, fetch: freestyle.fetch, now: world.now }), installation: INSTALLATION, asked: world.asked,
      fetched() {
        const id = builder()?.id ?? ''
        if (told.has(id)) ready.add(id)
      },
      builder: () => builder()?.id ?? null,
      charged: () => world.ledger.running().map(({ kind }) => kind),
      isChange: (asked) => /^(POST|PATCH|DELETE)/.test(asked) && !asked.includes('exec-await'),
      loseAnswer: (change) => void world.faults.push({ method: change === 'makes' ? 'POST' : 'DELETE', path: change === 'makes' ? /(vms|snapshot)$/ : /./, times: 1, what: { kind: 'lost' } }),
      advance: (ms) => world.advance(ms), settle: () => world.settle(),
      beganWith: () => [...world.vms.values()].at(-1)?.snapshot ?? '',
      complaints: () => [...freestyle.faulty, ...freestyle.refused, ...world.failed.map(String)],
      close: () => freestyle.close(),
    }
  },
})
