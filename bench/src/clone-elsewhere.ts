/**
 * The code of a workspace whose machine really boots, at the simulated Hetzner: the server asks the git host for it meanwhile,
 * and the machine has it from the server. The floor is the same git in the same machine, from the host itself.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createContainers } from '@berth/sim-hetzner'
import type { Workspace } from '@berth/wire'
import { freePort } from '@berth/testkit/free-ports'
import { modelHost } from '../../e2e/src/providers.ts'
import { giveBack, startVendor, useVendor } from './daemons/vendor.ts'
import { startFloorServer } from './floor-server.ts'
import { MB, percentile, RUNS, spread, type Bench } from './measure.ts'
import { startProduct } from './product.ts'
import { another, cloneAsUp, kept, repository } from './repositories.ts'

const PACK_BYTES = 100 * MB
const CLONE_MOST = 1.1

export const cloneElsewhere: Bench = {
  name: 'clone-elsewhere',
  summary: '`berth up` of a repository of 100 MB on a machine that boots, against git there from the host itself',
  async *run({ signal, note }) {
    const root = mkdtempSync(join(tmpdir(), 'berth-bench-host-'))
    const containers = createContainers(`bench-clone-${process.pid}`)
    const vendor = startVendor(containers)
    const bridge = modelHost('docker')
    const product = startProduct()
    note('making a repository of 100 MB')
    await repository(join(root, 'big.git'), PACK_BYTES)
    const host = await startFloorServer('upstream.ts', [root, bridge])
    const origin = host.url.replace('127.0.0.1', bridge)
    const [direct, through]: [number[], number[]] = [[], []]
    try {
      const linkPort = freePort()
      useVendor(product, vendor, `linkListen: ${bridge}\nlinkPort: ${linkPort}\nlinkUrl: http://${bridge}:${linkPort}\n`)
      await product.cli(['server', 'start'])
      await kept(product, ['git-host', 'add', origin])
      for (let run = 0; run <= RUNS; run++) {
        signal.throwIfAborted()
        const { steps } = await product.json<Workspace>(['up', `${origin}/${another(root, 'big', `up-${run}`)}.git`, '--name', `up-${run}`, '--no-open', '-y', '--provider', 'hetzner', '--agent', 'plain', '--command', 'sleep 100000'])
        const [server] = vendor.world.servers.values()
        if (server === undefined) throw new Error('no server was bought')
        const floor = await containers.machines.exec(containers.nameOf(server), ['/bin/sh', '-c', cloneAsUp(origin, another(root, 'big', `floor-${run}`), '/home/dev')])
        const step = steps.find(({ step }) => step === 'code')?.durationMs ?? Number.NaN
        note(`from the host itself ${floor.stdout.trim()} ms, through the server ${step} ms`)
        await giveBack(product, vendor)
        // The first pair only warms caches.
        if (run === 0) continue
        direct.push(Number(floor.stdout))
        through.push(step)
      }
    } finally {
      await product.close()
      await host.close()
      await vendor.close()
      await containers.close()
      rmSync(root, { recursive: true, force: true })
    }
    yield { name: 'git-clone-elsewhere', value: percentile(through, 50), unit: 'ms', floor: percentile(direct, 50), goal: { ratioAtMost: CLONE_MOST }, detail: `${RUNS} times \`berth up\` of a repository of 100 MB that nobody asked for before, on a machine that boots: the whole step that gets the code; floor: the same runs of git in that machine, from the host itself; ${spread(through, 'ms')}` }
  },
}
