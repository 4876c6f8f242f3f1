/** Freestyle. */
import type { Owner } from '@berth/core'
import { createFreestyleProvider } from '@berth/providers/freestyle'
import { startFreestyle, type Fault, type FreestyleSim } from '@berth/sim-freestyle'
import { endOf, isOverdue, numberOf, type Fetch, type Open, type Random } from './vendor.ts'

const KEY = 'fs_example'
const PATHS = [/^\/v5\/vms$/, /^\/v5\/vms\/[^/]+$/, /\/start$/, /\/pause$/, /\/exec-await$/, /./]

function faultOf(random: Random): Fault {
  const what = random.pick<Fault['what']>([
    { kind: 'refuse', status: 429 }, { kind: 'refuse', status: 503 }, { kind: 'refuse', status: 500 }, { kind: 'refuse', status: 402 },
    { kind: 'after', status: 502 }, { kind: 'lost' }, { kind: 'lost' }, { kind: 'truncated' }, { kind: 'stale' }, { kind: 'repeated' },
  ])
  const method = what.kind === 'lost' || what.kind === 'after' ? random.pick(['POST', 'POST', 'PATCH', 'DELETE', undefined]) : undefined
  return { path: random.pick(PATHS), times: 1 + random.int(4), what, ...(method === undefined ? {} : { method }) }
}

export const openFreestyle: Open = ({ installation, clock, random, mutation = {}, lookAlike }) => {
  const sim = startFreestyle({ now: clock.now, transitionMs: random.pick([0, 0, 2_000, 20_000]) })
  const { world } = sim
  const setToken = (good: boolean): void => void (good ? world.keys.add(KEY) : world.keys.delete(KEY))
  setToken(true)
  const strangers = addStrangers(sim, lookAlike)
  world.settle()
  // What each was told when its daemon was started, by its number.
  const told = new Map<string, string>()
  const heard: Fetch = async (request) => {
    const [, vm] = /\/v5\/vms\/([^/]+)\/exec-await$/.exec(request.url) ?? []
    const { command, stdin = '' } = vm === undefined ? {} : await request.clone().json() as { command?: string; stdin?: string }
    if (vm !== undefined && command === 'sh -s') told.set(vm, Buffer.from(stdin, 'base64').toString('utf8'))
    return sim.fetch(request)
  }
  const made = createFreestyleProvider({ installation, key: () => KEY, log: () => {}, endpoint: sim.url, fetch: mutation.fetch?.(heard) ?? heard, now: clock.now, ...endOf(mutation) })
  const provider = mutation.provider?.(made) ?? made
  const whoseIs = (slug: string): string => (strangers.has(slug) ? 'foreign' : /-ws-([a-z0-9]+)-g/.exec(slug)?.[1] ?? 'nobody')
  const running = () => [...world.vms.values()].filter(({ slug, state }) => !strangers.has(slug ?? '') && state === 'running')
  return {
    provider, foreign: [...strangers], keeps: ['disk'], setToken,
    // One whose daemon nobody started is no machine.
    running: (id) => running().some(({ slug, commands }) => whoseIs(slug ?? '') === numberOf(id) && commands.includes('sh -s')),
    charged: () => world.ledger.running().map(({ kind, slug }) => ({ kind, name: slug, whose: whoseIs(slug) })),
    disks: () => world.ledger.all().filter(({ kind, slug }) => kind === 'disk' && !strangers.has(slug)).map(({ slug }) => slug),
    foreignLeft: () => [...world.vms.values()].filter(({ slug, state }) => strangers.has(slug ?? '') && state !== 'paused' && state !== 'stopped').map(({ slug }) => slug ?? ''),
    addFault() { world.faults.push(faultOf(random)) },
    limitCapacity: (to) => world.limitCapacity(({ cpu }) => to === 'all' || (to === 'some' && cpu < 8)),
    stick: (is) => world.stick(is),
    switchOff() {
      if (running().length > 0) world.poweredOff(random.pick(running()))
    },
    leaveAlone(ms) {
      world.settle()
      for (const vm of running()) if (vm.commands.includes('sh -s') && isOverdue(told.get(vm.id) ?? '', ms)) world.poweredOff(vm)
      return true
    },
    calm() {
      world.faults.length = 0
      world.limitCapacity(() => true)
      world.stick(false)
      setToken(true)
    },
    requests: () => world.asked.length,
    wrong: () => [...sim.faulty, ...sim.refused],
    close: () => sim.close(),
  }
}

/** Others in the same account: named almost like ours, of another installation, with a part of our marks. */
function addStrangers({ world }: FreestyleSim, owners: readonly Owner[]): Set<string> {
  const names = new Set<string>()
  const stranger = (slug: string, metadata: Record<string, string>): void => {
    names.add(slug)
    world.create({ slug, metadata, snapshotId: 'freestyle/busybox', firewall: { rules: [] } })
  }
  for (const { workspaceId, generation } of owners) {
    const number = numberOf(workspaceId)
    stranger(`stranger-of-${number}`, {})
    stranger(`berth-ffffffff-ws-${number}-g${generation}`, { 'dev.berth.installation': 'f'.repeat(32), 'dev.berth.workspace': workspaceId, 'dev.berth.generation': String(generation) })
    stranger(`part-of-${number}`, { 'dev.berth.workspace': workspaceId, 'dev.berth.generation': String(generation) })
  }
  return names
}
