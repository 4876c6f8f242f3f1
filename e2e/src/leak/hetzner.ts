/** Hetzner Cloud. */
import type { Owner } from '@berth/core'
import { createHetznerProvider } from '@berth/providers/hetzner'
import { startHetzner, type Fault, type HetznerSim } from '@berth/sim-hetzner'
import { numberOf, type Open, type Random } from './vendor.ts'

const TOKEN = 'T'.repeat(64)
const SIZE = 'cx23'

const PATHS = [/^\/servers$/, /^\/volumes$/, /^\/servers\/\d+$/, /^\/volumes\/\d+$/, /actions\/(poweron|shutdown)$/, /^\/firewalls$/, /./]

function faultOf(random: Random): Fault {
  const what: Fault['what'] = random.pick<Fault['what']>([
    { kind: 'refuse', status: 429, code: 'rate_limit_exceeded', headers: { 'retry-after': '2' } }, { kind: 'refuse', status: 503, code: 'unavailable' }, { kind: 'refuse', status: 423, code: 'locked' },
    { kind: 'after', status: 502 }, { kind: 'lost' }, { kind: 'lost' }, { kind: 'truncated' }, { kind: 'stale' }, { kind: 'repeated' },
  ])
  const method = what.kind === 'lost' || what.kind === 'after' ? random.pick(['POST', 'POST', 'DELETE', undefined]) : undefined
  return { path: random.pick(PATHS), times: 1 + random.int(4), what, ...(method === undefined ? {} : { method }) }
}

export const openHetzner: Open = ({ installation, clock, random, mutation = {}, lookAlike }) => {
  const actionMs = random.pick([0, 0, 2_000, 20_000])
  const hetzner = startHetzner({ now: clock.now, actionMs })
  const { world } = hetzner
  world.tokens.set(TOKEN, 'read-write')
  const strangers = addStrangers(hetzner, lookAlike)
  world.settle()
  const fetch = mutation.fetch?.(hetzner.fetch) ?? hetzner.fetch
  const made = createHetznerProvider({ installation, token: () => TOKEN, log: () => {}, endpoint: hetzner.url, fetch, now: clock.now })
  const provider = mutation.provider?.(made) ?? made
  const whoseIs = (name: string): string => (strangers.has(name) ? 'foreign' : /-ws-([a-z0-9]+)-g/.exec(name)?.[1] ?? 'nobody')
  const nameOfIp = (id: number): string => {
    const server = [...world.servers.values()].find(({ primaryIps }) => primaryIps.includes(id))
    return server?.name ?? 'an address without a server'
  }
  return {
    provider, foreign: [...strangers], keeps: ['volume'],
    running: (id) => [...world.servers.values()].some((server) => server.status === 'running' && whoseIs(server.name) === numberOf(id)),
    charged: () => world.ledger.running().map(({ kind, id, name }) => {
      const of = kind === 'ipv4' ? nameOfIp(id) : name
      return { kind, whose: whoseIs(of), name: of }
    }),
    foreignLeft: () => [...world.servers.values(), ...world.volumes.values()].map(({ name }) => name).filter((name) => strangers.has(name)),
    disks: () => world.ledger.all().filter(({ kind, name }) => kind === 'volume' && !strangers.has(name)).map(({ name }) => name),
    addFault() { world.faults.push(faultOf(random)) },
    limitCapacity(to) {
      const full = to === 'some' ? random.pick(['cx23', 'cpx11', '']) : null
      world.limitCapacity(({ type }) => to === 'all' || (to === 'some' && type !== full))
    },
    stick: (is) => world.stick(is),
    switchOff() {
      const servers = [...world.servers.values()].filter(({ name, status }) => !strangers.has(name) && status === 'running')
      if (servers.length > 0) random.pick(servers).status = 'off'
    },
    // A server that is switched off is paid for, and no token of a machine deletes only itself.
    leaveAlone: () => false,
    calm() {
      world.faults.length = 0
      world.limitCapacity(() => true)
      world.stick(false)
      world.tokens.set(TOKEN, 'read-write')
    },
    requests: () => world.asked.length,
    wrong: () => [...hetzner.faulty, ...hetzner.refused],
    setToken(good) {
      if (good) world.tokens.set(TOKEN, 'read-write')
      else world.tokens.delete(TOKEN)
    },
    close: () => hetzner.close(),
  }
}

/** Others in the same project: with a name like ours and no labels, and with labels like ours of another installation. */
function addStrangers({ world }: HetznerSim, owners: readonly Owner[]): Set<string> {
  const [type, image] = [world.typeOf(SIZE), world.imageOf('debian-12', 'x86')]
  if (type === undefined || image === undefined) throw new Error('the catalogue is empty')
  const names = new Set<string>()
  const server = (name: string, labels: Record<string, string>): void => {
    names.add(name)
    world.createServer({ name, type, image, location: 'fsn1', labels, userData: '', volumes: [], firewalls: [], start: true, ipv4: true, ipv6: false })
  }
  for (const { workspaceId, installation, generation } of owners) {
    server(`stranger-${workspaceId.replace('_', '-')}`, { team: 'data' })
    server(`berth-ffffffff-${workspaceId.replace('_', '-')}-other`, { 'dev.berth.installation': 'f'.repeat(32), 'dev.berth.workspace': workspaceId, 'dev.berth.generation': String(generation) })
    const disk = `disk-of-${installation.slice(0, 4)}-${workspaceId.replace('_', '-')}`
    names.add(disk)
    world.createVolume({ name: disk, size: 10, location: 'fsn1', format: 'ext4', labels: { 'dev.berth.workspace': workspaceId } })
  }
  return names
}
