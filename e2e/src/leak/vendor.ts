/** A vendor that misbehaves, seen by what it charges: Hetzner Cloud as its simulator has it, without a network. */
import type { Owner, Provider } from '@berth/core'
import { createHetznerProvider } from '@berth/providers/hetzner'
import { startHetzner, type HetznerSim } from '@berth/sim-hetzner'
import type { TestClock } from '@berth/testkit'
import type { WorkspaceId } from '@berth/wire'

export type Fetch = (request: Request) => Promise<Response>
/** What stands between the provider and the vendor; a mutant changes what passes. */
export interface Mutation { readonly fetch?: (fetch: Fetch) => Fetch; readonly provider?: (provider: Provider) => Provider }

export interface Vendor {
  readonly hetzner: HetznerSim
  readonly provider: Provider
  /** Servers of a workspace that are switched on. */
  running(id: WorkspaceId): boolean
  /** What is charged for now, by whose it is: a workspace's number, or `foreign`. */
  charged(): { kind: string; whose: string; name: string }[]
  /** All that was there before, and looks like ours. */
  readonly foreign: readonly string[]
  foreignLeft(): string[]
  setToken(good: boolean): void
  close(): Promise<void>
}

const TOKEN = 'T'.repeat(64)
const SIZE = 'cx23'

export function openVendor({ installation, clock, actionMs, mutation = {}, lookAlike }: { installation: string; clock: TestClock; actionMs: number; mutation?: Mutation | undefined; lookAlike: readonly Owner[] }): Vendor {
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
    hetzner, provider, foreign: [...strangers],
    running: (id) => [...world.servers.values()].some((server) => server.status === 'running' && whoseIs(server.name) === id.slice('ws_'.length)),
    charged: () => world.ledger.running().map(({ kind, id, name }) => {
      const of = kind === 'ipv4' ? nameOfIp(id) : name
      return { kind, whose: whoseIs(of), name: of }
    }),
    foreignLeft: () => [...world.servers.values(), ...world.volumes.values()].map(({ name }) => name).filter((name) => strangers.has(name)),
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
