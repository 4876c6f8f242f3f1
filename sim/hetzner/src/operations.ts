/** Each operation that is served: what it answers, and what it does to the world. */
import type { Asked } from '@berth/sim-spec'
import type { JsonAnswer as Answer, ListAs } from '@berth/sim-vendor'
import { IMAGES, LOCATIONS, SERVER_TYPES } from './catalogue.ts'
import { Refusal } from './model.ts'
import type { Image, Server, Snapshot, Volume } from './model.ts'
import { matcherOf, paged, pageOf } from './select.ts'
import { actionShape, anyImageShape, firewallShape, pricingShape, primaryIpShape, serverShape, serverTypeShape, snapshotShape, volumeShape } from './shapes.ts'
import type { OperationId } from './spec/operations.ts'
import type { World } from './world.ts'

export interface Call extends Pick<Asked, 'path' | 'query' | 'body'> { readonly world: World; readonly list: ListAs }
type Operations = Readonly<Record<OperationId, (call: Call) => Answer | Promise<Answer>>>

/** The vendor's limit. */
const USER_DATA_LIMIT = 32 * 1024
const HOSTNAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i
const VOLUME_GB = { least: 10, most: 10_240 }

const ok = (body: unknown): Answer => ({ status: 200, body })
const nothing: Answer = { status: 204, body: null }

function listed<T>(key: string, all: readonly T[], call: Call, shape: (item: T) => unknown): Answer {
  const { name, label_selector: selector } = call.query as { name?: string; label_selector?: string }
  const matches = matcherOf(selector)
  const found = all.filter((item) => {
    const { name: its, labels = {} } = item as { name?: string; labels?: Record<string, string> }
    return (name === undefined || its === name) && matches(labels)
  })
  const seen = call.list === 'stale' ? found.slice(0, -1) : found
  const asked = pageOf(call.query)
  const { items, meta } = paged(seen, call.list === 'repeated' ? { ...asked, page: 1 } : asked)
  return ok({ [key]: items.map(shape), meta })
}

function one<T>(of: ReadonlyMap<number, T>, what: string, { path }: Pick<Call, 'path'>): T {
  const found = of.get(Number(path['id']))
  if (found === undefined) throw new Refusal(404, 'not_found', `${what} with ID '${path['id']}' not found`)
  return found
}

interface ServerBody {
  readonly name: string
  readonly server_type: string
  readonly image: string
  readonly location?: string
  readonly labels?: Record<string, string>
  readonly user_data?: string
  readonly volumes?: number[]
  readonly firewalls?: { firewall: number }[]
  readonly start_after_create?: boolean
  readonly public_net?: { enable_ipv4?: boolean; enable_ipv6?: boolean }
  readonly automount?: boolean
  readonly ssh_keys?: string[]
}
const invalid = (message: string, field?: string): Refusal => new Refusal(422, 'invalid_input', message, field === undefined ? null : { fields: [{ name: field, messages: [message] }] })

function bought(world: World, given: ServerBody) {
  const type = world.typeOf(given.server_type)
  if (type === undefined || type.deprecated === true) throw invalid(`there is no server type ${given.server_type} to buy`, 'server_type')
  const location = world.locationOf(given.location)
  if (location === undefined) throw invalid('no such location', 'location')
  if (type.prices[location.name] === undefined) throw invalid('unsupported location for server type')
  const image = world.imageOf(given.image, type.architecture)
  if (image === undefined) throw invalid(`image ${given.image} not found for ${type.architecture}`, 'image')
  return { type, location: location.name, image }
}

function createServer({ world, body }: Call): Answer {
  // As the guard found it.
  const given = { labels: {}, user_data: '', volumes: [], firewalls: [], start_after_create: true, public_net: {}, automount: false, ssh_keys: [], ...(body as unknown as ServerBody) }
  if (!HOSTNAME.test(given.name)) throw invalid('must be a valid hostname', 'name')
  if (Buffer.byteLength(given.user_data) > USER_DATA_LIMIT) throw invalid('longer than 32 KiB', 'user_data')
  if (given.automount && given.volumes.length === 0) throw invalid('automount needs volumes')
  const made = world.createServer({
    ...bought(world, given), name: given.name, labels: given.labels, userData: given.user_data, volumes: given.volumes, firewalls: given.firewalls.map(({ firewall }) => firewall),
    start: given.start_after_create, ipv4: given.public_net.enable_ipv4 ?? true, ipv6: given.public_net.enable_ipv6 ?? true,
  })
  // Without a key the vendor makes up a password, and says it once.
  return { status: 201, body: { server: serverShape(made.server, world), action: actionShape(made.action), next_actions: made.next.map(actionShape), root_password: given.ssh_keys.length > 0 ? null : 'YItygq1v3GYjjMomLaKc' } }
}

const acted = (act: (world: World, server: Server) => Parameters<typeof actionShape>[0]) => (call: Call): Answer => ({ status: 201, body: { action: actionShape(act(call.world, one(call.world.servers, 'server', call))) } })

function createVolume({ world, body }: Call): Answer {
  const given = body as { name: string; size: number; location?: string; format?: string; labels?: Record<string, string>; server?: number }
  if (given.size < VOLUME_GB.least || given.size > VOLUME_GB.most) throw new Refusal(422, 'invalid_input', `size must be between ${VOLUME_GB.least} and ${VOLUME_GB.most}`)
  if (given.format !== undefined && !['ext4', 'xfs'].includes(given.format)) throw new Refusal(422, 'invalid_input', "invalid input in field 'format'")
  const location = given.location === undefined ? undefined : world.locationOf(given.location)
  if (location === undefined) throw new Refusal(422, 'invalid_input', 'a volume needs a location or a server')
  const { volume, action } = world.createVolume({ name: given.name, size: given.size, location: location.name, format: given.format ?? null, labels: given.labels ?? {} })
  return { status: 201, body: { volume: volumeShape(volume), action: actionShape(action), next_actions: [] } }
}

function imagesFor({ world, query }: Call): (Image | Snapshot)[] {
  const { architecture, type, status } = query as { architecture?: string[]; type?: string[]; status?: string[] }
  const all: (Image | Snapshot)[] = [...IMAGES, ...world.snapshots.values()]
  const kindOf = (image: Image | Snapshot): string => ('from' in image ? 'snapshot' : 'system')
  const stateOf = (image: Image | Snapshot): string => ('from' in image ? image.status : 'available')
  return all.filter((image) => (architecture?.includes(image.architecture) ?? true) && (type?.includes(kindOf(image)) ?? true) && (status?.includes(stateOf(image)) ?? true))
}

export const OPERATIONS: Operations = {
  list_servers: (call) => listed('servers', [...call.world.servers.values()], call, (server) => serverShape(server, call.world)),
  create_server: createServer,
  get_server: (call) => ok({ server: serverShape(one(call.world.servers, 'server', call), call.world) }),
  delete_server: (call) => ok({ action: actionShape(call.world.deleteServer(one(call.world.servers, 'server', call))) }),
  replace_server(call) {
    const server = one(call.world.servers, 'server', call)
    server.labels = (call.body['labels'] as Record<string, string> | undefined) ?? server.labels
    return ok({ server: serverShape(server, call.world) })
  },
  power_on_server: acted((world, server) => world.powerOn(server)),
  power_off_server: acted((world, server) => world.powerOff(server, true)),
  shutdown_server: acted((world, server) => world.powerOff(server, false)),
  soft_reboot_server: () => { throw new Error('reboots are not played') },
  get_multiple_actions: ({ world, query }) => ok({ actions: ((query['id'] as number[] | undefined) ?? []).flatMap((id) => world.actions.get(id) ?? []).map(actionShape) }),
  get_action: (call) => ok({ action: actionShape(one(call.world.actions, 'action', call)) }),
  list_server_types: (call) => listed('server_types', SERVER_TYPES, call, serverTypeShape),
  get_server_type: (call) => ok({ server_type: serverTypeShape(one(new Map(SERVER_TYPES.map((type) => [type.id, type])), 'server type', call)) }),
  list_locations: (call) => listed('locations', LOCATIONS, call, (location) => location),
  get_location: (call) => ok({ location: one(new Map<number, (typeof LOCATIONS)[number]>(LOCATIONS.map((each) => [each.id, each])), 'location', call) }),
  list_images: (call) => listed('images', imagesFor(call), call, anyImageShape),
  get_image: (call) => ok({ image: anyImageShape(one<Image | Snapshot>(new Map([...IMAGES, ...call.world.snapshots.values()].map((image) => [image.id, image])), 'image', call)) }),
  create_image_from_server(call) {
    const { type = 'snapshot', description, labels = {} } = call.body as { type?: string; description?: string; labels?: Record<string, string> }
    if (type !== 'snapshot') throw invalid('backups are not played', 'type')
    const server = one(call.world.servers, 'server', call)
    const { snapshot, action } = call.world.createSnapshot(server, { description: description ?? server.name, labels })
    return { status: 201, body: { image: snapshotShape(snapshot), action: actionShape(action) } }
  },
  replace_image(call) {
    const snapshot = one(call.world.snapshots, 'image', call)
    const { description = snapshot.description, labels = snapshot.labels } = call.body as { description?: string; labels?: Record<string, string> }
    return ok({ image: snapshotShape(Object.assign(snapshot, { description, labels })) })
  },
  async delete_image(call) {
    await call.world.deleteSnapshot(one(call.world.snapshots, 'image', call))
    return nothing
  },
  list_volumes: (call) => listed('volumes', [...call.world.volumes.values()], call, volumeShape),
  create_volume: createVolume,
  get_volume: (call) => ok({ volume: volumeShape(one(call.world.volumes, 'volume', call)) }),
  async delete_volume(call) {
    await call.world.deleteVolume(one<Volume>(call.world.volumes, 'volume', call))
    return nothing
  },
  detach_volume: (call) => ({ status: 201, body: { action: actionShape(call.world.detachVolume(one(call.world.volumes, 'volume', call))) } }),
  list_primary_ips: (call) => listed('primary_ips', [...call.world.primaryIps.values()], call, primaryIpShape),
  delete_primary_ip(call) {
    call.world.deleteIp(one(call.world.primaryIps, 'primary IP', call))
    return nothing
  },
  list_firewalls: (call) => listed('firewalls', [...call.world.firewalls.values()], call, (firewall) => firewallShape(firewall, call.world.servers.values())),
  create_firewall({ world, body }) {
    const given = body as { name: string; rules?: Record<string, unknown>[]; labels?: Record<string, string> }
    const firewall = world.addFirewall({ name: given.name, rules: given.rules ?? [], labels: given.labels ?? {} })
    return { status: 201, body: { firewall: firewallShape(firewall, []), actions: [] } }
  },
  get_firewall: (call) => ok({ firewall: firewallShape(one(call.world.firewalls, 'firewall', call), call.world.servers.values()) }),
  delete_firewall(call) {
    call.world.deleteFirewall(one(call.world.firewalls, 'firewall', call))
    return nothing
  },
  list_prices: ({ world }) => ok({ pricing: pricingShape(world.prices()) }),
  list_ssh_keys: (call) => listed('ssh_keys', [], call, (key) => key),
}
