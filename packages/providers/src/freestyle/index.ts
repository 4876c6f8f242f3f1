/**
 * The `freestyle` provider: a machine is a VM of Freestyle (API /v5) with a disk of its own. A stop shuts it down, and pauses
 * it where that takes too long; only its disk is paid for then. Whatever asks something of a guest wakes it, so nothing does
 * but while it runs. Never run against the live vendor: tested against a simulator of its client's types.
 */
import { isPassing, ProviderFault, type CallContext, type Inventory, type Machine, type MachineSpec, type Observed, type Owner, type Provider, type ProviderCheck, type ProviderFinding, type Step } from '@berth/core'
import { createMadeImages, fittingImage, isOfImage, withImageLeftovers, type ImageVendor } from '../made-images.ts'
import { createOneAtATime } from '../one-at-a-time.ts'
import { labelsOf, OWNER_LABEL, ownerIn } from '../owner-labels.ts'
import { beginMark, beginScript } from './begin.ts'
import { createApi, ENDPOINT, type Api } from './client.ts'
import { imageVendor } from './images.ts'
import { BEGUN, machineOf, observedOf, ownerOf, slugOf, type Vm } from './machine.ts'
import { quoteFor, snapshotFor } from './sizes.ts'

export interface FreestyleProviderOptions {
  readonly installation: string
  /** Read anew for each call; null: nobody set one. */
  readonly key: () => string | null
  readonly log: (line: string) => void
  readonly endpoint?: string
  /** In place of the runtime's, for tests: both. */
  readonly fetch?: (request: Request) => Promise<Response>
  readonly now?: () => number
  /** Without a word of its server for so long, a machine switches itself off. */
  readonly endAfterHours?: number
  /** A snapshot for workspaces that name none, by its id or slug. */
  readonly image?: string
}

const DEFAULT = { endpoint: ENDPOINT, now: Date.now, endAfterHours: 12 }
const SIZE = { memoryBytes: 8 * 1024 ** 3, cpus: 2 } as const
const SMALLEST_MEMORY_BYTES = 64 * 1024 * 1024
const LOOK_AGAIN_MS = 1_000
/** It is asked to shut down, then paused. */
const SHUTDOWN_MS = 30_000
const NEVER = -1
const DAY_S = 86_400
const SETUP_HINT = 'make a key of the account at dash.freestyle.sh: `berth provider setup freestyle --token-file <path>`'
const OUTPUT_SHOWN = 300

const LIMITS = {
  // When it ends is Berth's to say, and its own when nobody answers.
  idleTimeoutSeconds: NEVER, autoDeleteSeconds: NEVER, ttlSeconds: NEVER, maxRunSeconds: NEVER, maxRunTotalSeconds: NEVER,
  // Nothing comes in, all goes out.
  firewall: { rules: [{ action: 'allow', source: {}, destination: { public: true } }] },
} as const

interface Deps { readonly api: Api; readonly options: FreestyleProviderOptions & typeof DEFAULT; readonly images: ImageVendor }
interface Asked { readonly owner: Owner; readonly spec: MachineSpec }
interface Ran { readonly stdout?: string | null; readonly stderr?: string | null; readonly statusCode?: number | null }

export function createFreestyleProvider(given: FreestyleProviderOptions): Provider {
  const options = { ...DEFAULT, ...given }
  const key = (): string => {
    const is = options.key()
    if (is === null) throw new ProviderFault('auth', 'there is no API key for Freestyle', { hint: SETUP_HINT })
    return is
  }
  const api = createApi({ endpoint: options.endpoint.replace(/\/$/, ''), key, ...(options.fetch === undefined ? {} : { fetch: options.fetch }) })
  const images = imageVendor({ api, options, base: options.image ?? snapshotFor(SIZE).name, limits: LIMITS, lookAgainMs: LOOK_AGAIN_MS, exec: (vm, command, signal) => exec(api, { vm, ...command }, signal) })
  const deps: Deps = { api, options, images }
  const oneAtATime = createOneAtATime()
  return {
    name: 'freestyle',
    unverifiedLive: true,
    size: SIZE,
    isSetUp: () => options.key() !== null,
    check: (signal) => check(deps, signal),
    quote: (wanted) => quoteFor(snapshotFor(wanted).resources),
    examine: (signal) => examine(deps, signal),
    ensure: (owner, spec, context) => oneAtATime(owner, () => ensure(deps, { owner, spec }, context)),
    async observe(owner, signal) {
      const vm = await find(deps, owner, signal)
      return machineOf(vm === null ? owner : ownerOf(vm, owner), vm)
    },
    list: (installation, signal) => list(deps, installation, signal),
    stop: (owner, context) => oneAtATime(owner, () => stop(deps, owner, context)),
    destroy: (owner, context) => oneAtATime(owner, () => destroy(deps, owner, context)),
    ...withImageLeftovers(images, {
      // A VM's disk, address and rules go with it.
      leftovers: async () => ({ items: [], complete: true, missing: [] }),
      removeLeftover: ({ kind }) => Promise.reject(new ProviderFault('conflict', `freestyle knows no ${kind}`, { hint: 'look at it at dash.freestyle.sh' })),
    }),
    images: createMadeImages(images),
    logs: (owner, tailBytes, signal) => logs(deps, { owner, tailBytes }, signal),
  }
}

/** By its slug, which nothing else of the account can have; and where somebody gave that to another one, by its metadata. */
async function find({ api, options }: Deps, owner: Owner, signal: AbortSignal): Promise<Vm | null> {
  const named = await api.call<Vm>(`/vms/${slugOf(owner)}`, { what: 'looking at the machine' }, signal).catch((error: unknown) => {
    if (isGone(error)) return null
    throw error
  })
  if (named !== null && typeof ownerOf(named, owner) === 'object') return named
  const { items, complete, missing } = await api.list(marksOf(owner, options), signal)
  if (!complete) throw new ProviderFault('transient', missing.join('; '), { hint: 'it is tried again' })
  const marked = items.find((vm) => typeof ownerOf(vm, owner) === 'object')
  return marked ?? named
}

const isGone = (error: unknown): boolean => error instanceof ProviderFault && error.category === 'not_found'

function marksOf(owner: Owner, { now }: { now: () => number }): Record<string, string> {
  const { [OWNER_LABEL.createdAt]: _, ...marks } = labelsOf(owner, now())
  return marks
}

/** Asked before each change. */
async function ours(deps: Deps, owner: Owner, signal: AbortSignal): Promise<Vm | null> {
  const vm = await find(deps, owner, signal)
  if (vm === null || typeof ownerOf(vm, owner) === 'object') return vm
  throw new ProviderFault('conflict', `a VM named ${slugOf(owner)} belongs to somebody else`, { hint: 'rename or remove it at dash.freestyle.sh' })
}

const later = (detail: string, poll: Record<string, unknown> = {}): Step<never> => ({ done: false, poll, afterMs: LOOK_AGAIN_MS, detail })

async function ensure(deps: Deps, { owner, spec }: Asked, { signal, log }: CallContext): Promise<Step<Machine>> {
  const { api } = deps
  signal.throwIfAborted()
  refuseSpec(deps, { owner, spec })
  const vm = await ours(deps, owner, signal)
  const say = log ?? ((): void => {})
  switch (vm?.state) {
    case undefined:
      await make(deps, { owner, spec }, { signal, log: say })
      return later('the machine is made')
    case 'running': return vm?.metadata[BEGUN] === undefined ? await begin(deps, { owner, spec, vm: vm as Vm }, { signal, log: say }) : { done: true, value: machineOf(owner, vm) }
    case 'paused': case 'stopped':
      // Before it runs: what ran before has no boot token that is still good.
      if (vm?.metadata[BEGUN] !== undefined) await api.call(`/vms/${vm.id}`, { method: 'PATCH', body: { metadata: { [BEGUN]: '' } }, what: 'marking the machine' }, signal)
      await api.call(`/vms/${vm?.id}/start`, { method: 'POST', body: {}, what: 'starting the machine' }, signal)
      return later('the machine starts')
    case 'starting': return later('the machine starts')
    case 'pausing': return later('the machine of before pauses')
    default: throw new ProviderFault('unknown', `Freestyle says of the machine that it is ${vm?.state}`, { hint: 'look at it at dash.freestyle.sh' })
  }
}

async function make({ api, options, images }: Deps, { owner, spec }: Asked, { signal, log }: { signal: AbortSignal; log: (line: string) => void }): Promise<void> {
  const usual = options.image ?? snapshotFor(spec).name
  const snapshotId = spec.image ?? (await fittingImage(images, { toolbox: spec.boot.toolbox.hash, base: usual }, signal))?.name ?? usual
  log(`making a VM from ${snapshotId}`)
  const made = await api.call<Vm>('/vms', {
    method: 'POST', what: 'making the machine',
    body: {
      ...LIMITS, slug: slugOf(owner), snapshotId, metadata: labelsOf(owner, options.now()),
    },
  }, signal)
  if (made.autoDeleteFromPlan === true && typeof made.autoDeleteSeconds === 'number') log(`Freestyle's plan deletes it, with its disk, when it has not run for ${Math.round(made.autoDeleteSeconds / DAY_S)} days`)
}

/** Files and units into one that is up, and a mark that it was done in this run. */
async function begin(deps: Deps, { owner, spec, vm }: Asked & { vm: Vm }, { signal, log }: { signal: AbortSignal; log: (line: string) => void }): Promise<Step<Machine>> {
  const { api, options } = deps
  const ran = await exec(api, { vm, command: 'sh -s', stdin: beginScript(owner, spec, { endAfterMinutes: options.endAfterHours * 60 }), what: 'starting the daemon' }, signal)
  if (ran.statusCode !== 0) {
    log(`the machine is not ready: ${`${ran.stderr ?? ''}${ran.stdout ?? ''}`.trim().slice(-OUTPUT_SHOWN)}`)
    return later('the machine gets ready')
  }
  const marked = await api.call<Vm>(`/vms/${vm.id}`, { method: 'PATCH', body: { metadata: { [BEGUN]: beginMark(spec) } }, what: 'marking the machine' }, signal)
  return marked.state === 'running' ? { done: true, value: machineOf(owner, marked) } : later('the machine starts')
}

/** Only of one that runs: it would wake another. */
function exec(api: Api, { vm, command, stdin, what }: { vm: Pick<Vm, 'id'>; command: string; stdin?: string; what: string }, signal: AbortSignal): Promise<Ran> {
  return api.call<Ran>(`/vms/${vm.id}/exec-await`, { method: 'POST', body: { command, linuxUser: 'root', ...(stdin === undefined ? {} : { stdin: Buffer.from(stdin).toString('base64') }) }, what }, signal)
}

function refuseSpec({ options }: Deps, { owner, spec }: Asked): void {
  if (owner.installation !== options.installation) throw new ProviderFault('conflict', 'this machine belongs to another installation', { hint: 'use the server that made it' })
  if (spec.memoryBytes < SMALLEST_MEMORY_BYTES || !(spec.cpus > 0)) throw new ProviderFault('invalid', 'a machine needs memory and a processor', { hint: 'leave them out for the defaults' })
  if (spec.egress === 'closed') throw new ProviderFault('unsupported', 'the network of a machine at Freestyle cannot be closed yet', { hint: 'use --egress open, or another provider' })
  if (spec.docker === true || spec.sudo === true) throw new ProviderFault('unsupported', 'freestyle offers neither --docker nor --sudo yet', { hint: 'leave them out, or choose the docker provider' })
}

async function stop(deps: Deps, owner: Owner, { signal, poll }: CallContext): Promise<Step<Observed>> {
  const { api, options } = deps
  const vm = await ours(deps, owner, signal)
  const askedAt = Number(poll?.['askedAt'] ?? 0)
  switch (vm?.state) {
    case undefined: case 'paused': case 'stopped': return { done: true, value: observedOf(vm) }
    case 'starting': return later('the machine starts before it can be stopped')
    case 'pausing': return later('the machine pauses')
    default: break
  }
  const one = vm as Vm
  if (askedAt === 0 && await shutDown(api, one, signal)) return later('the machine shuts down', { askedAt: options.now() })
  if (askedAt !== 0 && options.now() - askedAt < SHUTDOWN_MS) return later('the machine shuts down', { askedAt })
  await api.call(`/vms/${one.id}/pause`, { method: 'POST', body: {}, what: 'pausing the machine' }, signal)
  return later('the machine pauses', { askedAt: askedAt || options.now() })
}

/** False: nobody in it takes the order. */
async function shutDown(api: Api, vm: Vm, signal: AbortSignal): Promise<boolean> {
  try {
    return (await exec(api, { vm, command: 'systemctl poweroff --no-block', what: 'shutting the machine down' }, signal)).statusCode === 0
  } catch (error) {
    // The answer goes down with it, or nobody is there to give one.
    if (error instanceof ProviderFault && error.category === 'transient') return error.committed === 'unknown'
    throw error
  }
}

async function destroy(deps: Deps, owner: Owner, { signal }: CallContext): Promise<Step<null>> {
  const vm = await ours(deps, owner, signal)
  if (vm === null) return { done: true, value: null }
  await deps.api.call(`/vms/${vm.id}`, { method: 'DELETE', what: 'removing the machine' }, signal).catch((error: unknown) => { if (!isGone(error)) throw error })
  return { done: false, poll: {}, afterMs: 0, detail: 'the machine is given back' }
}

async function list({ api }: Deps, installation: string, signal: AbortSignal): Promise<Inventory<Machine>> {
  const { items, ...rest } = await api.list({ [OWNER_LABEL.installation]: installation }, signal)
  return { items: items.map((vm) => machineOf(ownerIn(vm.metadata), vm)).filter(({ owner }) => typeof owner === 'object' && owner.installation === installation), ...rest }
}

async function logs(deps: Deps, { owner, tailBytes }: { owner: Owner; tailBytes: number }, signal: AbortSignal): Promise<string> {
  const vm = await find(deps, owner, signal)
  if (vm?.state !== 'running' || typeof ownerOf(vm, owner) !== 'object') return ''
  const { stdout } = await exec(deps.api, { vm, command: `journalctl --unit berth-daemon --no-pager --output cat --lines 1000 | tail -c ${Math.floor(tailBytes)}`, what: 'reading the log' }, signal)
  return (stdout ?? '').slice(-tailBytes)
}

async function check({ api, options }: Deps, signal: AbortSignal): Promise<ProviderCheck> {
  const refused = (detail: string, hint: string): ProviderCheck => ({ ok: false, isolation: 'vm', detail, hint })
  if (options.key() === null) return refused('not set up', SETUP_HINT)
  try {
    await api.call('/vms', { query: { limit: '1' }, what: 'asking for machines' }, signal)
    return { ok: true, isolation: 'vm', detail: 'an account of Freestyle', hint: 'the key reaches everything in its account: give Berth an account of its own' }
  } catch (error) {
    if (!(error instanceof ProviderFault) || isPassing(error)) throw error
    return refused(error.message, error.hint)
  }
}

/** The vendor's keys are good for a whole account; it tells no limits. */
async function examine({ api, options }: Deps, signal: AbortSignal): Promise<ProviderFinding[]> {
  const { items, complete } = await api.list({}, signal)
  const others = items.filter(({ metadata }) => !isOfImage(metadata)).filter(({ metadata }) => { const owner = ownerIn(metadata); return typeof owner !== 'object' || owner.installation !== options.installation })
  const keptS = items.find(({ autoDeleteFromPlan }) => autoDeleteFromPlan === true)?.autoDeleteSeconds ?? null
  const shown = others.slice(0, 3).map(({ slug, id }) => slug ?? id).join(', ')
  return [
    { level: 'ok', code: 'credentials', message: `the key reads machines${complete ? '' : ', of which the vendor gave only a part'}; whether it makes them is not tried, because that is paid for`, hint: null },
    others.length === 0 ? { level: 'ok', code: 'scope', message: "the account has no machine but this installation's", hint: null }
      : { level: 'warning', code: 'scope', message: `the key also reaches ${others.length} ${others.length === 1 ? 'machine that is' : 'machines that are'} not this installation's: ${shown}${others.length > 3 ? ' and more' : ''}`, hint: 'give Berth an account of its own' },
    ...(keptS === null ? [] : [{ level: 'warning' as const, code: 'plan_deletes', message: `the plan deletes a machine, with its disk, that has not run for ${Math.round(keptS / DAY_S)} days`, hint: 'take a larger plan, or back workspaces up' }]),
  ]
}
