/**
 * The `hetzner` provider: a machine is a server of Hetzner Cloud and a volume with its tree, home and state. A server that
 * is switched off costs as much as one that runs, so a stop deletes it and keeps the volume; a start makes another one
 * and mounts that. Never run against the live vendor: tested against a simulator of its published description.
 */
import { ProviderFault, type CallContext, type Inventory, type Leftover, type Machine, type MachineSpec, type Observed, type Owner, type Provider, type ProviderCheck, type Step } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'
import { AGENT, cloudConfig, PLACES } from '../cloud-init/cloud-config.ts'
import { createOneAtATime } from '../one-at-a-time.ts'
import { createdAtIn, installationShown, OWNER_LABEL, ownerIn } from '../owner-labels.ts'
import { createApi, ENDPOINT, type Api } from './client.ts'
import { diskMount, labelsFor, machineOf, nameOf, observedOf, ownerOf, SELECTOR, type Server, type Volume } from './machine.ts'
import { fitting, quoteOf, tooLarge, type ServerType } from './sizes.ts'

export interface HetznerProviderOptions {
  readonly installation: string
  /** Read anew for each call; null: nobody set one. */
  readonly token: () => string | null
  readonly log: (line: string) => void
  readonly endpoint?: string
  /** In place of the runtime's, for tests: both. */
  readonly fetch?: (request: Request) => Promise<Response>
  readonly now?: () => number
  /** Where servers and volumes are made. */
  readonly location?: string
  readonly image?: string
  /** Of the disk that outlives the server; 10 is the vendor's least. */
  readonly volumeGb?: number
}

const DEFAULT = { location: 'fsn1', image: 'debian-12', volumeGb: 20, now: Date.now }
/** The vendor's limit. */
const USER_DATA_LIMIT = 32 * 1024
/** Between two looks at a server that boots, stops or goes. */
const LOOK_AGAIN_MS = 1500
/** It is asked to shut down, then switched off. */
const SHUTDOWN_MS = 30_000
const SMALLEST_MEMORY_BYTES = 64 * 1024 * 1024

interface Deps { readonly api: Api; readonly options: Required<Omit<HetznerProviderOptions, 'endpoint' | 'fetch'>>; readonly types: { known: readonly ServerType[] } }
interface Found { readonly server: Server | null; readonly volume: Volume | null }
interface Asked { readonly owner: Owner; readonly spec: MachineSpec }

export function createHetznerProvider(given: HetznerProviderOptions): Provider {
  const options = { ...DEFAULT, ...given }
  const token = (): string => {
    const is = options.token()
    if (is === null) throw new ProviderFault('auth', 'there is no token for Hetzner Cloud', { hint: 'run `berth provider setup hetzner`' })
    return is
  }
  const deps: Deps = { api: createApi({ endpoint: options.endpoint ?? ENDPOINT, token, ...(options.fetch === undefined ? {} : { fetch: options.fetch }) }), options, types: { known: [] } }
  const { api } = deps
  const oneAtATime = createOneAtATime()
  return {
    name: 'hetzner',
    check: (signal) => check(deps, signal),
    quote: (spec) => quoteOf(deps.types.known, spec, { location: options.location, now: options.now(), volumeGb: options.volumeGb }),
    ensure: (owner, spec, context) => oneAtATime(owner, () => ensure(deps, { owner, spec }, context)),
    async observe(owner, signal) {
      const found = await find(api, owner, signal)
      const one = found.server ?? found.volume
      return machineOf(one === null ? owner : ownerOf(one, owner), found)
    },
    list: (installation, signal) => inventory(api, installation, signal),
    stop: (owner, context) => oneAtATime(owner, () => stop(deps, owner, context)),
    destroy: (owner, context) => oneAtATime(owner, () => destroy(api, owner, context)),
    leftovers: (installation, signal) => leftoversOf(api, installation, signal),
    removeLeftover: (leftover, signal) => removeLeftover(deps, leftover, signal),
    // The vendor shows a console to people alone; what the first boot says comes over the link.
    logs: async () => '',
  }
}

async function check({ api, options, types }: Deps, signal: AbortSignal): Promise<ProviderCheck> {
  const refused = (detail: string, hint: string): ProviderCheck => ({ ok: false, isolation: 'vm', detail, hint })
  if (options.token() === null) return refused('not set up', 'run `berth provider setup hetzner`')
  try {
    const found = await api.list<ServerType>('/server_types', { key: 'server_types', what: 'asking for sizes' }, signal)
    types.known = found.items
    const places = await api.list<{ id: number; name: string }>('/locations', { key: 'locations', what: 'asking for locations' }, signal)
    if (places.complete && !places.items.some(({ name }) => name === options.location)) return refused(`there is no location ${options.location}`, `locations are ${places.items.map(({ name }) => name).join(', ')}`)
    return { ok: true, isolation: 'vm', detail: `a project of Hetzner Cloud, ${options.location} (unverified live)`, hint: 'the token reaches everything in its project: give Berth a project of its own' }
  } catch (error) {
    if (!(error instanceof ProviderFault)) throw error
    return refused(error.message, error.hint)
  }
}

async function find(api: Api, owner: Owner, signal: AbortSignal): Promise<Found> {
  const name = nameOf(owner)
  const [servers, volumes] = await Promise.all([
    api.list<Server>('/servers', { key: 'servers', query: { name }, what: 'looking for the server' }, signal),
    api.list<Volume>('/volumes', { key: 'volumes', query: { name }, what: 'looking for the volume' }, signal),
  ])
  if (!servers.complete || !volumes.complete) throw new ProviderFault('transient', 'Hetzner Cloud gave only a part of a list', { hint: 'it is tried again' })
  return { server: servers.items.find((each) => each.name === name) ?? null, volume: volumes.items.find((each) => each.name === name) ?? null }
}

function refuseForeign({ server, volume }: Found, owner: Owner): void {
  for (const [what, thing] of [['server', server], ['volume', volume]] as const) {
    if (thing === null) continue
    const its = ownerOf(thing, owner)
    if (typeof its === 'object') continue
    throw new ProviderFault('conflict', `a ${what} named ${thing.name} belongs to somebody else`, { hint: 'rename or remove it in the console of Hetzner' })
  }
}

const later = (detail: string, poll: Record<string, unknown> = {}): Step<never> => ({ done: false, poll, afterMs: LOOK_AGAIN_MS, detail })

async function ensure(deps: Deps, { owner, spec }: Asked, { signal, log }: CallContext): Promise<Step<Machine>> {
  const { api, options } = deps
  signal.throwIfAborted()
  refuseSpec(deps, { owner, spec })
  const found = await find(api, owner, signal)
  refuseForeign(found, owner)
  const { server, volume } = found
  if (server !== null) {
    if (server.status === 'running') return { done: true, value: machineOf(owner, found) }
    if (server.status === 'off' && !server.locked) {
      await api.call(`/servers/${server.id}/actions/poweron`, { method: 'POST', what: 'switching the server on' }, signal)
      return later('the server is switched on')
    }
    return later(server.status === 'initializing' || server.status === 'starting' ? 'the server starts' : 'the server of before goes')
  }
  if (volume === null) {
    log?.(`buying a volume of ${options.volumeGb} GB in ${options.location}`)
    await api.call('/volumes', { method: 'POST', body: { name: nameOf(owner), size: options.volumeGb, location: options.location, format: 'ext4', labels: labelsFor(owner, options.now()) }, what: 'making the volume' }, signal)
    return { done: false, poll: {}, afterMs: 0, detail: 'the disk is made' }
  }
  if (volume.status !== 'available' || volume.server !== null) return later('the disk is made')
  await buy(deps, { owner, spec, volume }, { signal, ...(log === undefined ? {} : { log }) })
  return later('the server starts')
}

/** One server, of the cheapest size that is free. */
async function buy(deps: Deps, { owner, spec, volume }: Asked & { volume: Volume }, { signal, log }: CallContext): Promise<void> {
  const { api, options, types } = deps
  if (types.known.length === 0) types.known = (await api.list<ServerType>('/server_types', { key: 'server_types', what: 'asking for sizes' }, signal)).items
  const location = volume.location.name
  const sizes = fitting(types.known, spec, { location, now: options.now() })
  if (sizes.length === 0) throw tooLarge(spec, location)
  const firewall = await ensureFirewall(deps, signal)
  const body = {
    name: nameOf(owner), image: spec.image ?? options.image, location, labels: labelsFor(owner, options.now()), volumes: [volume.id], automount: true, firewalls: [{ firewall }],
    user_data: cloudConfig({ boot: bootFileOf(owner, spec), toolboxHash: spec.boot.toolbox.hash, diskMount: diskMount(volume.id), diskDevice: volume.linux_device }, { limitBytes: USER_DATA_LIMIT }),
  }
  for (const [at, { type }] of sizes.entries()) {
    try {
      log?.(`buying a ${type.name} in ${location}`)
      await api.call('/servers', { method: 'POST', body: { ...body, server_type: type.name }, what: 'making the server' }, signal)
      return
    } catch (error) {
      const isLast = at === sizes.length - 1
      if (!(error instanceof ProviderFault) || error.category !== 'capacity' || isLast) throw error
      log?.(`no ${type.name} is free in ${location}`)
    }
  }
}

/** One for the installation, free of charge: nothing comes in, all goes out. */
async function ensureFirewall({ api, options }: Deps, signal: AbortSignal): Promise<number> {
  const name = `berth-${installationShown(options.installation)}`
  const look = async (): Promise<number | null> => {
    const { items } = await api.list<{ id: number; name: string; labels?: Record<string, string> }>('/firewalls', { key: 'firewalls', query: { name }, what: 'looking for the firewall' }, signal)
    const found = items.find((each) => each.name === name)
    if (found === undefined) return null
    if (found.labels?.[OWNER_LABEL.installation] !== options.installation) throw new ProviderFault('conflict', `a firewall named ${name} belongs to somebody else`, { hint: 'rename or remove it in the console of Hetzner' })
    return found.id
  }
  const there = await look()
  if (there !== null) return there
  try {
    const { firewall } = await api.call<{ firewall: { id: number } }>('/firewalls', { method: 'POST', body: { name, labels: { [OWNER_LABEL.installation]: options.installation }, rules: [] }, what: 'making the firewall' }, signal)
    return firewall.id
  } catch (error) {
    // Another workspace was faster.
    const now = error instanceof ProviderFault && error.category === 'conflict' ? await look() : null
    if (now === null) throw error
    return now
  }
}

function bootFileOf(owner: Owner, { boot }: MachineSpec) {
  const { publicUrl } = boot.link
  if (publicUrl === null) throw new ProviderFault('invalid', 'a server at Hetzner cannot reach this one', { hint: 'set linkUrl in config.yaml to an address of this server that the internet reaches' })
  return {
    // Ours: the row's own id.
    workspaceId: owner.workspaceId as WorkspaceId, generation: owner.generation, linkUrl: publicUrl.replace(/\/$/, ''), bootToken: boot.bootToken,
    stateDir: PLACES.stateDir, runDir: PLACES.runDir, workDir: PLACES.workDir, homeDir: PLACES.homeDir, agentUser: { ...AGENT }, toolboxDir: `${PLACES.toolboxDir}/${boot.toolbox.hash}`, isolation: 'vm' as const,
    env: { BERTH_OWNER: `${owner.installation}/${owner.workspaceId}/${owner.generation}` },
  }
}

function refuseSpec({ options }: Deps, { owner, spec }: Asked): void {
  if (owner.installation !== options.installation) throw new ProviderFault('conflict', 'this machine belongs to another installation', { hint: 'use the server that made it' })
  if (spec.memoryBytes < SMALLEST_MEMORY_BYTES || !(spec.cpus > 0)) throw new ProviderFault('invalid', 'a server needs memory and a processor', { hint: 'leave them out for the defaults' })
  if (spec.egress === 'closed') throw new ProviderFault('unsupported', 'the network of a server at Hetzner cannot be closed yet', { hint: 'use --egress open, or another provider' })
  if (spec.docker === true || spec.sudo === true) throw new ProviderFault('unsupported', 'hetzner offers neither --docker nor --sudo yet', { hint: 'leave them out, or choose the docker provider' })
}

async function stop({ api, options }: Deps, owner: Owner, { signal, poll }: CallContext): Promise<Step<Observed>> {
  const found = await find(api, owner, signal)
  refuseForeign(found, owner)
  const { server } = found
  if (server === null) return { done: true, value: observedOf(found) }
  if (server.locked || server.status === 'deleting' || server.status === 'stopping') return later('the server stops', { ...poll })
  const since = Number(poll?.['askedAt'] ?? 0)
  if (server.status === 'running' && since === 0) {
    await api.call(`/servers/${server.id}/actions/shutdown`, { method: 'POST', what: 'shutting the server down' }, signal)
    return later('the server shuts down', { askedAt: options.now() })
  }
  if (server.status === 'running' && options.now() - since < SHUTDOWN_MS) return later('the server shuts down', { ...poll })
  // Switched off it would cost the same. A delete pulls the plug where it did not listen.
  await remove(api, { what: 'server', id: server.id, owner }, signal)
  return later('the server is given back', { ...poll })
}

async function destroy(api: Api, owner: Owner, { signal }: CallContext): Promise<Step<null>> {
  const found = await find(api, owner, signal)
  refuseForeign(found, owner)
  const { server, volume } = found
  if (server !== null) {
    if (!server.locked && server.status !== 'deleting') await remove(api, { what: 'server', id: server.id, owner }, signal)
    return later('the server is given back')
  }
  if (volume === null) return { done: true, value: null }
  if (volume.server === null) await remove(api, { what: 'volume', id: volume.id, owner }, signal)
  return later('the disk is given back')
}

/** Reads once more whose it is, right before. */
async function remove(api: Api, { what, id, owner }: { what: 'server' | 'volume'; id: number; owner: Owner }, signal: AbortSignal): Promise<void> {
  try {
    const answer = await api.call<Record<string, Server | Volume>>(`/${what}s/${id}`, { what: `looking at the ${what}` }, signal)
    const thing = answer[what]
    if (thing === undefined || typeof ownerOf(thing, owner) !== 'object') throw new ProviderFault('conflict', `the ${what} ${id} belongs to somebody else`, { hint: 'look at it in the console of Hetzner' })
    await api.call(`/${what}s/${id}`, { method: 'DELETE', what: `giving the ${what} back` }, signal)
  } catch (error) {
    // Gone, or on its way.
    if (error instanceof ProviderFault && (error.category === 'not_found' || error.message.includes('(locked)'))) return
    throw error
  }
}

interface Everything { readonly servers: Inventory<Server>; readonly volumes: Inventory<Volume> }

async function everything(api: Api, installation: string, signal: AbortSignal): Promise<Everything> {
  const query = { label_selector: SELECTOR(installation) }
  const [servers, volumes] = await Promise.all([
    api.list<Server>('/servers', { key: 'servers', query, what: 'listing servers' }, signal),
    api.list<Volume>('/volumes', { key: 'volumes', query, what: 'listing volumes' }, signal),
  ])
  return { servers, volumes }
}

const keyOf = (owner: Owner): string => `${owner.workspaceId}/${owner.generation}`

async function inventory(api: Api, installation: string, signal: AbortSignal): Promise<Inventory<Machine>> {
  const { servers, volumes } = await everything(api, installation, signal)
  const found = new Map<string, { owner: Machine['owner']; server: Server | null; volume: Volume | null }>()
  for (const [kind, things] of [['server', servers.items], ['volume', volumes.items]] as const) {
    for (const thing of things) {
      const owner = ownerIn(thing.labels)
      // What is named otherwise is no machine: see leftovers.
      if (typeof owner === 'object' && thing.name !== nameOf(owner)) continue
      const key = typeof owner === 'object' ? keyOf(owner) : `${kind} ${thing.id}`
      found.set(key, { server: null, volume: null, ...found.get(key), owner, [kind]: thing })
    }
  }
  return { items: [...found.values()].map(({ owner, ...at }) => machineOf(owner, at)), complete: servers.complete && volumes.complete, missing: [...servers.missing, ...volumes.missing] }
}

/** With our labels and another name: made by a hand that copied them. */
async function leftoversOf(api: Api, installation: string, signal: AbortSignal): Promise<Inventory<Leftover>> {
  const { servers, volumes } = await everything(api, installation, signal)
  const misnamed = (kind: string, things: readonly (Server | Volume)[]): Leftover[] => things.flatMap(({ id, name, labels, created }) => {
    const owner = ownerIn(labels)
    return typeof owner === 'object' && name !== nameOf(owner) ? [{ kind, name: String(id), owner, createdAt: createdAtIn(labels) || Date.parse(created) || 0 }] : []
  })
  return { items: [...misnamed('server', servers.items), ...misnamed('volume', volumes.items)], complete: servers.complete && volumes.complete, missing: [...servers.missing, ...volumes.missing] }
}

async function removeLeftover({ api, options }: Deps, { kind, name, owner }: Leftover, signal: AbortSignal): Promise<void> {
  if (typeof owner !== 'object' || owner.installation !== options.installation) throw new ProviderFault('conflict', `the ${kind} ${name} is not this installation's`, { hint: 'look into it and remove it by hand' })
  if (kind !== 'server' && kind !== 'volume') throw new ProviderFault('invalid', `hetzner knows no ${kind}`)
  await remove(api, { what: kind, id: Number(name), owner }, signal)
}
