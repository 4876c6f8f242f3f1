/** The state of one Hetzner project, and what a test may make happen in it. Nothing here speaks HTTP. */
import { createLedger } from '@berth/sim-vendor'
import type { Ledger } from '@berth/sim-vendor'
import { createActions } from './actions.ts'
import type { Actions } from './actions.ts'
import { IMAGES, LOCATIONS, PRICES, SERVER_TYPES, SNAPSHOT_GB, type Prices } from './catalogue.ts'
import { Refusal } from './model.ts'
import type { Action, Backend, Fault, Firewall, Image, PrimaryIp, Server, ServerType, Snapshot, Volume } from './model.ts'
import { costOf } from './tariff.ts'
import type { Charged } from './tariff.ts'

export interface WorldOptions {
  /** Where machines really run. Absent: nowhere. */
  readonly backend?: Backend
  /** ms since the epoch; the host's clock by default. */
  readonly now?: () => number
  /** How long an action takes at least. */
  readonly actionMs?: number
}
export interface NewServer { readonly name: string; readonly type: ServerType; readonly image: Image; readonly location: string; readonly labels: Record<string, string>; readonly userData: string; readonly volumes: readonly number[]; readonly firewalls: readonly number[]; readonly start: boolean; readonly ipv4: boolean; readonly ipv6: boolean }
type Wanted = { readonly type: string; readonly location: string }

interface State {
  readonly backend: Backend | undefined
  readonly ledger: Ledger<Charged>
  readonly servers: Map<number, Server>
  readonly volumes: Map<number, Volume>
  readonly primaryIps: Map<number, PrimaryIp>
  readonly firewalls: Map<number, Firewall>
  readonly snapshots: Map<number, Snapshot>
  prices: Prices
  readonly actions: Actions
  hasRoom: (wanted: Wanted) => boolean
  now(): number
  nextId(): number
}

const RATE = 3600
const HOURS_A_MONTH = 730

export function createWorld({ backend, actionMs = 0, now: clock = Date.now }: WorldOptions) {
  let last = 1000
  let offsetMs = 0
  const nextId = (): number => ++last
  const now = (): number => clock() + offsetMs
  const state: State = { backend, now, nextId, ledger: createLedger(now, costOf), servers: new Map(), volumes: new Map(), primaryIps: new Map(), firewalls: new Map(), snapshots: new Map(), actions: createActions({ now, nextId, actionMs }), prices: PRICES, hasRoom: () => true }
  const asked: string[] = []
  backend?.onPoweredOff((id) => {
    const server = state.servers.get(id)
    if (server?.status === 'running') server.status = 'off'
  })
  const { servers, volumes, primaryIps, firewalls, snapshots, ledger } = state
  return {
    servers, volumes, primaryIps, firewalls, snapshots, ledger, now, nextId, asked,
    actions: state.actions.actions, settle: () => state.actions.settle(), stick: (is: boolean) => state.actions.stick(is),
    faults: [] as Fault[], tokens: new Map<string, 'read-write' | 'read'>(),
    prices: (): Prices => state.prices,
    /** Of what is bought from now on. */
    setPrices(to: Partial<Prices>) { state.prices = { ...state.prices, ...to } },
    advance(ms: number) { offsetMs += ms },
    limitCapacity(to: (wanted: Wanted) => boolean) { state.hasRoom = to },
    /** Of the limit of an hour, as the headers say it. */
    rate: (): { limit: number; remaining: number } => ({ limit: RATE, remaining: RATE - asked.length % RATE }),
    typeOf: (given: string | number): ServerType | undefined => SERVER_TYPES.find(({ id, name }) => name === String(given) || id === Number(given)),
    imageOf: (given: string | number, architecture: string): Image | undefined => IMAGES.find((image) => (image.name === String(given) && image.architecture === architecture) || image.id === Number(given)) ?? readySnapshot(snapshots, Number(given)),
    locationOf: (given: string | number | undefined) => (given === undefined ? LOCATIONS[0] : LOCATIONS.find(({ id, name }) => name === String(given) || id === Number(given))),
    ...serversOf(state), ...thingsOf(state), ...snapshotsOf(state),
  }
}
export type World = ReturnType<typeof createWorld>

function readySnapshot(snapshots: ReadonlyMap<number, Snapshot>, id: number): Snapshot | undefined {
  const found = snapshots.get(id)
  if (found?.status === 'creating') throw new Refusal(422, 'invalid_input', `image ${id} is not available yet`)
  return found
}

function snapshotsOf(state: State) {
  const { backend, servers, snapshots, ledger, actions: { act } } = state
  return {
    createSnapshot(server: Server, { description, labels }: Pick<Snapshot, 'description' | 'labels'>): { snapshot: Snapshot; action: Action } {
      busy(server).locked = true
      const { flavor, version, architecture } = server.image
      const snapshot: Snapshot = { id: state.nextId(), name: '', flavor, version, architecture, createdAt: state.now(), from: { id: server.id, name: server.name }, diskGb: server.type.disk, description, labels, status: 'creating' }
      snapshots.set(snapshot.id, snapshot)
      const action = act('create_image', {
        resources: [...of(server), { id: snapshot.id, type: 'image' }], work: backend?.snapshot && (async () => backend.snapshot?.(server, snapshot)),
        after() {
          server.locked = false
          snapshot.status = 'available'
          const monthly = SNAPSHOT_GB * state.prices.snapshotGbMonth
          ledger.open({ kind: 'snapshot', id: snapshot.id, name: description, hourly: monthly / HOURS_A_MONTH, monthly })
        },
      })
      return { snapshot, action }
    },
    async deleteSnapshot(snapshot: Snapshot): Promise<void> {
      if (snapshot.status === 'creating') throw new Refusal(423, 'locked', `image ${snapshot.id} is locked: an action on it goes on`)
      snapshots.delete(snapshot.id)
      ledger.close('snapshot', snapshot.id)
      // A disk that was made of it does not need it any more.
      if ([...servers.values()].every(({ image }) => image.id !== snapshot.id)) await backend?.removeSnapshot?.(snapshot)
    },
  }
}

const of = (server: Server) => [{ id: server.id, type: 'server' }]

function serversOf(state: State) {
  const { backend, servers, ledger, actions: { act } } = state
  return {
    createServer(wanted: NewServer): { server: Server; action: Action; next: Action[] } {
      const attached = attachable(state, wanted)
      const id = state.nextId()
      const families = [...(wanted.ipv4 ? ['ipv4' as const] : []), ...(wanted.ipv6 ? ['ipv6' as const] : [])]
      const primaryIpIds = families.map((type) => addIp(state, { id, location: wanted.location }, type).id)
      const server: Server = { id, name: wanted.name, type: wanted.type, location: wanted.location, image: wanted.image, userData: wanted.userData, createdAt: state.now(), volumes: [...wanted.volumes], firewalls: wanted.firewalls, primaryIps: primaryIpIds, labels: wanted.labels, status: 'initializing', locked: true }
      servers.set(id, server)
      for (const volume of attached) volume.server = id
      const price = wanted.type.prices[wanted.location]
      ledger.open({ kind: 'server', id, name: wanted.name, hourly: Number(price?.hourly), monthly: Number(price?.monthly) })
      const action = act('create_server', {
        resources: of(server), work: backend && (() => backend.create(server, attached)),
        after() {
          server.locked = false
          if (server.status === 'initializing') server.status = wanted.start ? 'running' : 'off'
        },
      })
      return { server, action, next: wanted.start ? [act('start_server', { resources: of(server), after() {} })] : [] }
    },
    powerOn(server: Server): Action {
      if (busy(server).status === 'running') return act('start_server', { resources: of(server), after() {} })
      server.status = 'starting'
      server.locked = true
      return act('start_server', { resources: of(server), work: backend && (() => backend.start(server)), after() { server.status = 'running'; server.locked = false } })
    },
    powerOff(server: Server, hard: boolean): Action {
      const command = hard ? 'stop_server' : 'shutdown_server'
      if (busy(server).status === 'off') return act(command, { resources: of(server), after() {} })
      server.status = 'stopping'
      server.locked = true
      return act(command, { resources: of(server), work: backend && (() => backend.stop(server, hard)), after() { server.status = 'off'; server.locked = false } })
    },
    deleteServer(server: Server): Action {
      busy(server).status = 'deleting'
      server.locked = true
      return act('delete_server', { resources: of(server), work: backend && (() => backend.remove(server)), after: () => forget(state, server) })
    },
  }
}

function busy(server: Server): Server {
  if (server.locked) throw new Refusal(423, 'locked', `server ${server.id} is locked: an action on it goes on`)
  return server
}

function attachable({ servers, volumes, firewalls, hasRoom }: State, wanted: NewServer): Volume[] {
  if ([...servers.values()].some(({ name }) => name === wanted.name)) throw new Refusal(409, 'uniqueness_error', 'server name is already used', { fields: [{ name: 'name', messages: ['already used'] }] })
  if (!hasRoom({ type: wanted.type.name, location: wanted.location })) throw new Refusal(412, 'resource_unavailable', `no capacity for ${wanted.type.name} in ${wanted.location}`)
  for (const id of wanted.firewalls) if (!firewalls.has(id)) throw new Refusal(404, 'not_found', `firewall ${id} not found`)
  return wanted.volumes.map((id) => {
    const volume = volumes.get(id)
    if (volume === undefined) throw new Refusal(404, 'not_found', `volume ${id} not found`)
    if (volume.server !== null) throw new Refusal(422, 'volume_already_attached', `volume ${id} is attached to server ${volume.server}`)
    if (volume.location !== wanted.location) throw new Refusal(422, 'invalid_input', 'volume and server are in different locations')
    return volume
  })
}

/** What was bought with a server goes with it, but for its volumes. */
function forget(state: State, server: Server): void {
  state.servers.delete(server.id)
  state.ledger.close('server', server.id)
  for (const volume of state.volumes.values()) if (volume.server === server.id) volume.server = null
  for (const ip of state.primaryIps.values()) {
    if (ip.server !== server.id) continue
    ip.server = null
    if (ip.autoDelete) removeIp(state, ip)
  }
}

function addIp(state: State, server: { id: number; location: string }, type: PrimaryIp['type']): PrimaryIp {
  const id = state.nextId()
  const ip: PrimaryIp = { id, name: `primary_ip-${id}`, ip: type === 'ipv4' ? `203.0.113.${id % 250}` : `2001:db8:${id.toString(16)}::/64`, type, createdAt: state.now(), location: server.location, autoDelete: true, labels: {}, server: server.id }
  state.primaryIps.set(id, ip)
  if (type === 'ipv4') state.ledger.open({ kind: 'ipv4', id, name: ip.name, hourly: state.prices.ipv4Hourly, monthly: state.prices.ipv4Monthly })
  return ip
}

function removeIp(state: State, ip: PrimaryIp): void {
  state.primaryIps.delete(ip.id)
  state.ledger.close('ipv4', ip.id)
}

function thingsOf(state: State) {
  const { backend, servers, volumes, firewalls, ledger, actions: { act } } = state
  return {
    createVolume(wanted: Pick<Volume, 'name' | 'size' | 'location' | 'format' | 'labels'>): { volume: Volume; action: Action } {
      if ([...volumes.values()].some(({ name }) => name === wanted.name)) throw new Refusal(409, 'uniqueness_error', 'volume name is already used')
      const volume: Volume = { ...wanted, id: state.nextId(), createdAt: state.now(), server: null, status: 'creating' }
      volumes.set(volume.id, volume)
      const monthly = state.prices.volumeGbMonth * wanted.size
      ledger.open({ kind: 'volume', id: volume.id, name: wanted.name, hourly: monthly / HOURS_A_MONTH, monthly })
      return { volume, action: act('create_volume', { resources: [{ id: volume.id, type: 'volume' }], after() { volume.status = 'available' } }) }
    },
    detachVolume: (volume: Volume): Action => act('detach_volume', { resources: [{ id: volume.id, type: 'volume' }], after() { volume.server = null } }),
    async deleteVolume(volume: Volume): Promise<void> {
      if (volume.server !== null) throw new Refusal(423, 'locked', 'the volume is attached to a server')
      volumes.delete(volume.id)
      ledger.close('volume', volume.id)
      await backend?.removeVolume(volume)
    },
    deleteIp(ip: PrimaryIp): void {
      if (ip.server !== null) throw new Refusal(422, 'must_be_unassigned', 'the primary IP is assigned')
      removeIp(state, ip)
    },
    addFirewall(wanted: Pick<Firewall, 'name' | 'rules' | 'labels'>): Firewall {
      if ([...firewalls.values()].some(({ name }) => name === wanted.name)) throw new Refusal(409, 'uniqueness_error', 'firewall name is already used')
      const firewall = { ...wanted, id: state.nextId(), createdAt: state.now() }
      firewalls.set(firewall.id, firewall)
      return firewall
    },
    deleteFirewall(firewall: Firewall): void {
      if ([...servers.values()].some((server) => server.firewalls.includes(firewall.id))) throw new Refusal(422, 'resource_in_use', 'the firewall is in use')
      firewalls.delete(firewall.id)
    },
  }
}
