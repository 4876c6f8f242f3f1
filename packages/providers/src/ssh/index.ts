/**
 * The `ssh` provider: a Linux host with systemd that a person reaches by OpenSSH, shared by their workspaces. Each is a
 * system user of its own there, and a unit with its own files, processes and network (machine-files.ts). Nothing is
 * bought: a stop ends the unit and keeps the disk. A host that does not answer says nothing about what is on it.
 */
import { ProviderFault, type CallContext, type Inventory, type Leftover, type Machine, type MachineSpec, type Observed, type Owner, type Provider, type ProviderCheck, type Step } from '@berth/core'
import { parseSshTarget } from '@berth/wire/ssh-target'
import { createOneAtATime } from '../one-at-a-time.ts'
import { remoteBoot } from '../remote-boot.ts'
import { createConnection, type Call, type Connection } from './connection.ts'
import { checkScript, destroyScript, DONE, egressScript, ensureScript, EXIT, leftoversScript, listScript, logsScript, observeScript, removeLeftoverScript, stopScript } from './host-calls.ts'
import { adviceOn, described, factsIn, unfit, type Refusal } from './host-facts.ts'
import { machineFiles, unitFile } from './machine-files.ts'
import { namesOf } from './names.ts'
import { leftoversIn, machineIn, machinesIn, recordText } from './observed.ts'

export interface SshProviderOptions {
  readonly installation: string
  readonly log: (line: string) => void
  /** `user@host[:port]`; absent: nobody set one. */
  readonly host?: string
  readonly identityFile?: string
  /** The keys that were pinned when it was set up. */
  readonly knownHostsFile: string
  /** Private addresses that machines may reach all the same: `a.b.c.d[/n][:port]`. */
  readonly egressAllow?: readonly string[]
  readonly now?: () => number
  /** In place of `ssh`, for tests. */
  readonly program?: string
}

const MIB = 1024 ** 2
const SMALLEST_MEMORY_BYTES = 64 * MIB
/** A limit, not a share: what one does not use the others have. */
const SIZE = { memoryBytes: 4 * 1024 * MIB, cpus: 2 } as const
const LOOK_AGAIN_MS = 300
const SETUP_HINT = 'run `berth provider setup ssh --host user@host --identity <file>`'
const SHOWN = 400

interface Deps { readonly options: SshProviderOptions & { readonly now: () => number }; readonly connection: () => Connection }

export function createSshProvider(given: SshProviderOptions): Provider {
  const options = { ...given, now: given.now ?? Date.now }
  let connection: Connection | null = null
  const deps: Deps = { options, connection: () => (connection ??= connect(options)) }
  const oneAtATime = createOneAtATime()
  return {
    name: 'ssh',
    size: SIZE,
    isSetUp: () => options.host !== undefined && options.identityFile !== undefined,
    check: (signal) => check(deps, signal),
    quote: () => ({ currency: 'USD', runningMicrosPerHour: 0, stoppedMicrosPerHour: 0, note: 'a host of your own: it costs the same with and without workspaces' }),
    ensure: (owner, spec, context) => oneAtATime(owner, () => ensure(deps, { owner, spec }, context)),
    observe: async (owner, signal) => machineIn(await ask(deps, { script: observeScript(owner), what: 'looking at the workspace', changes: false }, signal), owner),
    list: (installation, signal) => inventory(async () => {
      const items = machinesIn(await ask(deps, { script: listScript(installation), what: 'listing workspaces', changes: false }, signal), installation)
      return { items, complete: true, missing: [] }
    }),
    stop: (owner, context) => oneAtATime(owner, () => stop(deps, owner, context)),
    destroy: (owner, context) => oneAtATime(owner, () => destroy(deps, owner, context)),
    setEgress: (owner, egress, { signal }) => oneAtATime(owner, async () => { await ask(deps, { script: egressScript(owner, egress), what: 'setting the walls', changes: true }, signal) }),
    leftovers: (installation, signal) => inventory(async () => leftoversIn(await ask(deps, { script: leftoversScript(installation), what: 'looking for what is left over', changes: false }, signal), installation)),
    removeLeftover: (leftover, signal) => removeLeftover(deps, leftover, signal),
    logs: async (owner, tailBytes, signal) => (await ask(deps, { script: logsScript(owner, tailBytes), what: 'reading the log', changes: false }, signal)).replace(/\n$/, ''),
  }
}

function connect({ host, identityFile, knownHostsFile, program }: SshProviderOptions): Connection {
  const target = host === undefined ? null : parseSshTarget(host)
  if (target === null || identityFile === undefined) throw new ProviderFault('auth', 'there is no host for ssh', { hint: SETUP_HINT })
  return createConnection({ target, identityFile, knownHostsFile, ...(program === undefined ? {} : { program }) })
}

/** What it said before its last line. Throws where it did not come so far. */
async function ask({ connection }: Deps, { script, ...call }: Call & { readonly script: string }, signal: AbortSignal): Promise<string> {
  const { exitCode, stdout, stderr } = await connection().run(script, call, signal)
  const committed = call.changes ? 'unknown' : 'no'
  const said = stderr.trim().slice(-SHOWN)
  switch (exitCode) {
    case EXIT.foreign: throw new ProviderFault('conflict', 'what has this workspace\'s name on the host belongs to somebody else', { hint: 'look at it there: a user, a unit or a record under /var/lib/berth that Berth did not make' })
    case EXIT.unsupported: throw new ProviderFault('unsupported', said || `the host cannot do this (${call.what})`, { hint: 'see `berth provider list`' })
    case EXIT.busy: throw new ProviderFault('transient', 'another call is at work on the host', { hint: 'it is tried again' })
    case EXIT.stuck: throw new ProviderFault('transient', `the host is not done with it yet (${call.what})${said === '' ? '' : `: ${said}`}`, { committed, hint: 'it is tried again' })
    default: break
  }
  if (stdout.trimEnd().endsWith(DONE)) return stdout.slice(0, stdout.lastIndexOf(DONE))
  if (/sudo:/.test(stderr)) throw new ProviderFault('auth', `the host asks for a password: ${said}`, { hint: 'let this user run sudo without one, or set the host up with root@' })
  if (/No space left on device/.test(stderr)) throw new ProviderFault('no_space', 'the disk of the host is full', { committed, hint: 'free some space there' })
  // A script that was cut off ends as one that failed.
  throw new ProviderFault(exitCode === 0 || exitCode > 128 ? 'transient' : 'unknown', `the host did not do it (${call.what}): ${said || `exit code ${exitCode}`}`, { committed, hint: 'see `berth provider list`' })
}

interface Asked { readonly owner: Owner; readonly spec: MachineSpec }

async function ensure(deps: Deps, { owner, spec }: Asked, { signal, log }: CallContext): Promise<Step<Machine>> {
  const { options } = deps
  signal.throwIfAborted()
  refuseSpec(options, { owner, spec })
  const boot = remoteBoot(owner, spec, { isolation: 'sandbox', what: 'a host of your own' })
  const made = { names: namesOf(owner), boot, toolboxHash: spec.boot.toolbox.hash, limits: spec, allow: options.egressAllow ?? [], egress: spec.egress ?? 'open' }
  const script = ensureScript({ owner, record: recordText(owner, options.now()), unit: unitFile(made), files: machineFiles(made) })
  log?.('making the user and its unit')
  const machine = machineIn(await ask(deps, { script, what: 'making the workspace', changes: true }, signal), owner)
  const { observed } = machine
  if (observed.state === 'running') return { done: true, value: machine }
  if (observed.state === 'starting' || observed.state === 'stopping') return { done: false, poll: {}, afterMs: LOOK_AGAIN_MS, detail: observed.state === 'starting' ? 'the unit starts' : 'the unit of before ends' }
  throw new ProviderFault('unknown', `the unit ${machine.ref['unit'] ?? ''} did not start${'detail' in observed && observed.detail !== null ? `: ${observed.detail}` : ''}`, { committed: 'yes', hint: 'see what it wrote with `berth logs <workspace> machine`' })
}

function refuseSpec(options: SshProviderOptions, { owner, spec }: Asked): void {
  if (owner.installation !== options.installation) throw new ProviderFault('conflict', 'this machine belongs to another installation', { hint: 'use the server that made it' })
  if (spec.memoryBytes < SMALLEST_MEMORY_BYTES || !(spec.cpus > 0) || !(spec.pids > 0)) throw new ProviderFault('invalid', 'a workspace needs memory, a processor and processes', { hint: 'leave them out for the defaults' })
  if (spec.image !== null) throw new ProviderFault('unsupported', 'a host over ssh runs no image: its own programs are used', { hint: 'leave the image out, or use --provider docker' })
  if (spec.docker === true || spec.sudo === true) throw new ProviderFault('unsupported', 'ssh offers neither --docker nor --sudo: others share the host', { hint: 'leave them out, or choose the docker provider' })
}

async function stop(deps: Deps, owner: Owner, { signal }: CallContext): Promise<Step<Observed>> {
  const { observed } = machineIn(await ask(deps, { script: stopScript(owner), what: 'stopping the workspace', changes: true }, signal), owner)
  if (observed.state === 'stopped' || observed.state === 'absent') return { done: true, value: observed }
  return { done: false, poll: {}, afterMs: LOOK_AGAIN_MS, detail: 'waiting for the daemon to save and end' }
}

async function destroy(deps: Deps, owner: Owner, { signal }: CallContext): Promise<Step<null>> {
  const { observed } = machineIn(await ask(deps, { script: destroyScript(owner), what: 'removing the workspace', changes: true }, signal), owner)
  if (observed.state === 'absent') return { done: true, value: null }
  return { done: false, poll: {}, afterMs: LOOK_AGAIN_MS, detail: 'its files are removed' }
}

/** What could not be asked is not there to conclude from. */
async function inventory<T>(look: () => Promise<Inventory<T>>): Promise<Inventory<T>> {
  try {
    return await look()
  } catch (error) {
    if (!(error instanceof ProviderFault)) throw error
    return { items: [], complete: false, missing: [error.message] }
  }
}

async function removeLeftover(deps: Deps, { kind, name, owner }: Leftover, signal: AbortSignal): Promise<void> {
  const { installation } = deps.options
  if (typeof owner !== 'object' || owner.installation !== installation) throw new ProviderFault('conflict', `the ${kind} ${name} is not this installation's`, { hint: 'look at it on the host and remove it by hand' })
  const { items, complete, missing } = await inventory(async () => leftoversIn(await ask(deps, { script: leftoversScript(installation), what: 'looking for what is left over', changes: false }, signal), installation))
  if (!complete) throw new ProviderFault('transient', missing.join('; '), { hint: 'it is tried again' })
  if (!items.some((still) => still.kind === kind && still.name === name)) return
  await ask(deps, { script: removeLeftoverScript(owner, { kind, name }), what: `removing the ${kind} ${name}`, changes: true }, signal)
}

async function check(deps: Deps, signal: AbortSignal): Promise<ProviderCheck> {
  const refused = ({ detail, hint }: Refusal): ProviderCheck => ({ ok: false, isolation: 'sandbox', detail, hint })
  const { host, identityFile } = deps.options
  if (host === undefined || identityFile === undefined) return refused({ detail: 'not set up', hint: SETUP_HINT })
  try {
    const facts = factsIn(await ask(deps, { script: checkScript(), what: 'looking at the host', changes: false }, signal))
    const why = unfit(facts)
    return why === null ? { ok: true, isolation: 'sandbox', detail: `${host}, ${described(facts)}`, hint: adviceOn(facts) } : refused(why)
  } catch (error) {
    if (!(error instanceof ProviderFault)) throw error
    return refused({ detail: error.message, hint: error.hint })
  }
}
