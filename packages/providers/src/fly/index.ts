/**
 * The `fly` provider: a machine is an app of its own at Fly, with a volume, and a Fly machine while it runs. A stop there
 * resets everything but the volume, so a stop here keeps the volume alone; a start makes a machine beside it. Never run
 * against the live vendor: tested against a simulator of its published description.
 */
import { isPassing, ProviderFault, type CallContext, type Inventory, type Leftover, type Machine, type MachineSpec, type Observed, type Owner, type Provider, type ProviderCheck, type ProviderFinding, type Step } from '@berth/core'
import { createOneAtATime } from '../one-at-a-time.ts'
import { labelsOf, sameOwner } from '../owner-labels.ts'
import { createApi, ENDPOINT, type Api } from './client.ts'
import { createFlyImages, REGISTRY, type FlyImages } from './images.ts'
import { appNameOf, byAge, diskOf, hidesVolumes, isGoing, machineOf, networkOf, observedOf, ownerOf, standing, surplusOf, type App, type Found, type FlyMachine, type Volume } from './machine.ts'
import { guestFor, quoteOf, type CpuKind } from './sizes.ts'
import { DISK_PATH, filesFor } from './start.ts'

interface Options {
  readonly installation: string
  /** Read anew for each call; null: nobody set one. */
  readonly token: () => string | null
  readonly log: (line: string) => void
  /** Whose apps they are, by its short name. */
  readonly organization: string
  /** Where machines are made: the first that has room. */
  readonly regions: readonly string[]
  readonly image: string
  /** Where prepared images are put, and Fly reads them from. */
  readonly registry: string
  readonly cpuKind: CpuKind
  readonly volumeGb: number
  /** Without an answer of this server a machine ends by itself. */
  readonly endAfterHours: number
  readonly now: () => number
}
export interface FlyProviderOptions extends Pick<Options, 'installation' | 'token' | 'log'>, Partial<Omit<Options, 'installation' | 'token' | 'log'>> {
  readonly endpoint?: string
  /** In place of the runtime's, for tests. */
  readonly fetch?: (request: Request) => Promise<Response>
}

const GIB = 1024 ** 3
const DEFAULT = { organization: 'personal', regions: ['iad'], image: 'buildpack-deps:bookworm-scm', registry: REGISTRY, cpuKind: 'shared', volumeGb: 20, endAfterHours: 12, now: Date.now } as const
/** Between two looks; each action may be asked for once a second. */
const LOOK_AGAIN_MS = 2000
/** It is asked to stop, then ended. */
const SHUTDOWN_MS = 30_000
const SMALLEST_MEMORY_BYTES = 64 * 1024 * 1024
const MACHINE = 'workspace'
const VOLUME = 'berth'
const VOLUME_KIND = 'volume'

interface Deps { readonly api: Api; readonly options: Options; readonly images: Pick<FlyImages, 'fitting'> }
interface Asked { readonly owner: Owner; readonly spec: MachineSpec }
interface There extends Found { readonly app: App }

const SETUP_HINT = 'make a token with `fly tokens create org`: `berth provider setup fly --token-file <path>`'

export function createFlyProvider({ endpoint = ENDPOINT, fetch, ...given }: FlyProviderOptions): Provider {
  const options: Options = { ...DEFAULT, ...given }
  const token = (): string => {
    const is = options.token()
    if (is === null) throw new ProviderFault('auth', 'there is no token for Fly', { hint: SETUP_HINT })
    return is
  }
  const api = createApi({ endpoint, token, ...(fetch === undefined ? {} : { fetch }) })
  const images = createFlyImages({ api, options, apps: (signal) => listApps({ api, options }, signal), app: (name, signal) => appNamed(api, name, signal) })
  const deps: Deps = { api, options, images }
  const oneAtATime = createOneAtATime()
  return {
    name: 'fly',
    unverifiedLive: true,
    size: { memoryBytes: 8 * GIB, cpus: 2 },
    isSetUp: () => options.token() !== null,
    check: (signal) => check(deps, signal),
    examine: (signal) => examine(deps, signal),
    quote: (wanted) => quoteOf(guestFor(wanted, options.cpuKind), options.volumeGb),
    ensure: (owner, spec, context) => oneAtATime(owner, () => ensure(deps, { owner, spec }, context)),
    async observe(owner, signal) {
      const found = await find(deps, owner, signal)
      return machineOf(found.app === null || isOurs(found.app, owner) ? owner : 'foreign', found)
    },
    list: (installation, signal) => inventory(deps, installation, signal),
    stop: (owner, context) => oneAtATime(owner, () => stop(deps, owner, context)),
    destroy: (owner, context) => oneAtATime(owner, () => destroy(deps, owner, context)),
    // Everything else is in an app, and an app is a machine; but one has one volume.
    async leftovers(installation, signal) {
      const [surplus, ofImages] = await Promise.all([surplusVolumes(deps, installation, signal), images.leftovers.leftovers(installation, signal)])
      return { items: [...surplus.items, ...ofImages.items], complete: surplus.complete && ofImages.complete, missing: [...surplus.missing, ...ofImages.missing] }
    },
    removeLeftover: async (leftover, signal) => (leftover.kind === VOLUME_KIND ? removeSurplusVolume(deps, leftover, signal) : images.leftovers.removeLeftover(leftover, signal)),
    images: images.images,
    // The vendor streams them by another way.
    logs: async () => '',
  }
}

async function check({ api, options }: Pick<Deps, 'api' | 'options'>, signal: AbortSignal): Promise<ProviderCheck> {
  const refused = (detail: string, hint: string): ProviderCheck => ({ ok: false, isolation: 'vm', detail, hint })
  if (options.token() === null) return refused('not set up', SETUP_HINT)
  try {
    const { regions = [] } = await api.call<{ regions?: readonly { code: string; deprecated?: boolean }[] }>('/platform/regions', { what: 'asking for regions' }, signal)
    const unknown = options.regions.find((region) => !regions.some(({ code, deprecated }) => code === region && deprecated !== true))
    if (unknown !== undefined) return refused(`there is no region ${unknown}`, `regions are ${regions.map(({ code }) => code).join(', ')}`)
    await listApps({ api, options }, signal)
    return { ok: true, isolation: 'vm', detail: `the organization ${options.organization} at Fly, ${options.regions.join(', ')}`, hint: null }
  } catch (error) {
    if (!(error instanceof ProviderFault) || isPassing(error)) throw error
    return refused(error.message, error.hint)
  }
}

async function examine({ api }: Deps, signal: AbortSignal): Promise<readonly ProviderFinding[]> {
  const { tokens = [] } = await api.call<{ tokens?: readonly { user?: string; organization?: string }[] }>('/tokens/current', { what: 'asking what the token may' }, signal)
  const isPersons = tokens.some(({ user }) => user !== undefined && user !== '')
  return [isPersons
    ? { level: 'warning', code: 'token_over_broad', message: 'the token is a person\'s: it reaches all organizations of that person', hint: 'make one with `fly tokens create org --org <name> --expiry 8760h`, for an organization of Berth\'s own' }
    : { level: 'ok', code: 'token', message: 'the token is of one organization', hint: null }]
}

const isOurs = (app: App, owner: Owner): boolean => sameOwner(ownerOf(app), owner)
const isAbsent = (error: unknown): boolean => error instanceof ProviderFault && error.category === 'not_found'

const appOf = (api: Api, owner: Owner, signal: AbortSignal): Promise<App | null> => appNamed(api, appNameOf(owner), signal)

async function appNamed(api: Api, name: string, signal: AbortSignal): Promise<App | null> {
  try {
    return await api.call<App>(`/apps/${name}`, { what: 'looking for the app' }, signal)
  } catch (error) {
    if (isAbsent(error)) return null
    throw error
  }
}

async function find({ api }: Deps, owner: Owner, signal: AbortSignal): Promise<Found> {
  const app = await appOf(api, owner, signal)
  if (app === null) return { app, machines: [], volumes: [] }
  try {
    const [machines, volumes] = await Promise.all([
      api.call<FlyMachine[]>(`/apps/${app.name}/machines`, { what: 'looking for the machine' }, signal),
      api.call<Volume[]>(`/apps/${app.name}/volumes`, { what: 'looking for the volume' }, signal),
    ])
    return { app, machines: machines.filter(({ state }) => state !== 'destroyed'), volumes }
  } catch (error) {
    // It went between the two.
    if (isAbsent(error)) return { app: null, machines: [], volumes: [] }
    throw error
  }
}

function refuseForeign({ app }: Found, owner: Owner): void {
  if (app !== null && !isOurs(app, owner)) throw new ProviderFault('conflict', `an app named ${app.name} belongs to somebody else`, { hint: 'remove it, or look whose it is, at fly.io' })
}

const later = (detail: string, poll: Record<string, unknown> = {}, afterMs = LOOK_AGAIN_MS): Step<never> => ({ done: false, poll, afterMs, detail })

async function ensure(deps: Deps, { owner, spec }: Asked, { signal, log, told }: CallContext): Promise<Step<Machine>> {
  const { api, options } = deps
  signal.throwIfAborted()
  refuseSpec(deps, { owner, spec })
  const guest = guestFor(spec, options.cpuKind)
  const found = await find(deps, owner, signal)
  refuseForeign(found, owner)
  const { app } = found
  if (app === null) {
    await makeApp(deps, owner, signal)
    return later('the app is made')
  }
  const [machine] = byAge(found.machines)
  if (machine === undefined && hidesVolumes(found)) return later(`Fly counts ${app.volume_count} volumes of the app and lists ${found.volumes.length}: waiting for the list`)
  const disk = diskOf(found)
  if (disk === null) {
    await makeVolume(deps, { app, guest, image: spec.image ?? options.image }, { signal, ...(log === undefined ? {} : { log }) })
    return later('the volume is made')
  }
  if (machine === undefined) {
    await removeSurplus(api, { ...found, app }, owner, signal)
    log?.(`making a machine with ${guest.cpus} processors and ${guest.memory_mb} MB in ${disk.region}`)
    await makeMachine(deps, { owner, spec }, { app, disk, guest }, { signal, ...(told === undefined ? {} : { told }) })
    return later('the machine starts')
  }
  const { state } = observedOf(found)
  if (state === 'running') {
    // Now it is known which one has the work: without a machine it is not.
    await removeSurplus(api, { ...found, app }, owner, signal)
    return { done: true, value: machineOf(owner, found) }
  }
  if (state !== 'stopped' && state !== 'unknown') return later('the machine starts')
  // All but its volume is lost anyway, and its boot token is used up.
  await removeMachine(api, { app, id: machine.id, owner }, signal)
  return later('the machine of before goes')
}

async function makeApp({ api, options }: Deps, owner: Owner, signal: AbortSignal): Promise<void> {
  try {
    await api.call('/apps', { method: 'POST', body: { name: appNameOf(owner), org_slug: options.organization, network: networkOf(owner, options.now()) }, what: 'making the app' }, signal)
  } catch (error) {
    // The answer of before was lost, or the name is taken where we cannot look.
    const there = error instanceof ProviderFault && error.category === 'conflict' ? await appOf(api, owner, signal) : null
    if (there === null || !isOurs(there, owner)) throw error
  }
}

/** Where a machine of this size has room too: a volume is on one host, and its machine has to be there. */
async function makeVolume({ api, options }: Deps, { app, guest, image }: { app: App; guest: unknown; image: string }, { signal, log }: { signal: AbortSignal; log?: (line: string) => void }): Promise<void> {
  for (const [at, region] of options.regions.entries()) {
    try {
      log?.(`making a volume of ${options.volumeGb} GB in ${region}`)
      await api.call(`/apps/${app.name}/volumes`, { method: 'POST', body: { name: VOLUME, region, size_gb: options.volumeGb, encrypted: true, compute: guest, compute_image: image }, what: 'making the volume' }, signal)
      return
    } catch (error) {
      if (!(error instanceof ProviderFault) || error.category !== 'capacity' || at === options.regions.length - 1) throw error
      log?.(`${region} has no room`)
    }
  }
}

async function makeMachine({ api, options, images }: Deps, { owner, spec }: Asked, { app, disk, guest }: { app: App; disk: Volume; guest: unknown }, { signal, told }: Pick<CallContext, 'signal' | 'told'>): Promise<void> {
  const { files, exec, told: instructions } = filesFor(owner, spec, { endAfterMinutes: options.endAfterHours * 60 })
  told?.(instructions)
  // A machine that ends is looked at, not started again: a start wants a boot token of its own.
  const image = spec.image ?? await images.fitting(spec.boot.toolbox.hash, signal) ?? options.image
  const config = { image, guest, files, init: { exec }, mounts: [{ volume: disk.id, path: DISK_PATH }], metadata: labelsOf(owner, options.now()), restart: { policy: 'no' }, auto_destroy: false }
  try {
    await api.call(`/apps/${app.name}/machines`, { method: 'POST', body: { name: MACHINE, region: disk.region, config }, what: 'making the machine' }, signal)
  } catch (error) {
    // The answer of before was lost: it is there by this name.
    if (!(error instanceof ProviderFault) || error.category !== 'conflict') throw error
  }
}

function refuseSpec({ options }: Deps, { owner, spec }: Asked): void {
  if (owner.installation !== options.installation) throw new ProviderFault('conflict', 'this machine belongs to another installation', { hint: 'use the server that made it' })
  if (spec.memoryBytes < SMALLEST_MEMORY_BYTES || !(spec.cpus > 0)) throw new ProviderFault('invalid', 'a machine needs memory and a processor', { hint: 'leave them out for the defaults' })
  if (spec.egress === 'closed') throw new ProviderFault('unsupported', 'the network of a machine at Fly cannot be closed yet', { hint: 'use --egress open, or another provider' })
  if (spec.docker === true || spec.sudo === true) throw new ProviderFault('unsupported', 'fly offers neither --docker nor --sudo yet', { hint: 'leave them out, or choose the docker provider' })
}

async function stop(deps: Deps, owner: Owner, { signal, poll }: CallContext): Promise<Step<Observed>> {
  const { api, options } = deps
  const found = await find(deps, owner, signal)
  refuseForeign(found, owner)
  const { app } = found
  const [machine] = byAge(found.machines)
  if (app === null || machine === undefined) return { done: true, value: observedOf(found) }
  if (isGoing(machine)) return later('the machine goes', { ...poll })
  await removeSurplus(api, { ...found, app }, owner, signal)
  const since = Number(poll?.['askedAt'] ?? 0)
  if (machine.state === 'started' && since === 0) {
    await api.call(`/apps/${app.name}/machines/${machine.id}/stop`, { method: 'POST', body: { signal: 'SIGTERM', timeout: `${SHUTDOWN_MS / 1000}s` }, what: 'stopping the machine' }, signal)
    return later('the machine stops', { askedAt: options.now() })
  }
  if ((machine.state === 'started' || machine.state === 'stopping') && options.now() - since < SHUTDOWN_MS) return later('the machine stops', { askedAt: since || options.now() })
  await removeMachine(api, { app, id: machine.id, owner }, signal)
  return later('the machine is given back', { ...poll })
}

async function destroy(deps: Deps, owner: Owner, { signal }: CallContext): Promise<Step<null>> {
  const { api } = deps
  const found = await find(deps, owner, signal)
  refuseForeign(found, owner)
  if (found.app === null) return { done: true, value: null }
  const there: There = { ...found, app: found.app }
  for (const machine of there.machines) if (!isGoing(machine)) await removeMachine(api, { app: there.app, id: machine.id, owner }, signal)
  if (there.machines.length > 0) return later('the machine is given back')
  for (const volume of standing(there.volumes)) await removeVolume(api, { app: there.app, id: volume.id, owner }, signal)
  if (standing(there.volumes).length > 0) return later('the volume is given back')
  await prove(api, owner, signal)
  await gone(api.call(`/apps/${there.app.name}`, { method: 'DELETE', what: 'removing the app' }, signal))
  return later('the app is removed')
}

interface Part { readonly app: App; readonly id: string; readonly owner: Owner }

/** Reads once more whose it is, right before. */
async function prove(api: Api, owner: Owner, signal: AbortSignal): Promise<void> {
  const app = await appOf(api, owner, signal)
  if (app !== null && !isOurs(app, owner)) throw new ProviderFault('conflict', `the app ${app.name} belongs to somebody else`, { hint: 'look at it at fly.io' })
}
const gone = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => {
  if (!isAbsent(error)) throw error
})

async function removeMachine(api: Api, { app, id, owner }: Part, signal: AbortSignal): Promise<void> {
  await prove(api, owner, signal)
  await gone(api.call(`/apps/${app.name}/machines/${id}`, { method: 'DELETE', query: { force: 'true' }, what: 'giving the machine back' }, signal))
}
async function removeSurplus(api: Api, found: There, owner: Owner, signal: AbortSignal): Promise<void> {
  for (const { id } of surplusOf(found)) await removeVolume(api, { app: found.app, id, owner }, signal)
}
async function removeVolume(api: Api, { app, id, owner }: Part, signal: AbortSignal): Promise<void> {
  await prove(api, owner, signal)
  await gone(api.call(`/apps/${app.name}/volumes/${id}`, { method: 'DELETE', what: 'giving the volume back' }, signal))
}

async function listApps({ api, options }: Pick<Deps, 'api' | 'options'>, signal: AbortSignal): Promise<Inventory<App>> {
  const what = 'listing apps'
  const { apps = [], total_apps: total = 0 } = await api.call<{ apps?: readonly App[]; total_apps?: number }>('/apps', { query: { org_slug: options.organization }, what }, signal)
  return apps.length >= total ? { items: apps, complete: true, missing: [] } : { items: apps, complete: false, missing: [`${what}: ${apps.length} of ${total}`] }
}

interface Ours { readonly owner: Owner; readonly found: There }
interface Standing { readonly items: readonly Ours[]; readonly complete: boolean; readonly missing: readonly string[] }

/** All apps of machines of an installation, with what is in them. */
async function everything(deps: Deps, installation: string, signal: AbortSignal): Promise<Standing> {
  const { api, options } = deps
  const of = `/orgs/${encodeURIComponent(options.organization)}`
  const [apps, machines, volumes] = await Promise.all([
    listApps(deps, signal),
    api.list<FlyMachine & { readonly app_name: string }>(`${of}/machines`, { key: 'machines', what: 'listing machines' }, signal),
    api.list<Volume & { readonly app_name: string }>(`${of}/volumes`, { key: 'volumes', what: 'listing volumes' }, signal),
  ])
  const items = apps.items.flatMap((app) => {
    const owner = ownerOf(app)
    if (typeof owner !== 'object' || owner.installation !== installation) return []
    const within = <T extends { readonly app_name: string }>({ items: all }: Inventory<T>): T[] => all.filter(({ app_name: name }) => name === app.name)
    return [{ owner, found: { app, machines: within(machines).filter(({ state }) => state !== 'destroyed'), volumes: within(volumes) } }]
  })
  return { items, complete: [apps, machines, volumes].every(({ complete }) => complete), missing: [apps, machines, volumes].flatMap(({ missing }) => missing) }
}

async function inventory(deps: Deps, installation: string, signal: AbortSignal): Promise<Inventory<Machine>> {
  const { items, ...rest } = await everything(deps, installation, signal)
  return { ...rest, items: items.map(({ owner, found }) => machineOf(owner, found)) }
}

async function surplusVolumes(deps: Deps, installation: string, signal: AbortSignal): Promise<Inventory<Leftover>> {
  const { items, ...rest } = await everything(deps, installation, signal)
  return { ...rest, items: items.flatMap(({ owner, found }) => surplusOf(found).map(({ id, created_at: created }): Leftover => ({ kind: VOLUME_KIND, name: id, owner, createdAt: Date.parse(created) || 0 }))) }
}

/** By a look of now: which one has the work may have changed. */
async function removeSurplusVolume(deps: Deps, { name, owner }: Leftover, signal: AbortSignal): Promise<void> {
  if (typeof owner !== 'object' || owner.installation !== deps.options.installation) throw new ProviderFault('conflict', `the volume ${name} is not this installation's`, { hint: 'look at it at fly.io' })
  const found = await find(deps, owner, signal)
  refuseForeign(found, owner)
  const { app } = found
  if (app !== null && surplusOf(found).some(({ id }) => id === name)) await removeVolume(deps.api, { app, id: name, owner }, signal)
}
