/** Each operation that is served: what it answers, and what it does to the world. */
import type { Asked } from '@berth/sim-spec'
import type { JsonAnswer as Answer, ListAs } from '@berth/sim-vendor'
import { Refusal, type App, type Guest, type Machine, type MachineConfig, type Token, type Volume } from './model.ts'
import type { OperationId } from './spec/operations.ts'
import { REGIONS, type World } from './world.ts'

export interface Call extends Pick<Asked, 'path' | 'query' | 'body'> { readonly world: World; readonly token: Token; readonly list: ListAs | 'oldest hidden'; /** A region that did not answer. */ readonly away: string | null }

const ok = (body: unknown): Answer => ({ status: 200, body })
const iso = (at: number): string => new Date(at).toISOString()
const PAGE = 100

/** Somebody else's is not there. */
function appOf({ world, path, token }: Call): App {
  const app = world.apps.get(String(path['app_name']))
  if (app?.org !== token.org) throw new Refusal(404, 'Could not find App')
  return app
}
function machineOf(call: Call): Machine {
  const app = appOf(call)
  const machine = call.world.machines.get(String(call.path['machine_id']))
  if (machine?.app !== app.name) throw new Refusal(404, 'machine not found')
  return machine
}
function volumeOf(call: Call): Volume {
  const app = appOf(call)
  const volume = call.world.volumes.get(String(call.path['volume_id']))
  if (volume?.app !== app.name) throw new Refusal(404, 'volume not found')
  return volume
}

const inApp = <T extends { readonly app: string }>(app: App, all: Iterable<T>): T[] => [...all].filter((each) => each.app === app.name)
const listed = <T>({ list }: Call, all: readonly T[]): readonly T[] => (list === 'stale' ? all.slice(0, -1) : list === 'oldest hidden' ? all.slice(1) : all)

const appShape = (world: World, app: App) => ({ id: app.id, name: app.name, network: app.network, status: 'deployed', machine_count: inApp(app, world.machines.values()).length, volume_count: inApp(app, world.volumes.values()).length, organization: { name: app.org, slug: app.org } })
const machineShape = (machine: Machine) => ({ id: machine.id, name: machine.name, state: machine.state, region: machine.region, instance_id: `01${machine.id}`, private_ip: 'fdaa::3', config: machine.config, created_at: iso(machine.createdAt), updated_at: iso(machine.updatedAt), host_status: machine.hostStatus, events: [], checks: [] })
const volumeShape = (volume: Volume) => ({ id: volume.id, name: volume.name, state: volume.state, region: volume.region, size_gb: volume.sizeGb, zone: 'a1b2', encrypted: true, fstype: 'ext4', attached_machine_id: volume.machine ?? '', created_at: iso(volume.createdAt), host_status: 'ok', snapshot_retention: 5, auto_backup_enabled: false, block_size: 4096, blocks: 0, blocks_free: 0, blocks_avail: 0 })

/** Of all apps of the organization, page by page. */
function ofOrg<T extends { readonly id: string; readonly app: string; readonly region: string }>(call: Call, all: Iterable<T>): { items: T[]; next_cursor?: string } {
  const { world, token, path, query, list, away } = call
  if (path['org_slug'] !== token.org) throw new Refusal(404, 'organization not found')
  const found = listed(call, [...all].filter(({ app, region }) => world.apps.get(app)?.org === token.org && region !== away))
  const limit = Number(query['limit'] ?? PAGE)
  const isRepeated = list === 'repeated'
  const from = isRepeated ? 0 : Number(query['cursor'] ?? 0)
  const more = isRepeated || from + limit < found.length
  return { items: found.slice(from, from + limit), ...(more ? { next_cursor: String(isRepeated ? 0 : from + limit) } : {}) }
}

/** As Go writes a duration of one unit. */
function durationMs(text: string): number {
  const [, count, unit = ''] = /^(\d+)(ms|s|m)$/.exec(text) ?? []
  if (count === undefined) throw new Refusal(400, `invalid_argument: invalid duration ${text}`)
  return Number(count) * ({ ms: 1, s: 1000, m: 60_000 }[unit] ?? 1)
}

export const OPERATIONS: Readonly<Record<OperationId, (call: Call) => Answer | Promise<Answer>>> = {
  Apps_list(call) {
    const { world, token, query } = call
    if (query['org_slug'] !== token.org) throw new Refusal(404, 'organization not found')
    const all = [...world.apps.values()].filter(({ org }) => org === token.org)
    return ok({ total_apps: all.length, apps: listed(call, all).map((app) => appShape(world, app)) })
  },
  Apps_create({ world, token, body }) {
    const { app_name: _, name, org_slug: org, network = '' } = body as { app_name?: string; name?: string; org_slug?: string; network?: string }
    if (name === undefined || org !== token.org) throw new Refusal(400, 'an app has a name and an organization')
    const app = world.createApp({ name, org, network })
    return { status: 201, body: { id: app.id, created_at: app.createdAt } }
  },
  Apps_show: (call) => ok(appShape(call.world, appOf(call))),
  Apps_delete(call) {
    call.world.deleteApp(appOf(call))
    return { status: 202, body: null }
  },
  Machines_list: (call) => ok(listed(call, inApp(appOf(call), call.world.machines.values())).map(machineShape)),
  async Machines_create(call) {
    const { world, body } = call
    const { name, region = REGIONS[0], config, skip_launch: skip = false } = body as { name?: string; region?: string; config?: MachineConfig; skip_launch?: boolean }
    const app = appOf(call)
    if (config?.image === undefined) throw new Refusal(400, 'invalid_argument: a machine needs an image')
    if (!REGIONS.some((each) => each === region)) throw new Refusal(400, `invalid_argument: region ${region} not found`)
    if (skip) throw new Refusal(400, 'skip_launch is not played')
    for (const { raw_value: value = '' } of config.files ?? []) if (Buffer.from(value, 'base64').toString('base64') !== value) throw new Refusal(400, 'invalid_argument: raw_value is no base64')
    const problem = await world.imageProblem(config.image)
    if (problem !== null) throw new Refusal(400, problem)
    return ok(machineShape(world.createMachine({ app, name: name ?? `machine-${world.machines.size}`, region, config })))
  },
  Machines_show: (call) => ok(machineShape(machineOf(call))),
  Machines_delete(call) {
    call.world.deleteMachine(machineOf(call), call.query['force'] === true)
    return ok({ ok: true })
  },
  Machines_start(call) {
    const machine = machineOf(call)
    const previous = machine.state
    call.world.startMachine(machine)
    return ok({ previous_state: previous })
  },
  Machines_stop(call) {
    const { signal, timeout } = call.body as { signal?: string; timeout?: string }
    call.world.stopMachine(machineOf(call), { ...(signal === undefined ? {} : { signal }), ...(timeout === undefined ? {} : { withinMs: durationMs(timeout) }) })
    return ok({ ok: true })
  },
  Machines_org_list(call) {
    const { items, ...page } = ofOrg(call, call.world.machines.values())
    return ok({ machines: items.map(({ id, app, name, state, region, config, createdAt, updatedAt }) => ({ id, app_name: app, name, state, region, config: { image: config.image, ...(config.guest === undefined ? {} : { guest: config.guest }), ...(config.metadata === undefined ? {} : { metadata: config.metadata }) }, created_at: iso(createdAt), updated_at: iso(updatedAt) })), ...page, ...(call.away === null ? {} : { error_regions: [call.away] }) })
  },
  Volumes_list: (call) => ok(listed(call, inApp(appOf(call), call.world.volumes.values())).map(volumeShape)),
  Volumes_create(call) {
    const { name = '', region = REGIONS[0], size_gb: sizeGb = 1, compute } = call.body as { name?: string; region?: string; size_gb?: number; compute?: Guest }
    if (!REGIONS.some((each) => each === region)) throw new Refusal(400, `invalid_argument: region ${region} not found`)
    return ok(volumeShape(call.world.createVolume({ app: appOf(call), name, region, sizeGb, ...(compute === undefined ? {} : { compute }) })))
  },
  Volumes_get_by_id: (call) => ok(volumeShape(volumeOf(call))),
  Volume_delete: (call) => ok(volumeShape(call.world.deleteVolume(volumeOf(call)))),
  Volumes_org_list(call) {
    const { items, ...page } = ofOrg(call, call.world.volumes.values())
    return ok({ volumes: items.map((volume) => ({ ...volumeShape(volume), app_name: volume.app })), ...page })
  },
  Platform_regions_get: () => ok({ nearest: 'ams', regions: REGIONS.map((code) => ({ code, name: code, deprecated: false, gateway_available: true, requires_paid_plan: false, latitude: 0, longitude: 0 })) }),
  CurrentToken_show: ({ token }) => ok({ tokens: [{ token_id: 'token', organization: token.org, org_slug: token.org, apps: [], ...(token.user === undefined ? {} : { user: token.user }) }] }),
}
