/** Fly Machines. */
import type { Owner } from '@berth/core'
import { createFlyProvider } from '@berth/providers/fly'
import { startFly, type Fault, type FlySim } from '@berth/sim-fly'
import { endOf, isOverdue, numberOf, type Open, type Random } from './vendor.ts'

const TOKEN = 'fo1_example'
const ORGANIZATION = 'berth'
const PATHS = [/^\/apps$/, /^\/apps\/[^/]+$/, /\/machines$/, /\/volumes$/, /\/machines\/[^/]+$/, /\/volumes\/[^/]+$/, /\/stop$/, /^\/orgs/, /./]

function faultOf(random: Random): Fault {
  const what = random.pick<Fault['what']>([
    { kind: 'refuse', status: 429 }, { kind: 'refuse', status: 503 }, { kind: 'refuse', status: 408 }, { kind: 'refuse', status: 412 },
    { kind: 'after', status: 502 }, { kind: 'lost' }, { kind: 'lost' }, { kind: 'truncated' }, { kind: 'stale' }, { kind: 'repeated' }, { kind: 'region away', region: 'iad' },
  ])
  const method = what.kind === 'lost' || what.kind === 'after' ? random.pick(['POST', 'POST', 'DELETE', undefined]) : undefined
  return { path: random.pick(PATHS), times: 1 + random.int(4), what, ...(method === undefined ? {} : { method }) }
}

/** Every other time: lists that do not know of a disk that has been there for long, one after another. */
const forgetfulFaultOf = (random: Random): Fault => (random.int(2) === 0 ? faultOf(random) : { method: 'GET', path: /\/volumes$/, times: 1 + random.int(8), what: { kind: 'oldest hidden' } })

const openWith = (faults: (random: Random) => Fault): Open => ({ installation, clock, random, mutation = {}, lookAlike }) => {
  const fly = startFly({ now: clock.now, transitionMs: random.pick([0, 0, 2_000, 20_000]) })
  const { world } = fly
  const setToken = (good: boolean): void => {
    if (good) world.tokens.set(TOKEN, { org: ORGANIZATION })
    else world.tokens.delete(TOKEN)
  }
  setToken(true)
  const strangers = addStrangers(fly, lookAlike)
  world.settle()
  const fetch = mutation.fetch?.(fly.fetch) ?? fly.fetch
  const made = createFlyProvider({ installation, token: () => TOKEN, log: () => {}, endpoint: fly.url, organization: ORGANIZATION, regions: ['iad', 'fra'], fetch, now: clock.now, ...endOf(mutation) })
  const provider = mutation.provider?.(made) ?? made
  const whoseIs = (app: string): string => (strangers.has(app) ? 'foreign' : /-ws-([a-z0-9]+)-g/.exec(app)?.[1] ?? 'nobody')
  const started = () => [...world.machines.values()].filter(({ app, state }) => !strangers.has(app) && state === 'started')
  const setCapacity = (full: (region: string) => boolean) => world.limitCapacity(({ region }) => !full(region))
  return {
    provider, foreign: [...strangers], keeps: ['volume'], setToken,
    running: (id) => started().some(({ app }) => whoseIs(app) === numberOf(id)),
    charged: () => world.ledger.running().map(({ kind, app }) => ({ kind, name: app, whose: whoseIs(app) })),
    // One that nothing was ever written to may be bought twice, where the answer of the first was lost.
    disks: () => [...world.written.values()].filter((app) => !strangers.has(app)),
    foreignLeft: () => [...world.apps.keys()].filter((name) => strangers.has(name) && [...world.machines.values()].some(({ app, state }) => app === name && state === 'started') && [...world.volumes.values()].some(({ app, state }) => app === name && state === 'created')),
    addFault() { world.faults.push(faults(random)) },
    limitCapacity(to) {
      const full = random.pick(['iad', 'fra', ''])
      setCapacity((region) => to === 'none' || (to === 'some' && region === full))
    },
    stick: (is) => world.stick(is),
    switchOff() {
      const [one] = [started()].map((all) => (all.length === 0 ? undefined : random.pick(all)))
      if (one !== undefined) world.exited(one)
    },
    leaveAlone(ms) {
      world.settle()
      for (const machine of started()) if (machine.config.files?.some(({ raw_value: file = '' }) => isOverdue(file, ms)) === true) world.exited(machine)
      return true
    },
    calm() {
      world.faults.length = 0
      setCapacity(() => false)
      world.stick(false)
      setToken(true)
    },
    requests: () => world.asked.length,
    wrong: () => [...fly.faulty, ...fly.refused],
    close: () => fly.close(),
  }
}

export const openFly = openWith(faultOf)
export const openForgetfulFly = openWith(forgetfulFaultOf)

/** Others in the same organization: named for the same workspace by another installation, with and without our kind of network. */
function addStrangers({ world }: FlySim, owners: readonly Owner[]): Set<string> {
  const names = new Set<string>()
  const stranger = (name: string, network: string): void => {
    names.add(name)
    const app = world.createApp({ name, network, org: ORGANIZATION })
    const { id } = world.createVolume({ app, name: 'berth', region: 'iad', sizeGb: 10 })
    world.createMachine({ app, name: 'workspace', region: 'iad', config: { image: 'debian', mounts: [{ volume: id, path: '/data' }] } })
  }
  for (const { workspaceId, installation } of owners) {
    const id = workspaceId.replace('_', '-')
    stranger(`stranger-${id}`, 'default')
    stranger(`berth-ffffffff-${id}-g1`, `berth-${'f'.repeat(32)}-abc`)
    stranger(`berth-${installation.slice(0, 8)}-${id}-g7`, `berth-${installation.slice(0, 8)}${'0'.repeat(24)}-abc`)
  }
  return names
}
