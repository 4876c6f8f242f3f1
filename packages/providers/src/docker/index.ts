/** The `docker` provider: a machine is a container with three volumes and a network of its own. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { deadlines, ProviderFault, type CallContext, type KeptImages, type Machine, type MachineMade, type MachineSpec, type Observed, type Owner, type Provider, type ProviderCheck, type Step } from '@berth/core'
import { createOneAtATime } from '../one-at-a-time.ts'
import { GLIBC_LOADERS, hostCLibrary } from './c-library.ts'
import { removeCompanions, stopCompanions } from './companions.ts'
import { bootArchive, createBody, homeOf, isHeld, linkUrl, namesBeside, userOf, WORK_DIR, type ContainerPlan } from './container.ts'
import { tidyScratch } from './devcontainer/scratch.ts'
import { projectImages, tidyImages, type ProjectImage } from './devcontainer/tidy.ts'
import { createEngine, type Engine } from './engine.ts'
import { createHolding, type HeldContainer, type Holding } from './held.ts'
import { isBuiltHere } from './images.ts'
import { bringInside, hasEngine, waitForEngineImage, type InsideCall, type InsideDeps } from './inside/bring.ts'
import { SUDO_NOTICE } from '../extras.ts'
import { ENGINE_WARNING } from './inside/rights.ts'
import { inventory, leftoversOf, machineFrom, observedFrom, removeIfOwned, type ContainerState } from './inventory.ts'
import { createJobs, type Jobs } from './jobs.ts'
import { createdAtIn, devcontainerIn, INSIDE_VOLUMES, labelsOf, machineName, madeIn, ownerIn, revisionIn, sameOwner, volumeName, VOLUMES, type Labels } from './names.ts'
import { demultiplex } from './output.ts'
import { createPreparedImages } from './prepared.ts'
import { chooseImage, type Chosen } from './project-image.ts'
import { bringServices } from './services.ts'
import { tar } from './tar.ts'
import { ensureVolume, volumesOf } from './volumes.ts'
import { heldNetwork, holdNetwork, type HoldNetwork } from './service-network.ts'
import { setWalls, type WalledMachine, type WallsCall, type WallsDeps } from './walls.ts'

export interface DockerProviderOptions {
  readonly installation: string
  readonly home: string
  readonly log: (line: string) => void
  /** Path of the engine's socket, or a DOCKER_HOST value; else DOCKER_HOST, else the usual socket. */
  readonly socket?: string
  /** The image of workspaces that name none; else the one built from images/workspace. */
  readonly defaultImage?: string
  /** `host-usr`: the default image borrows this host's /usr. Made in no time; for tests and hosts without a registry. */
  readonly baseImage?: 'auto' | 'host-usr'
  /** Addresses, or `address:port`, that machines may reach although they are private. */
  readonly egressAllow?: readonly string[]
  /** Ports of this host that machines may reach as `host.docker.internal:<port>`. */
  readonly hostPorts?: readonly number[]
  /** Path of the devcontainer CLI's script, fetched when it is first needed. Absent: devcontainers are left alone. */
  /** Images of projects beyond this go, the longest unused first; those in use stay. */
  readonly keepImagesBytes?: number
  readonly devcontainerCli?: (log: (line: string) => void, signal: AbortSignal) => Promise<string>
}
export interface ContainerInspect extends HeldContainer {
  readonly Config: { readonly Labels: Labels }
  readonly State: ContainerState & WalledMachine['State']
  readonly NetworkSettings?: WalledMachine['NetworkSettings'] & { readonly Networks?: Readonly<Record<string, { readonly NetworkID?: string }>> | null }
}

const SMALLEST_MEMORY_BYTES = 6 * 1024 * 1024
/** A slow image is waited for this long in one call, then polled for. */
const IMAGE_PATIENCE_MS = 10_000
/** People follow a build step by step. */
const BUILD_PATIENCE_MS = 1500
/** Nearly all of the wait is inside the call, which ends as soon as the image is there. */
const LOOK_AGAIN_MS = 100
const STOP_GRACE_S = 10

interface Deps { readonly options: DockerProviderOptions; readonly engine: Engine; readonly images: Jobs<Chosen>; readonly insides: Jobs<string>; readonly holding: Holding }

export function createDockerProvider(options: DockerProviderOptions): Provider {
  const engine = createEngine(options.socket)
  const deps: Deps = { options, engine, images: createJobs({ log: options.log, first: 'preparing the image' }), insides: createJobs({ log: options.log, first: 'preparing a Docker engine' }), holding: createHolding(engine) }
  const oneAtATime = createOneAtATime()
  return {
    name: 'docker',
    async check(signal) {
      const found = await check(engine, signal)
      return found.ok ? { ...found, images: keptOf(await projectImages(engine, imagesDir(options), signal)) } : found
    },
    async tidy(signal) {
      await tidyScratch(Date.now())
      return tidyImages(engine, { dir: imagesDir(options), keep: { unusedMs: deadlines.projectImageUnused, totalBytes: options.keepImagesBytes ?? KEPT_IMAGES_BYTES }, now: Date.now() }, signal)
    },
    quote: () => ({ currency: 'USD', runningMicrosPerHour: 0, stoppedMicrosPerHour: 0, note: 'runs on this computer' }),
    ensure: (owner, spec, context) => oneAtATime(owner, () => ensure(deps, owner, spec, context)),
    async observe(owner, signal) {
      const found = await inspect(engine, owner, signal)
      if (found === null) return { ref: {}, owner, observed: { state: 'absent' }, createdAt: 0, isolation: null }
      const machine = machineOf(owner, found)
      return machine.observed.state === 'running' && await deps.holding.isHeld(found, signal) ? { ...machine, observed: { state: 'starting' } } : machine
    },
    list: (installation, signal) => inventory(engine, installation, signal),
    stop(owner, context) {
      endBuilds(deps, owner)
      return oneAtATime(owner, () => stop(engine, owner, context))
    },
    destroy(owner, context) {
      endBuilds(deps, owner)
      return oneAtATime(owner, () => destroy(engine, owner, context))
    },
    setEgress: (owner, mode, context) => oneAtATime(owner, () => setEgress(deps, owner, mode, context)),
    leftovers: (installation, signal) => leftoversOf(engine, installation, signal),
    async removeLeftover(leftover, signal) {
      if (typeof leftover.owner !== 'object' || leftover.owner.installation !== options.installation) {
        throw new ProviderFault('conflict', `the ${leftover.kind} ${leftover.name} is not this installation's`, { hint: 'look into it and remove it by hand' })
      }
      if (leftover.kind !== 'container' && leftover.kind !== 'volume' && leftover.kind !== 'network') throw new ProviderFault('invalid', `docker knows no ${leftover.kind}`)
      await removeIfOwned(engine, { kind: leftover.kind, name: leftover.name, owner: leftover.owner }, signal)
    },
    images: createPreparedImages({ engine, wanted: options.defaultImage ?? null, imageDeps: async (log, signal) => ({ engine, engineIsHere: await sharesOurKernel(engine, signal), log, base: options.baseImage ?? 'auto' }) }),
    logs: (owner, tailBytes, signal) => logs(engine, { owner, tailBytes }, signal),
  }
}

const KEPT_IMAGES_BYTES = 20 * 1024 ** 3
const imagesDir = ({ home }: DockerProviderOptions): string => join(home, 'devcontainers')
const keptOf = (images: readonly ProjectImage[]): KeptImages => ({ count: images.length, sizeBytes: images.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) })

async function check(engine: Engine, signal: AbortSignal): Promise<ProviderCheck> {
  try {
    const info = await engine.json<{ ServerVersion?: string; OSType?: string }>('/info', { what: 'asking the engine about itself' }, signal)
    if (info.OSType !== 'linux') return { ok: false, isolation: 'container', detail: `the engine runs ${info.OSType} containers`, hint: 'switch it to Linux containers' }
    return { ok: true, isolation: 'container', detail: `docker ${info.ServerVersion} at ${engine.address}`, hint: null, can: ['docker', 'sudo'] }
  } catch (error) {
    if (!(error instanceof ProviderFault)) throw error
    return { ok: false, isolation: 'container', detail: error.message, hint: error.hint }
  }
}

async function ensure(deps: Deps, owner: Owner, spec: MachineSpec, context: CallContext): Promise<Step<Machine>> {
  const { engine } = deps
  const { signal } = context
  refuseSpec(deps, owner, spec)
  const [found, engineIsHere] = await together([inspect(engine, owner, signal), sharesOurKernel(engine, signal)])
  if (found !== null) {
    refuseForeign(found, owner)
    if (observedFrom(found.State).state === 'running') return besideIt(deps, { owner, spec, machine: found, engineIsHere }, context)
    if (found.State.Status === 'removing') return { done: false, poll: {}, afterMs: 500, detail: 'the container of before is being removed' }
  }
  if (!engineIsHere && !(await seesOurFiles(engine, signal))) {
    throw new ProviderFault('unsupported', 'the docker engine is on another computer, which has no toolbox', { hint: 'use an engine on this computer, or a server beside the engine' })
  }
  const planned = await planOf(deps, { owner, spec, found, engineIsHere }, context)
  // The wait was inside the call: an image that comes between two of them is not to lie there.
  if ('detail' in planned) return { done: false, poll: { step: 'image' }, afterMs: 0, detail: planned.detail }
  await prepare(engine, { plan: planned, link: linkOf(planned), found: planned.rebuilt ? null : found }, context)
  await start(engine, owner, context)
  deps.images.forget(jobKey(deps, { owner, spec }))
  const now = await inspect(engine, owner, signal)
  if (now === null) throw new ProviderFault('transient', 'the container was removed while it started', { committed: 'unknown', hint: 'try again' })
  return besideIt(deps, { owner, spec, machine: now, engineIsHere }, context)
}

const insideDeps = ({ engine, insides, options }: Deps, engineIsHere: boolean): InsideDeps => ({ engine, jobs: insides, images: { engine, engineIsHere, base: options.baseImage ?? 'auto' } })

/** A machine is there when what belongs beside it is, also after a crash between the two. */
async function besideIt(deps: Deps, { owner, spec, machine, engineIsHere }: { owner: Owner; spec: MachineSpec; machine: ContainerInspect; engineIsHere: boolean }, context: CallContext): Promise<Step<Machine>> {
  const { engine } = deps
  const made: Step<Machine> = { done: true, value: machineOf(owner, machine) }
  const devcontainer = devcontainerIn(machine.Config.Labels)
  if (!isHeld({ spec, devcontainer, engineIsHere })) return made
  const [mode, services] = [spec.egress ?? 'open', devcontainer?.services ?? []] as const
  const beside = namesBeside(services)
  const ended = await wallsOrEnded(deps, { owner, machine, mode, beside, engineIsHere, maybeTouched: spec.docker === true }, context)
  if (ended !== null) return { done: true, value: ended }
  const started = { id: machine.Id, startedAt: Date.parse(machine.State.StartedAt ?? '') || 0 }
  const waiting = await bringServices(engine, { owner, spec, machine: started, services, hold: serviceNetworks(deps, { owner, mode, beside, since: started.startedAt, engineIsHere }) }, context)
    ?? (spec.docker === true ? await bringInside(insideDeps(deps, engineIsHere), insideCall({ owner, spec, devcontainer }, started), context) : null)
  if (waiting !== null) return { done: false, poll: {}, afterMs: LOOK_AGAIN_MS, detail: waiting.detail }
  await deps.holding.letGo(machine, context.signal)
  return made
}

/** Null: they stand. A machine whose first program has ended already has no network to join, and is told of as what it is. */
async function wallsOrEnded(deps: Deps, walls: Parameters<typeof wallsOf>[1], context: CallContext): Promise<Machine | null> {
  try {
    await wallsOf(deps, walls, context)
    return null
  } catch (cause) {
    const now = await inspect(deps.engine, walls.owner, context.signal)
    if (now === null || observedFrom(now.State).state === 'running') throw cause
    return machineOf(walls.owner, now)
  }
}

async function setOrTell(deps: Deps, call: WallsCall, context: CallContext): Promise<void> {
  try {
    await setWalls(wallsDeps(deps, context), call, context)
  } catch (cause) {
    // A machine that may go anywhere is of use without them, and its people are told by the log; a closed one is not.
    if (call.mode === 'closed' || !(cause instanceof ProviderFault) || cause.category !== 'unsupported') throw cause
    deps.options.log(`${machineName(call.owner)}: ${cause.message}; ${cause.hint}`)
  }
}

/** Nothing that runs in it has a right over it: what a service may be given is a short list, and this is not on it. */
function serviceNetworks(deps: Deps, { since, engineIsHere, ...walls }: Pick<WallsCall, 'owner' | 'mode' | 'beside'> & { since: number; engineIsHere: boolean }): HoldNetwork | null {
  if (!engineIsHere) return null
  return (service, context) => holdNetwork({ ...wallsDeps(deps, context), walls: (network, of) => setOrTell(deps, { ...walls, machine: network, maybeTouched: false }, of) }, { owner: walls.owner, service, since }, context)
}

/** Only beside an engine on this host. */
const wallsDeps = (deps: Deps, context: CallContext): WallsDeps => ({ engine: deps.engine, images: { engine: deps.engine, engineIsHere: true, base: 'host-usr', log: context.log ?? deps.options.log }, options: deps.options })

/** Once for each start of the machine; a change while it runs comes by `setEgress`. */
const walled = new Map<string, string>()
const WALLED_KEPT = 10_000
async function wallsOf(deps: Deps, { engineIsHere, again = false, ...call }: WallsCall & { machine: ContainerInspect; engineIsHere: boolean; again?: boolean }, context: CallContext): Promise<void> {
  const { owner, machine, mode } = call
  if (!engineIsHere) {
    if (mode === 'closed') throw new ProviderFault('unsupported', 'the docker engine is on another computer, where the network of a machine cannot be closed', { hint: 'use --egress open, or an engine on this computer' })
    return
  }
  const start = `${machine.Id} ${machine.State.StartedAt ?? ''}`
  if (!again && walled.get(machineName(owner)) === start) return
  await setOrTell(deps, call, context)
  if (walled.size >= WALLED_KEPT) walled.clear()
  walled.set(machineName(owner), start)
}

async function setEgress(deps: Deps, owner: Owner, mode: 'open' | 'closed', context: CallContext): Promise<void> {
  const found = await inspect(deps.engine, owner, context.signal)
  if (found === null || observedFrom(found.State).state !== 'running') return
  refuseForeign(found, owner)
  if (mode === 'closed' && await hasEngine(deps.engine, owner, context.signal)) throw itsEngineOpens()
  const services = devcontainerIn(found.Config.Labels)?.services ?? []
  const call = { owner, mode, beside: namesBeside(services), engineIsHere: await sharesOurKernel(deps.engine, context.signal), maybeTouched: true }
  await wallsOf(deps, { ...call, machine: found, again: true }, context)
  if (!call.engineIsHere) return
  for (const service of services) {
    const network = service.shape.networkOf === null ? await heldNetwork(deps.engine, { owner, service }, context.signal) : null
    if (network !== null) await setOrTell(deps, { ...call, machine: network }, context)
  }
}

const itsEngineOpens = (): ProviderFault => new ProviderFault('unsupported', 'a machine with a Docker engine of its own could take down the walls around it', { hint: 'leave --docker out, or use --egress open' })

function insideCall({ owner, spec, devcontainer }: Pick<ContainerPlan, 'owner' | 'spec' | 'devcontainer'>, machine: InsideCall['machine']): InsideCall {
  const same = [{ volume: volumeName(owner, 'work'), target: WORK_DIR }, { volume: volumeName(owner, 'home'), target: homeOf({ devcontainer }) }]
  return { owner, spec, machine, gid: userOf({ devcontainer }).gid, same }
}

/** `detail`: its image is not there yet. */
async function planOf(deps: Deps, { owner, spec, found, engineIsHere }: { owner: Owner; spec: MachineSpec; found: ContainerInspect | null; engineIsHere: boolean }, context: CallContext): Promise<ContainerPlan | { detail: string }> {
  // Asked for anew: the disk is in volumes and stays, the container goes when what replaces it is there.
  const rebuilt = found !== null && spec.project !== undefined && revisionIn(found.Config.Labels) !== spec.project.revision
  if (found !== null && !rebuilt) return { owner, spec, engineIsHere, rebuilt, ...asItIs(found) }
  const insideImage = spec.docker === true ? await waitForEngineImage(insideDeps(deps, engineIsHere), context) : null
  if (insideImage !== null && 'detail' in insideImage) return insideImage
  const chosen = await waitForImage(deps, { owner, spec, engineIsHere }, context)
  if ('detail' in chosen) return chosen
  if (found !== null) {
    await removeCompanions(deps.engine, owner, context.signal)
    await removeContainer(deps.engine, found, context.signal)
  }
  return { owner, spec, engineIsHere, rebuilt, ...chosen, made: withWarnings(chosen.made, spec) }
}

/** A person asked for these; whoever opens the workspace later did not. */
function withWarnings(made: MachineMade | null, spec: MachineSpec): MachineMade | null {
  const notices = [
    ...(spec.docker === true ? [{ level: 'warning', code: 'docker_inside', message: ENGINE_WARNING, hint: 'use it with code that you trust; where you do not, a provider of virtual machines is the place for it' } as const] : []),
    ...(spec.sudo === true ? [SUDO_NOTICE] : []),
  ]
  if (notices.length === 0) return made
  return { from: 'default', ports: [], recovery: null, ...made, notices: [...notices, ...made?.notices ?? []] }
}

/** One that is there is started as it was made. */
function asItIs(found: ContainerInspect): Chosen {
  return { image: { reference: '', hostPaths: [] }, devcontainer: devcontainerIn(found.Config.Labels), made: null, buildLog: null }
}

async function removeContainer(engine: Engine, found: ContainerInspect, signal: AbortSignal): Promise<void> {
  const answer = await engine.call(`/containers/${found.Id}`, { method: 'DELETE', query: { force: '1', v: '1' }, what: 'removing the container of before', accept: [404] }, signal)
  await answer.body?.cancel()
}

function linkOf(plan: ContainerPlan): string {
  const link = linkUrl(plan)
  if (link !== null) return link
  throw new ProviderFault('invalid', 'the server offers no address that a container could dial', { hint: 'start the server with its link socket or a public url' })
}

/** Waits for all, also when one fails: nothing is still under way when the machine's next turn comes. */
async function together<T extends readonly Promise<unknown>[] | []>(work: T): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work)
  return Promise.all(work)
}

function refuseSpec(deps: Deps, owner: Owner, spec: MachineSpec): void {
  if (owner.installation !== deps.options.installation) throw new ProviderFault('conflict', 'this machine belongs to another installation', { hint: 'use the server that made it' })
  if (spec.egress === 'closed' && spec.docker === true) throw itsEngineOpens()
  if (spec.memoryBytes < SMALLEST_MEMORY_BYTES || !(spec.cpus > 0) || !(spec.pids > 0)) {
    throw new ProviderFault('invalid', 'a container needs at least 6 MB of memory, some of a cpu and a process', { hint: 'leave them out for the defaults' })
  }
}

function refuseForeign(found: ContainerInspect, owner: Owner): void {
  if (sameOwner(ownerIn(found.Config.Labels), owner)) return
  throw new ProviderFault('conflict', `a container named ${machineName(owner)} belongs to somebody else`, { hint: 'rename or remove that container by hand' })
}

/** The engine of this very kernel: bind mounts and unix sockets work. Docker Desktop's engine lives in a VM. */
async function sharesOurKernel(engine: Engine, signal: AbortSignal): Promise<boolean> {
  if (!engine.isUnix || process.platform !== 'linux') return false
  const info = await engine.json<{ OperatingSystem?: string }>('/info', { what: 'asking the engine about itself' }, signal)
  return info.OperatingSystem !== 'Docker Desktop'
}

/** A desktop engine shares the files of this computer though not its kernel. */
async function seesOurFiles(engine: Engine, signal: AbortSignal): Promise<boolean> {
  const info = await engine.json<{ OperatingSystem?: string }>('/info', { what: 'asking the engine about itself' }, signal)
  return info.OperatingSystem === 'Docker Desktop'
}

/**
 * One job per image, whoever waits; a failure is told to all who wait and then forgotten. What a project's machine is
 * made of is kept until the machine is: a build that failed is not tried again behind anybody's back.
 */
const jobKey = (deps: Deps, { owner, spec }: { owner: Owner; spec: MachineSpec }): string =>
  spec.image === null && spec.project !== undefined ? `${projectJobs(owner)}${spec.project.revision}` : `image ${spec.image ?? deps.options.defaultImage ?? ''}`

/** A build can go on for as long as the repository likes. */
const endBuilds = ({ images }: Deps, owner: Owner): void => images.end((key) => key.startsWith(projectJobs(owner)))
const projectJobs = (owner: Owner): string => `project ${machineName(owner)} `

async function waitForImage(deps: Deps, { owner, spec, engineIsHere }: { owner: Owner; spec: MachineSpec; engineIsHere: boolean }, context: CallContext): Promise<Chosen | { detail: string }> {
  const { options, engine } = deps
  const key = jobKey(deps, { owner, spec })
  const isProject = key.startsWith('project ')
  const choice = {
    images: { engine, engineIsHere, base: options.baseImage ?? 'auto' as const },
    devcontainers: options.devcontainerCli === undefined ? null : { engine, dir: imagesDir(options), cli: options.devcontainerCli, images: { engine, engineIsHere, base: options.baseImage ?? 'auto' as const } },
    defaultImage: options.defaultImage ?? null, defaultIsChosen: options.defaultImage !== undefined || options.baseImage === 'host-usr',
  }
  const waited = await deps.images.wait({ key, keep: isProject, patienceMs: isProject ? BUILD_PATIENCE_MS : IMAGE_PATIENCE_MS, make: (project) => chooseImage(choice, spec, project) }, context)
  return 'detail' in waited ? waited : waited.value
}

/**
 * All that a start needs. The engine takes long to make a network and to put files into a container, and a container
 * needs its network only when it starts: so both happen at once.
 */
async function prepare(engine: Engine, { plan, link, found }: { plan: ContainerPlan; link: string; found: ContainerInspect | null }, { signal, log }: CallContext): Promise<void> {
  const { owner } = plan
  const createdAt = found === null ? Date.now() : createdAtIn(found.Config.Labels)
  const Labels = labelsOf(owner, createdAt)
  if (found === null) await refuseEmptyToolbox(plan)
  const fill = async (): Promise<boolean> => {
    if (found === null) {
      await together([...VOLUMES, ...(plan.spec.docker === true ? INSIDE_VOLUMES : [])].map((kind) => ensureVolume(engine, { owner, Name: volumeName(owner, kind), Labels }, signal)))
      log?.(`creating a container from ${plan.image.reference}`)
      await create(engine, { plan, createdAt }, signal)
    }
    // One that never started may be ours of before a crash, and still empty.
    const fresh = found === null || found.State.Status === 'created'
    if (fresh && !isBuiltHere(plan.image) && !(await hasCLibrary(engine, owner, signal))) {
      const library = await hostCLibrary()
      if (library === null) return false
      log?.('the image has no GNU C library; bringing our own')
      await put(engine, { owner, archive: tar(library, createdAt), what: 'putting the C library into the container' }, signal)
    }
    await put(engine, { owner, archive: bootArchive(plan, link, fresh), what: 'putting the boot file into the container' }, signal)
    return true
  }
  const [loads, network] = await together([fill(), ensureNetwork(engine, { owner, Labels }, signal)])
  if (found !== null && found.State.Status !== 'created' && networkIdOf(found, owner) !== network) await reconnect(engine, owner, signal)
  if (loads) return
  await destroy(engine, owner, { signal })
  throw new ProviderFault('image', `the image ${plan.spec.image ?? plan.image.reference} has no GNU C library, which the daemon needs, and this host has none to bring`, { hint: 'use an image based on glibc, such as debian or ubuntu' })
}

async function put(engine: Engine, { owner, archive, what }: { owner: Owner; archive: Uint8Array<ArrayBuffer>; what: string }, signal: AbortSignal): Promise<void> {
  const answer = await engine.call(`/containers/${machineName(owner)}/archive`, { method: 'PUT', query: { path: '/' }, body: archive, contentType: 'application/x-tar', what }, signal)
  await answer.body?.cancel()
}

async function refuseEmptyToolbox({ spec }: ContainerPlan): Promise<void> {
  await access(join(spec.boot.toolbox.hostDir, spec.boot.toolbox.hash, 'berth-daemon')).catch((cause: unknown) => {
    throw new ProviderFault('invalid', `the toolbox has no daemon in ${spec.boot.toolbox.hostDir}`, { hint: 'start the server again: it builds its toolbox', cause })
  })
}

async function create(engine: Engine, { plan, createdAt }: { plan: ContainerPlan; createdAt: number }, signal: AbortSignal): Promise<void> {
  const { owner } = plan
  const answer = await engine.call('/containers/create', { method: 'POST', query: { name: machineName(owner) }, json: createBody(plan, createdAt), what: 'creating the container', accept: [409] }, signal)
  await answer.body?.cancel()
  if (answer.status !== 409) return
  // Somebody was faster under this name; whether it was us (another call, before a crash) only its labels say.
  const there = await inspect(engine, owner, signal)
  if (there === null) throw new ProviderFault('transient', 'a container of this name is coming or going', { committed: 'no', hint: 'try again' })
  refuseForeign(there, owner)
}

interface Part { readonly owner: Owner; readonly Labels: Record<string, string> }

async function ensureNetwork(engine: Engine, { owner, Labels }: Part, signal: AbortSignal): Promise<string> {
  const Name = machineName(owner)
  const answer = await engine.call('/networks/create', { method: 'POST', json: { Name, CheckDuplicate: true, Labels, Driver: 'bridge' }, what: `making the network ${Name}`, accept: [409] }, signal)
  if (answer.status !== 409) return ((await answer.json()) as { Id: string }).Id
  await answer.body?.cancel()
  const there = await engine.json<{ Id: string; Labels: Labels }>(`/networks/${Name}`, { what: `looking at the network ${Name}` }, signal)
  if (!sameOwner(ownerIn(there.Labels), owner)) throw new ProviderFault('conflict', `a network named ${Name} belongs to somebody else`, { hint: 'remove that network by hand' })
  return there.Id
}

/** A container that has run knows its network by the id, which changes when a pruned network is made again. */
const networkIdOf = (found: ContainerInspect, owner: Owner): string | undefined => found.NetworkSettings?.Networks?.[machineName(owner)]?.NetworkID

async function reconnect(engine: Engine, owner: Owner, signal: AbortSignal): Promise<void> {
  const name = machineName(owner)
  for (const verb of ['disconnect', 'connect'] as const) {
    const json = { Container: name, ...(verb === 'disconnect' ? { Force: true } : {}) }
    // Not connected is as good as disconnected.
    const accept = verb === 'disconnect' ? [403, 404, 409, 500] : []
    const answer = await engine.call(`/networks/${name}/${verb}`, { method: 'POST', json, accept, what: 'connecting the container with its network' }, signal)
    await answer.body?.cancel()
  }
}

async function start(engine: Engine, owner: Owner, { signal, log }: CallContext): Promise<void> {
  log?.('starting the container')
  // 304: it runs already.
  const answer = await engine.call(`/containers/${machineName(owner)}/start`, { method: 'POST', what: 'starting the container', accept: [304] }, signal)
  await answer.body?.cancel()
}

/** Asked before the start: under the engine's init a daemon that cannot be loaded is only an exit code. */
async function hasCLibrary(engine: Engine, owner: Owner, signal: AbortSignal): Promise<boolean> {
  for (const path of GLIBC_LOADERS) {
    const answer = await engine.call(`/containers/${machineName(owner)}/archive`, { method: 'HEAD', query: { path }, what: 'looking for the C library', accept: [404] }, signal)
    if (answer.status !== 404) return true
  }
  return false
}

async function inspect(engine: Engine, owner: Owner, signal: AbortSignal): Promise<ContainerInspect | null> {
  const answer = await engine.call(`/containers/${machineName(owner)}/json`, { what: 'looking at the container', accept: [404] }, signal)
  if (answer.status !== 404) return (await answer.json()) as ContainerInspect
  await answer.body?.cancel()
  return null
}

function machineOf(owner: Owner, found: ContainerInspect): Machine {
  const its = ownerIn(found.Config.Labels)
  const shown = typeof its === 'object' && !sameOwner(its, owner) ? 'foreign' : its
  return machineFrom({ id: found.Id, owner: shown, observed: observedFrom(found.State), createdAt: createdAtIn(found.Config.Labels), made: madeIn(found.Config.Labels) })
}

async function stop(engine: Engine, owner: Owner, { signal }: CallContext): Promise<Step<Observed>> {
  const found = await inspect(engine, owner, signal)
  if (found === null) return { done: true, value: { state: 'absent' } }
  refuseForeign(found, owner)
  await stopCompanions(engine, owner, signal)
  const answer = await engine.call(`/containers/${found.Id}/stop`, { method: 'POST', query: { t: String(STOP_GRACE_S) }, what: 'stopping the container', accept: [304, 404] }, signal)
  await answer.body?.cancel()
  const now = await inspect(engine, owner, signal)
  return { done: true, value: now === null ? { state: 'absent' } : observedFrom(now.State) }
}

async function destroy(engine: Engine, owner: Owner, { signal }: CallContext): Promise<Step<null>> {
  const found = await inspect(engine, owner, signal)
  if (found !== null) {
    refuseForeign(found, owner)
    // By id: whatever takes the name from here on is not what was looked at.
    const answer = await engine.call(`/containers/${found.Id}`, { method: 'DELETE', query: { force: '1', v: '1' }, what: 'removing the container', accept: [404, 409] }, signal)
    await answer.body?.cancel()
    if (answer.status === 409) return { done: false, poll: {}, afterMs: 250, detail: 'the container is being removed' }
  }
  await removeCompanions(engine, owner, signal)
  for (const name of await volumesOf(engine, owner, signal)) await removeIfOwned(engine, { kind: 'volume', name, owner }, signal)
  await removeIfOwned(engine, { kind: 'network', name: machineName(owner), owner }, signal)
  return { done: true, value: null }
}

async function logs(engine: Engine, { owner, tailBytes }: { owner: Owner; tailBytes: number }, signal: AbortSignal): Promise<string> {
  const answer = await engine.call(`/containers/${machineName(owner)}/logs`, { query: { stdout: '1', stderr: '1', tail: '2000' }, what: 'reading the output of the container', accept: [404, 409] }, signal)
  if (answer.status !== 200) return ''
  return Buffer.from(demultiplex(new Uint8Array(await answer.arrayBuffer()))).subarray(-tailBytes).toString('utf8')
}
