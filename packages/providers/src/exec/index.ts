/**
 * The `exec` provider: machines that a person's own commands make. Each command gets one JSON document on its standard
 * input and answers with one (protocol.ts, docs/exec.md); its exit code says what went wrong. Nothing is believed of a
 * machine but what the command says of it now, and whose it is stands in that answer, never in its name alone.
 */
import type { Isolation } from '@berth/wire'
import { ProviderFault, type CallContext, type Inventory, type Leftover, type Machine, type MachineSpec, type Observed, type Owner, type Provider, type ProviderCheck, type Quote, type Step } from '@berth/core'
import { createAtMost, type AtMost } from '../at-most.ts'
import { createOneAtATime } from '../one-at-a-time.ts'
import { machineName, sameOwner } from '../owner-labels.ts'
import { runCommand, type CommandLimits, type Ended } from './command.ts'
import { absent, leftoverIn, machineIn, ownerIn } from './machine.ts'
import { aboutMachine, Checked, EXITS, Machines, OneMachine, read, Refused, VERBS, VERSION, wantedBy, type Extra, type Told, type Verb } from './protocol.ts'

export interface ExecProviderOptions {
  readonly installation: string
  readonly log: (line: string) => void
  /** Program and words; the verb comes last. For verbs without a command of their own. */
  readonly command?: readonly string[]
  /** For one verb, as they are. */
  readonly commands?: Readonly<Partial<Record<Verb | Extra, readonly string[]>>>
  /** What the person says separates its machines from what is around them. */
  readonly isolation?: Isolation
  /** How a new machine's boot part reaches the command. */
  readonly bootBy?: 'stdin' | 'file'
  readonly timeoutSeconds?: number
  /** Variables of the server's environment that the commands get. */
  readonly variables?: readonly string[]
  readonly price?: { readonly currency: string; readonly runningMicrosPerHour: number; readonly stoppedMicrosPerHour: number }
  /** Of which `variables` are taken. */
  readonly environment?: Readonly<Record<string, string | undefined>>
}

const TIMEOUT_S = 300
/** So many of the commands run at the same time. */
const AT_ONCE = 16
const LOOK_AGAIN_MS = 1_000
const SETUP_HINT = 'run `berth provider setup exec --command <program>`; docs/exec.md has a complete one'
const SHOWN = 300
const SIZE = { memoryBytes: 4 * 1024 ** 3, cpus: 2 } as const
/** What programs need that is no secret. */
const ALWAYS = ['PATH', 'HOME', 'USER', 'LANG', 'TZ', 'TMPDIR'] as const
/** Their answer is lost where they are cut off. */
const CHANGES: ReadonlySet<string> = new Set<Verb>(['create', 'start', 'stop', 'destroy'])
const DOING: Readonly<Record<Verb | Extra, string>> = { create: 'making the machine', start: 'starting the machine', stop: 'stopping the machine', observe: 'looking at the machine', destroy: 'removing the machine', list: 'listing machines', check: 'looking whether it can', logs: 'reading the log' }

interface Deps { readonly options: ExecProviderOptions; readonly isolation: Isolation; readonly turn: AtMost }
interface Asked { readonly owner: Owner; readonly spec: MachineSpec }

export function createExecProvider(options: ExecProviderOptions): Provider {
  const deps: Deps = { options, isolation: options.isolation ?? 'none', turn: createAtMost(AT_ONCE) }
  const oneAtATime = createOneAtATime()
  return {
    name: 'exec',
    isOwn: true,
    size: SIZE,
    isSetUp: () => missing(deps).length === 0,
    check: (signal) => check(deps, signal),
    quote: () => quote(options),
    ensure: (owner, spec, context) => oneAtATime(owner, () => ensure(deps, { owner, spec }, context)),
    observe: (owner, signal) => observe(deps, owner, signal),
    list: (installation, signal) => inventory(deps, installation, { signal, of: ({ machines }) => machines.map((told) => machineIn(told, deps.isolation)).filter(({ owner }) => typeof owner === 'object' && owner.installation === installation) }),
    stop: (owner, context) => oneAtATime(owner, () => stop(deps, owner, context)),
    destroy: (owner, context) => oneAtATime(owner, () => destroy(deps, owner, context)),
    leftovers: (installation, signal) => inventory(deps, installation, { signal, of: ({ leftovers }) => leftovers.map(leftoverIn).filter(({ owner }) => typeof owner !== 'object' || owner.installation === installation) }),
    removeLeftover: (leftover, signal) => removeLeftover(deps, leftover, signal),
    logs: (owner, tailBytes, signal) => logs(deps, { owner, tailBytes }, signal),
  }
}

const argvFor = ({ options: { command, commands } }: Deps, verb: Verb | Extra): readonly string[] | null => commands?.[verb] ?? (command === undefined ? null : [...command, verb])
const missing = (deps: Deps): Verb[] => VERBS.filter((verb) => argvFor(deps, verb) === null)

interface Request { readonly verb: Verb | Extra; readonly input: object; /** Secret. */ readonly boot?: object }

async function run(deps: Deps, { verb, input, boot }: Request, signal: AbortSignal): Promise<Ended> {
  const { options, turn } = deps
  const argv = argvFor(deps, verb)
  if (argv === null) throw new ProviderFault('invalid', `there is no command to ${verb}`, { hint: SETUP_HINT })
  const given = boot === undefined ? { input } : options.bootBy === 'file' ? { input, byFile: boot } : { input: { ...input, boot } }
  const ended = await turn(() => runCommand({ argv, what: DOING[verb], ...given }, limitsOf(options), signal))
  if (ended.exitCode === 0) return ended
  throw faultOf(verb, ended)
}

function limitsOf({ timeoutSeconds = TIMEOUT_S, variables = [], environment = process.env }: ExecProviderOptions): CommandLimits {
  const env = Object.fromEntries([...ALWAYS, ...variables].flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])))
  return { timeoutMs: timeoutSeconds * 1000, env }
}

function faultOf(verb: Verb | Extra, { exitCode, stdout, stderr }: Ended): ProviderFault {
  const meaning = EXITS[exitCode]
  const lines = stderr.trim().split('\n')
  const said = (lines.at(-1) ?? '').replace(/\p{Cc}/gu, ' ').slice(0, SHOWN)
  const more = stdout.trim() === '' ? null : refusedIn(stdout)
  return new ProviderFault(meaning?.category ?? 'unknown', `the command refused (${DOING[verb]})${said === '' ? `: exit code ${exitCode}` : `: ${said}`}`, {
    committed: CHANGES.has(verb) && meaning?.changedNothing !== true ? 'unknown' : 'no', hint: more?.hint ?? meaning?.hint ?? 'see what it wrote with `berth server logs`',
    ...(more?.retryAfterMs === undefined ? {} : { retryAfterMs: more.retryAfterMs }),
  })
}

/** What it wrote beside its exit code counts where it is as described. */
function refusedIn(stdout: string): { hint?: string | undefined; retryAfterMs?: number | undefined } | null {
  try {
    return read(Refused, stdout, { what: '', committed: 'no' })
  } catch {
    return null
  }
}

/** Null: there is no such machine. Throws where the answer is about another one. */
async function ask(deps: Deps, owner: Owner, request: Omit<Request, 'input'> & { readonly input?: object }, signal: AbortSignal): Promise<Told | null> {
  const { verb } = request
  const { stdout } = await run(deps, { ...request, input: { ...aboutMachine(verb, owner), ...request.input } }, signal)
  const committed = CHANGES.has(verb) ? 'unknown' : 'no'
  const { machine } = read(OneMachine, stdout, { what: DOING[verb], committed })
  if (machine !== null && machine.name !== machineName(owner)) throw new ProviderFault('invalid', `the command was asked about ${machineName(owner)} and answered about ${machine.name.slice(0, SHOWN)}`, { committed, hint: 'see docs/exec.md' })
  return machine
}

async function observe(deps: Deps, owner: Owner, signal: AbortSignal): Promise<Machine> {
  const told = await ask(deps, owner, { verb: 'observe' }, signal)
  return told === null ? absent(owner) : machineFor(deps, owner, told)
}

function machineFor({ isolation }: Deps, owner: Owner, told: Told): Machine {
  const whose = ownerIn(told)
  return { ...machineIn(told, isolation), owner: typeof whose === 'object' && !sameOwner(whose, owner) ? 'foreign' : whose }
}

/** Whose it is, as it stands now: asked before each change. */
async function ours(deps: Deps, owner: Owner, signal: AbortSignal): Promise<Machine> {
  const machine = await observe(deps, owner, signal)
  if (machine.observed.state === 'absent' || sameOwner(machine.owner, owner)) return machine
  throw new ProviderFault('conflict', `a machine named ${machineName(owner)} belongs to somebody else`, { hint: 'look at it by hand, and rename or remove it' })
}

const later = (detail: string): Step<never> => ({ done: false, poll: {}, afterMs: LOOK_AGAIN_MS, detail })

async function ensure(deps: Deps, { owner, spec }: Asked, { signal, log }: CallContext): Promise<Step<Machine>> {
  signal.throwIfAborted()
  refuseSpec(deps, { owner, spec })
  const machine = await ours(deps, owner, signal)
  switch (machine.observed.state) {
    case 'running': return { done: true, value: machine }
    case 'creating': case 'starting': return later('the machine starts')
    case 'stopping': case 'deleting': return later('the machine of before ends')
    case 'unknown': throw new ProviderFault('unknown', `the command says of the machine that it is ${machine.observed.raw}`, { hint: 'see docs/exec.md for the states of a machine' })
    default: return begin(deps, { owner, spec, verb: machine.observed.state === 'absent' ? 'create' : 'start' }, { signal, ...(log === undefined ? {} : { log }) })
  }
}

async function begin(deps: Deps, { owner, spec, verb }: Asked & { verb: 'create' | 'start' }, { signal, log }: CallContext): Promise<Step<Machine>> {
  log?.(`asking your command to ${verb} the machine`)
  const { wanted, boot } = wantedBy(owner, spec, deps.isolation)
  const told = await ask(deps, owner, { verb, input: { wanted }, boot }, signal)
  if (told === null) throw new ProviderFault('unknown', `the command was asked to ${verb} a machine, and says there is none`, { committed: 'unknown', hint: 'see docs/exec.md' })
  const machine = machineFor(deps, owner, told)
  const { observed } = machine
  if (observed.state === 'running' && sameOwner(machine.owner, owner)) return { done: true, value: machine }
  if (observed.state === 'failed') throw new ProviderFault('unknown', `the machine did not start: ${observed.detail}`, { committed: 'yes', hint: 'see what it wrote with `berth logs <workspace> machine`' })
  return later('the machine starts')
}

function refuseSpec({ options, isolation }: Deps, { owner, spec }: Asked): void {
  if (owner.installation !== options.installation) throw new ProviderFault('conflict', 'this machine belongs to another installation', { hint: 'use the server that made it' })
  if (!(spec.memoryBytes > 0) || !(spec.cpus > 0) || !(spec.pids > 0)) throw new ProviderFault('invalid', 'memory, cpus and pids must be above zero', { hint: 'leave them out for the defaults' })
  if (spec.egress === 'closed') throw new ProviderFault('unsupported', 'Berth cannot close the network of a machine that your own commands make', { hint: 'use --egress open, or another provider' })
  if (spec.docker === true || spec.sudo === true) throw new ProviderFault('unsupported', 'exec offers neither --docker nor --sudo', { hint: 'leave them out, or choose the docker provider' })
  if (isolation === 'none' && spec.acceptNoIsolation !== true) throw new ProviderFault('unsupported', 'nobody said what separates the agent from what is around its machine', { hint: 'say it with `berth provider setup exec --isolation vm`, or accept it explicitly' })
}

async function stop(deps: Deps, owner: Owner, { signal }: CallContext): Promise<Step<Observed>> {
  const { observed } = await ours(deps, owner, signal)
  if (observed.state === 'absent' || observed.state === 'stopped' || observed.state === 'failed') return { done: true, value: observed }
  if (observed.state === 'deleting') return later('the machine goes')
  const told = await ask(deps, owner, { verb: 'stop' }, signal)
  const now = told === null ? absent(owner).observed : machineFor(deps, owner, told).observed
  return now.state === 'absent' || now.state === 'stopped' ? { done: true, value: now } : later('waiting for the daemon to save and end')
}

/** Asked for what is absent too: what is left of it goes with it. */
async function destroy(deps: Deps, owner: Owner, { signal }: CallContext): Promise<Step<null>> {
  await ours(deps, owner, signal)
  const told = await ask(deps, owner, { verb: 'destroy' }, signal)
  return told === null ? { done: true, value: null } : later('the machine goes')
}

/** What could not be asked is not there to conclude from. */
async function inventory<T>(deps: Deps, installation: string, { signal, of }: { signal: AbortSignal; of: (said: Machines) => readonly T[] }): Promise<Inventory<T>> {
  try {
    const { stdout } = await run(deps, { verb: 'list', input: { version: VERSION, verb: 'list', installation } }, signal)
    const said = read(Machines, stdout, { what: DOING.list, committed: 'no' })
    const isComplete = said.complete && said.missing.length === 0
    return { items: of(said), complete: isComplete, missing: isComplete ? [] : said.missing.length > 0 ? said.missing : ['the command says that its list is not complete'] }
  } catch (error) {
    if (!(error instanceof ProviderFault)) throw error
    return { items: [], complete: false, missing: [error.message] }
  }
}

async function removeLeftover(deps: Deps, { kind, name, owner }: Leftover, signal: AbortSignal): Promise<void> {
  if (typeof owner !== 'object' || owner.installation !== deps.options.installation) throw new ProviderFault('conflict', `the ${kind} ${name} is not this installation's`, { hint: 'look at it and remove it by hand' })
  const machine = await ours(deps, owner, signal)
  // It is a part of what stands again.
  if (machine.observed.state !== 'absent') return
  await ask(deps, owner, { verb: 'destroy' }, signal)
}

async function logs(deps: Deps, { owner, tailBytes }: { owner: Owner; tailBytes: number }, signal: AbortSignal): Promise<string> {
  if (argvFor(deps, 'logs') === null) return ''
  try {
    const { stdout } = await run(deps, { verb: 'logs', input: { ...aboutMachine('logs', owner), tailBytes } }, signal)
    return Buffer.from(stdout).subarray(-tailBytes).toString('utf8').slice(-tailBytes)
  } catch (error) {
    if (error instanceof ProviderFault && (error.category === 'unsupported' || error.category === 'not_found')) return ''
    throw error
  }
}

async function check(deps: Deps, signal: AbortSignal): Promise<ProviderCheck> {
  const { isolation, options } = deps
  const refused = (detail: string, hint: string | null): ProviderCheck => ({ ok: false, isolation, detail, hint })
  const lacking = missing(deps)
  if (lacking.length === VERBS.length) return refused('not set up', SETUP_HINT)
  if (lacking.length > 0) return refused(`there is no command to ${lacking.join(', ')}`, SETUP_HINT)
  const advice = isolation === 'none' ? 'say what separates its machines with `berth provider setup exec --isolation vm|container|sandbox`' : null
  try {
    const said = await asksItself(deps, signal)
    return { ok: true, isolation, detail: said?.detail ?? 'machines of your own commands', hint: said?.hint ?? advice }
  } catch (error) {
    if (!(error instanceof ProviderFault)) throw error
    if (error.category !== 'unsupported') return refused(error.message, error.hint)
  }
  const { complete, missing: away } = await inventory(deps, options.installation, { signal, of: () => [] })
  return complete ? { ok: true, isolation, detail: 'machines of your own commands', hint: advice } : refused(away.join('; '), 'see docs/exec.md')
}

/** Null: there is no command for it. */
async function asksItself(deps: Deps, signal: AbortSignal) {
  if (argvFor(deps, 'check') === null) throw new ProviderFault('unsupported', 'no command for check')
  const { stdout } = await run(deps, { verb: 'check', input: { version: VERSION, verb: 'check' } }, signal)
  return read(Checked, stdout, { what: DOING.check, committed: 'no' })
}

function quote({ price }: ExecProviderOptions): Quote {
  if (price === undefined) return { currency: 'USD', runningMicrosPerHour: 0, stoppedMicrosPerHour: 0, note: 'no price was set: `berth provider setup exec --hourly <price>`' }
  return { ...price, note: 'as it was set for machines of your own commands' }
}
