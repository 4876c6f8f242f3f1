/**
 * The `hetzner` provider: a machine is a server of Hetzner Cloud and a volume with its tree, home and state. A server that
 * is switched off costs as much as one that runs, so a stop deletes it and keeps the volume; a start makes another one
 * and mounts that. Never run against the live vendor: tested against a simulator of its published description.
 */
import { isPassing, ProviderFault, type CallContext, type Inventory, type Leftover, type Machine, type MachineSpec, type Observed, type Owner, type Provider, type ProviderCheck, type ProviderFinding, type Step } from '@berth/core'
import { cloudConfig } from '../cloud-init/cloud-config.ts'
import { createMadeImages, fittingImage, isOfImage, withImageLeftovers } from '../made-images.ts'
import { createOneAtATime } from '../one-at-a-time.ts'
import { createdAtIn, installationShown, OWNER_LABEL, ownerIn } from '../owner-labels.ts'
import { remoteBoot } from '../remote-boot.ts'
import { createApi, ENDPOINT, type Api } from './client.ts'
import { imageVendor, labelText } from './images.ts'
import { diskMount, labelsFor, machineOf, nameOf, observedOf, ownerOf, SELECTOR, type Server, type Volume } from './machine.ts'
import { createPriceList, type PriceList } from './prices.ts'
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
/** What an agent with a compiler and a development server needs. */
const SIZE = { memoryBytes: 8 * 1024 ** 3, cpus: 2 }
const QUOTE_WITHIN_MS = 15_000
/** The vendor changes its prices a few times a year. */
const LIST_GOOD_MS = 3_600_000
const SMALLEST_MEMORY_BYTES = 64 * 1024 * 1024

interface Deps { readonly api: Api; readonly options: Required<Omit<HetznerProviderOptions, 'endpoint' | 'fetch'>>; readonly types: { known: readonly ServerType[]; at: number }; readonly prices: PriceList }
interface Found { readonly server: Server | null; readonly volume: Volume | null }
interface Asked { readonly owner: Owner; readonly spec: MachineSpec }

const SETUP_HINT = 'make a token with Read & Write in a project of its own, under Security, API tokens: `berth provider setup hetzner --token-file <path>`'

export function createHetznerProvider(given: HetznerProviderOptions): Provider {
  const options = { ...DEFAULT, ...given }
  const token = (): string => {
    const is = options.token()
    if (is === null) throw new ProviderFault('auth', 'there is no token for Hetzner Cloud', { hint: SETUP_HINT })
    return is
  }
  const api = createApi({ endpoint: options.endpoint ?? ENDPOINT, token, ...(options.fetch === undefined ? {} : { fetch: options.fetch }) })
  const deps: Deps = { api, options, types: { known: [], at: 0 }, prices: createPriceList({ api, now: options.now }) }
  const images = imagesOf(deps)
  const oneAtATime = createOneAtATime()
  return {
    name: 'hetzner',
    unverifiedLive: true,
    isSetUp: () => options.token() !== null,
    check: (signal) => check(deps, signal),
    size: SIZE,
    async quote(spec, signal = AbortSignal.timeout(QUOTE_WITHIN_MS)) {
      const [sizes, prices] = await Promise.all([sizesFor(deps, signal), deps.prices.ask(signal)])
      return quoteOf(sizes, spec, { location: options.location, now: options.now(), volumeGb: options.volumeGb, prices })
    },
    examine: (signal) => examine(deps, signal),
    ensure: (owner, spec, context) => oneAtATime(owner, () => ensure(deps, { owner, spec }, context)),
    async observe(owner, signal) {
      const [found, prices] = await Promise.all([find(api, owner, signal), deps.prices.ask(signal)])
      const one = found.server ?? found.volume
      return machineOf(one === null ? owner : ownerOf(one, owner), found, prices)
    },
    list: (installation, signal) => inventory(deps, installation, signal),
    stop: (owner, context) => oneAtATime(owner, () => stop(deps, owner, context)),
    destroy: (owner, context) => oneAtATime(owner, () => destroy(api, owner, context)),
    ...withImageLeftovers(images, {
      leftovers: (installation, signal) => leftoversOf(api, installation, signal),
      removeLeftover: (leftover, signal) => removeLeftover(deps, leftover, signal),
    }),
    images: createMadeImages(images),
    // The vendor shows a console to people alone; what the first boot says comes over the link.
    logs: async () => '',
  }
}

const BUILDER = { memoryBytes: 2 * 1024 ** 3, cpus: 1 }
function imagesOf(deps: Deps): ReturnType<typeof imageVendor> {
  const { api, options, prices } = deps
  return imageVendor({
    api, options, prices, limitBytes: USER_DATA_LIMIT, lookAgainMs: LOOK_AGAIN_MS, firewall: (signal) => ensureFirewall(deps, signal),
    sizes: async (signal) => fitting(await sizesFor(deps, signal), BUILDER, { location: options.location, now: options.now() }).map(({ type }) => type),
  })
}

/** That new servers begin with. Null: the vendor's own. */
async function preparedFor(deps: Deps, { image, boot }: MachineSpec, signal: AbortSignal): Promise<{ id: number; diskGb: number } | null> {
  if (image !== null) return null
  const { name, diskGb } = await fittingImage(imagesOf(deps), { toolbox: boot.toolbox.hash, base: labelText(deps.options.image) }, signal) ?? { name: null, diskGb: 0 }
  return name === null ? null : { id: Number(name), diskGb }
}

async function check(deps: Deps, signal: AbortSignal): Promise<ProviderCheck> {
  const { api, options } = deps
  const refused = (detail: string, hint: string): ProviderCheck => ({ ok: false, isolation: 'vm', detail, hint })
  if (options.token() === null) return refused('not set up', SETUP_HINT)
  try {
    await askForSizes(deps, signal)
    const places = await api.list<{ id: number; name: string }>('/locations', { key: 'locations', what: 'asking for locations' }, signal)
    if (places.complete && !places.items.some(({ name }) => name === options.location)) return refused(`there is no location ${options.location}`, `locations are ${places.items.map(({ name }) => name).join(', ')}`)
    return { ok: true, isolation: 'vm', detail: `a project of Hetzner Cloud, ${options.location}`, hint: 'the token reaches everything in its project: give Berth a project of its own' }
  } catch (error) {
    if (!(error instanceof ProviderFault) || isPassing(error)) throw error
    return refused(error.message, error.hint)
  }
}

async function askForSizes({ api, options, types }: Deps, signal: AbortSignal): Promise<readonly ServerType[]> {
  const { items } = await api.list<ServerType>('/server_types', { key: 'server_types', what: 'asking for sizes' }, signal)
  Object.assign(types, { known: items, at: options.now() })
  return items
}

/** Nobody need have looked before; a list of a moment ago will do where none can be had. */
async function sizesFor(deps: Deps, signal: AbortSignal): Promise<readonly ServerType[]> {
  const { types, options } = deps
  if (types.known.length > 0 && options.now() - types.at < LIST_GOOD_MS) return types.known
  return askForSizes(deps, signal).catch((error: unknown) => {
    if (types.known.length === 0) throw error
    return types.known
  })
}

/** The vendor's tokens are good for a whole project, to read or to write; and it tells no limits. */
async function examine(deps: Deps, signal: AbortSignal): Promise<ProviderFinding[]> {
  const { api, options } = deps
  const findings: ProviderFinding[] = []
  const say = (level: ProviderFinding['level'], code: string, message: string, hint: string | null = null): void => void findings.push({ level, code, message, hint })
  try {
    await tryToWrite(deps, signal)
    say('ok', 'credentials', 'the token reads and writes')
  } catch (error) {
    if (!(error instanceof ProviderFault)) throw error
    say('error', 'credentials', error.message, error.hint)
  }
  const [servers, volumes] = await Promise.all([
    api.list<Server>('/servers', { key: 'servers', what: 'listing servers' }, signal), api.list<Volume>('/volumes', { key: 'volumes', what: 'listing volumes' }, signal),
  ])
  const others = [...servers.items, ...volumes.items].filter(({ labels }) => { const owner = ownerIn(labels); return typeof owner !== 'object' || owner.installation !== options.installation })
  if (others.length === 0) say('ok', 'scope', "the project has nothing in it but this installation's machines")
  else say('warning', 'scope', `the token also reaches ${others.length} ${others.length === 1 ? 'thing that is' : 'things that are'} not this installation's: ${others.slice(0, 3).map(({ name }) => name).join(', ')}${others.length > 3 ? ' and more' : ''}`, 'give Berth a project of its own, and a token of that')
  say('ok', 'quota', `${servers.items.length} servers and ${volumes.items.length} volumes are in the project; Hetzner tells its limits in the console alone`)
  return findings
}

/** Free, and gone at once: who can make it can make the rest. */
async function tryToWrite({ api, options }: Deps, signal: AbortSignal): Promise<void> {
  const name = `berth-${installationShown(options.installation)}-check`
  const labels = { [OWNER_LABEL.installation]: options.installation }
  const left = await api.list<{ id: number; name: string; labels?: Record<string, string> }>('/firewalls', { key: 'firewalls', query: { name }, what: 'looking for a firewall' }, signal)
  const old = left.items.find((each) => each.name === name && each.labels?.[OWNER_LABEL.installation] === options.installation)
  const made = old ?? (await api.call<{ firewall: { id: number } }>('/firewalls', { method: 'POST', body: { name, labels, rules: [] }, what: 'making a firewall to see whether it may' }, signal)).firewall
  await api.call(`/firewalls/${made.id}`, { method: 'DELETE', what: 'removing that firewall' }, signal)
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

async function ensure(deps: Deps, { owner, spec }: Asked, context: CallContext): Promise<Step<Machine>> {
  const { signal, log } = context
  const { api, options } = deps
  signal.throwIfAborted()
  refuseSpec(deps, { owner, spec })
  const found = await find(api, owner, signal)
  refuseForeign(found, owner)
  const { server, volume } = found
  if (server !== null) {
    if (server.status === 'running') return { done: true, value: machineOf(owner, found, deps.prices.known()) }
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
  await buy(deps, { owner, spec, volume }, context)
  return later('the server starts')
}

/** One server, of the cheapest size that is free. */
async function buy(deps: Deps, { owner, spec, volume }: Asked & { volume: Volume }, { signal, log, told }: Pick<CallContext, 'signal' | 'log' | 'told'>): Promise<void> {
  const { api, options } = deps
  const location = volume.location.name
  const sizes = fitting(await sizesFor(deps, signal), spec, { location, now: options.now() })
  if (sizes.length === 0) throw tooLarge(spec, location)
  const firewall = await ensureFirewall(deps, signal)
  const prepared = await preparedFor(deps, spec, signal)
  const body = {
    name: nameOf(owner), location, labels: labelsFor(owner, options.now()), volumes: [volume.id], automount: true, firewalls: [{ firewall }],
    user_data: cloudConfig({ boot: remoteBoot(owner, spec, { isolation: 'vm', what: 'a server at Hetzner' }), toolboxHash: spec.boot.toolbox.hash, diskMount: diskMount(volume.id), diskDevice: volume.linux_device }, { limitBytes: USER_DATA_LIMIT }),
  }
  told?.(body.user_data)
  for (const [at, { type }] of sizes.entries()) {
    try {
      const { image, from } = beginningOf(prepared, type, spec.image ?? options.image)
      log?.(`buying a ${type.name} in ${location}${from}`)
      await api.call('/servers', { method: 'POST', body: { ...body, image, server_type: type.name }, what: 'making the server' }, signal)
      return
    } catch (error) {
      const isLast = at === sizes.length - 1
      if (!(error instanceof ProviderFault) || error.category !== 'capacity' || isLast) throw error
      log?.(`no ${type.name} is free in ${location}`)
    }
  }
}

/** What its disk begins with: a prepared image where it has room for that. */
function beginningOf(prepared: { readonly id: number; readonly diskGb: number } | null, type: ServerType, usual: string): { image: string; from: string } {
  return prepared === null || type.disk < prepared.diskGb ? { image: usual, from: '' } : { image: String(prepared.id), from: `, from the image ${prepared.id}` }
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
  return { servers: { ...servers, items: servers.items.filter(({ labels }) => !isOfImage(labels)) }, volumes }
}

const keyOf = (owner: Owner): string => `${owner.workspaceId}/${owner.generation}`

async function inventory({ api, prices: list }: Deps, installation: string, signal: AbortSignal): Promise<Inventory<Machine>> {
  const [{ servers, volumes }, prices] = await Promise.all([everything(api, installation, signal), list.ask(signal)])
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
  return { items: [...found.values()].map(({ owner, ...at }) => machineOf(owner, at, prices)), complete: servers.complete && volumes.complete, missing: [...servers.missing, ...volumes.missing] }
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
