/** What stands in the world, as the API says it. */
import { createFill } from '@berth/sim-spec'
import type { Description } from '@berth/sim-spec'
import { LOCATIONS, SERVER_TYPES, SNAPSHOT_GB, type Prices } from './catalogue.ts'
import type { Action, Firewall, Image, PrimaryIp, Server, ServerType, Snapshot, Volume } from './model.ts'
import description from './spec/api.json'
import type { World } from './world.ts'

// The description is data of a known form; TypeScript sees only its literal types.
export const DESCRIPTION = description as unknown as Description
const { filled } = createFill(DESCRIPTION.components.schemas)
const GB = 1024 ** 3

const iso = (at: number): string => new Date(at).toISOString()
const gross = (net: string): string => (Number(net) * 1.19).toFixed(10)
const location = (name: string) => LOCATIONS.find((each) => each.name === name)
const dataCenter = (name: string) => ({ id: 4, name: `${name}-dc1`, description: `${name} DC 1`, location: location(name), server_types: { available: SERVER_TYPES.map(({ id }) => id), available_for_migration: [], supported: SERVER_TYPES.map(({ id }) => id) } })

export const actionShape = (action: Action): Record<string, unknown> => ({
  id: action.id, command: action.command, started: iso(action.startedAt), finished: action.finishedAt === null ? null : iso(action.finishedAt),
  progress: action.finishedAt === null ? 50 : 100, status: action.finishedAt === null ? 'running' : action.error === null ? 'success' : 'error',
  resources: action.resources, error: action.error,
})

export function serverTypeShape(type: ServerType): Record<string, unknown> {
  const gone = type.deprecated === true ? { announced: '2023-01-01T00:00:00Z', unavailable_after: '2024-01-01T00:00:00Z' } : null
  return filled('server_type', {
    id: type.id, name: type.name, description: type.name.toUpperCase(), cores: type.cores, memory: type.memory, disk: type.disk, architecture: type.architecture, cpu_type: type.cpuType, storage_type: 'local',
    deprecated: gone !== null, deprecation: gone, locations: LOCATIONS.map(({ id, name }) => ({ id, name, deprecation: gone })),
    prices: pricesShape(type),
  })
}

/** By which the ledger charges. */
export function pricingShape({ volumeGbMonth, snapshotGbMonth, ipv4Hourly, ipv4Monthly }: Prices): Record<string, unknown> {
  const price = (net: number) => ({ net: net.toFixed(10), gross: gross(String(net)) })
  const addresses = (hourly: number, monthly: number) => LOCATIONS.map(({ name }) => ({ location: name, price_hourly: price(hourly), price_monthly: price(monthly) }))
  return {
    currency: 'EUR', vat_rate: '19.000000', image: { price_per_gb_month: price(snapshotGbMonth) }, volume: { price_per_gb_month: price(volumeGbMonth) }, server_backup: { percentage: '20.0000000000' },
    primary_ips: [{ type: 'ipv4', prices: addresses(ipv4Hourly, ipv4Monthly) }, { type: 'ipv6', prices: addresses(0, 0) }], floating_ip: { price_monthly: price(3) }, floating_ips: [{ type: 'ipv4', prices: LOCATIONS.map(({ name }) => ({ location: name, price_monthly: price(3) })) }],
    server_types: SERVER_TYPES.map((type) => ({ id: type.id, name: type.name, prices: pricesShape(type) })), load_balancer_types: [],
  }
}

const pricesShape = (type: ServerType) => Object.entries(type.prices).map(([at, { hourly, monthly }]) => ({ location: at, included_traffic: 20 * 1024 * GB, price_hourly: { net: hourly, gross: gross(hourly) }, price_monthly: { net: monthly, gross: gross(monthly) }, price_per_tb_traffic: { net: '1.0000', gross: gross('1.0000') } }))

export const imageShape = (image: Image): Record<string, unknown> => filled('image', {
  id: image.id, name: image.name, description: image.name, os_flavor: image.flavor, os_version: image.version, architecture: image.architecture, type: 'system', status: 'available', disk_size: 5, created: '2023-06-13T06:00:00Z', rapid_deploy: true,
})

export const snapshotShape = (image: Snapshot): Record<string, unknown> => filled('image', {
  id: image.id, name: null, description: image.description, os_flavor: image.flavor, os_version: image.version, architecture: image.architecture, type: 'snapshot', status: image.status, disk_size: image.diskGb,
  image_size: image.status === 'creating' ? null : SNAPSHOT_GB, created: iso(image.createdAt), created_from: image.from, bound_to: null, labels: image.labels, protection: { delete: false }, rapid_deploy: false, deleted: null, deprecated: null,
})
export const anyImageShape = (image: Image | Snapshot): Record<string, unknown> => ('from' in image ? snapshotShape(image) : imageShape(image))

export function serverShape(server: Server, { primaryIps }: Pick<World, 'primaryIps'>): Record<string, unknown> {
  const ips = server.primaryIps.flatMap((id) => primaryIps.get(id) ?? [])
  const [v4, v6] = [ips.find(({ type }) => type === 'ipv4'), ips.find(({ type }) => type === 'ipv6')]
  return filled('server', {
    id: server.id, name: server.name, created: iso(server.createdAt), status: server.status, locked: server.locked, labels: server.labels, location: location(server.location), datacenter: dataCenter(server.location),
    server_type: serverTypeShape(server.type), image: anyImageShape(server.image), primary_disk_size: server.type.disk, volumes: server.volumes, rescue_enabled: false, protection: { delete: false, rebuild: false }, private_net: [],
    public_net: {
      ipv4: v4 === undefined ? null : { id: v4.id, ip: v4.ip, blocked: false, dns_ptr: `static.${v4.ip}.example` }, ipv6: v6 === undefined ? null : { id: v6.id, ip: v6.ip, blocked: false, dns_ptr: [] },
      floating_ips: [], firewalls: server.firewalls.map((id) => ({ id, status: 'applied' })),
    },
  })
}

export const volumeShape = (volume: Volume): Record<string, unknown> => filled('volume', {
  id: volume.id, name: volume.name, size: volume.size, created: iso(volume.createdAt), labels: volume.labels, location: location(volume.location), server: volume.server, status: volume.status, format: volume.format,
  linux_device: `/dev/disk/by-id/scsi-0HC_Volume_${volume.id}`, protection: { delete: false },
})

export const primaryIpShape = (ip: PrimaryIp): Record<string, unknown> => ({
  id: ip.id, name: ip.name, ip: ip.ip, type: ip.type, created: iso(ip.createdAt), labels: ip.labels, auto_delete: ip.autoDelete, assignee_id: ip.server, assignee_type: 'server', blocked: false, dns_ptr: [],
  location: location(ip.location), datacenter: dataCenter(ip.location), protection: { delete: false },
})

export const firewallShape = (firewall: Firewall, servers: Iterable<Server>): Record<string, unknown> => filled('firewall', {
  id: firewall.id, name: firewall.name, created: iso(firewall.createdAt), labels: firewall.labels, rules: firewall.rules,
  applied_to: [...servers].filter((server) => server.firewalls.includes(firewall.id)).map(({ id }) => ({ type: 'server', server: { id } })),
})
