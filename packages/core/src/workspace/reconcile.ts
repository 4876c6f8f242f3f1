/**
 * One tick: look, decide, do at most one thing, write what came of it. It never retries; the next tick is the retry,
 * so that a crash, a slow provider and a lost answer all take the same path.
 *
 * The order is the promise: what is about to be done is written under the fence of the claim before it is done.
 * A write that is refused (an older claim, another wish) ends the tick with no effect.
 */
import { HOSTED_REFS } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { applyIdle } from '../idle/idle-loop.ts'
import { deadlines } from '../deadlines.ts'
import type { Clock } from '../ports/clock.ts'
import type { Daemons } from '../ports/daemons.ts'
import type { MachineMade, MachineRef, MachineSpec, Observed, Owner, Provider, Step as ProviderStep } from '../ports/provider.ts'
import type { Claim, Store } from '../ports/store.ts'
import { stepMove, type MoveWork, type Moves } from '../state/move.ts'
import { newMachine } from './apply-change.ts'
import { chargeChange, type ChargeDeps } from './charge-change.ts'
import { decide, isWaste, MAX_STARTS, type Refusal, type Step } from './decide.ts'
import { afterFault, backoffMs, planOf } from './faults.ts'
import { linkState, speaksForItself } from './link-state.ts'
import { stepsAtStart } from './machine-steps.ts'
import { isRebuilding, type MachineRow, type WorkspaceRecord } from './records.ts'
import { createTick, stepChange, type Change, type Tick } from './tick.ts'

export interface ReconcileDeps extends ChargeDeps {
  readonly store: Pick<Store, 'getWorkspace' | 'saveTick' | 'finishTick' | 'setWish' | 'wake' | 'approvals'>
  /** It is to stop because nothing happened. Absent: nobody writes it down. */
  slept?(record: WorkspaceRecord): Promise<void>
  /** Throws `provider_unknown`. */
  providers(name: string): Provider
  readonly daemons: Pick<Daemons, 'connected' | 'call' | 'reassign' | 'dismiss'>
  readonly clock: Clock
  readonly installation: string
  /** Called right before each `ensure`. The boot token in it is the same until a daemon enrolled with it. */
  specFor(record: WorkspaceRecord): Promise<MachineSpec>
  /**
   * Whether everything is on this host that a machine of this workspace needs; begins to fetch what is not. It never
   * waits for the fetch. Throws when that failed since the workspace was wished for. Absent: nothing is needed.
   */
  prepared?(record: WorkspaceRecord): Promise<Prepared>
  /** Saves whole workspaces. Absent: nothing is moved. */
  readonly moves?: Moves
  /** Writes down how machines come up, or do not. Absent: nobody does. */
  readonly boot?: BootNotes
  /** Ports that the project declares, once its machine is made. They are a help: a failure is logged, no more. */
  declarePorts?(id: WorkspaceId, ports: MachineMade['ports']): Promise<void>
  /** Since when this server has ticked without a gap; see `uptime.ts`. */
  upSince(): number
}

/** Not ready: `detail` says what is under way and how far it is; look again in `afterMs`, or when woken. */
export type Prepared = { readonly ready: true } | { readonly ready: false; readonly detail: string; readonly afterMs: number }

/** A failure to write is its own affair. */
export interface BootNotes {
  said(record: WorkspaceRecord, line: string): void
  told(record: WorkspaceRecord, instructions: string, spec: MachineSpec): void
  /** What the machine said last while it boots. Null: nothing. */
  lastLine(record: WorkspaceRecord): string | null
  /** It is given up, and still there. */
  failed(record: WorkspaceRecord, provider: Provider): Promise<void>
}

export interface Work { readonly deps: ReconcileDeps; readonly tick: Tick; readonly lastTickAt: number; readonly startedAt: number; readonly signal: AbortSignal }

/** Resolves with the step that was taken. The signal ends it: the server stops, or `deadlines.providerCall` is over. */
export async function reconcile(deps: ReconcileDeps, claim: Claim, signal: AbortSignal): Promise<Step> {
  const startedAt = deps.clock.now()
  const record = await deps.store.getWorkspace(claim.workspaceId)
  if (record === null) return { do: 'nothing', againInMs: null }
  const tick = createTick(deps, { claim, record, clock: () => deps.clock.now() })
  const work: Work = { deps, tick, lastTickAt: record.machine?.observedAt ?? 0, startedAt, signal }
  let step: Step = { do: 'nothing', againInMs: null }
  try {
    if (await stepMove(moveWork(work))) return { do: 'wait', until: deps.clock.now(), why: 'moving' }
    step = decideNow(work, false)
    if (step.do === 'observe') {
      if (!knownFromDaemon(work) && !await observe(work)) return step
      step = decideNow(work, true)
    }
    await perform(work, step)
  } catch (error) {
    await afterRefusal(work, step, error)
  }
  return step
}

/** What a move does to machines, each in the same way as the workspace's own rules do. */
const moveWork = (work: Work): MoveWork => ({ deps: work.deps, tick: work.tick, signal: work.signal, observe: () => observe(work), stop: () => stop(work) })

function decideNow({ deps, tick }: Work, fresh: boolean): Step {
  const record = tick.record()
  return decide(record, deps.clock.now(), { fresh, upSince: deps.upSince(), connected: deps.daemons.connected(record.workspace.id) })
}

function knownFromDaemon({ deps, tick }: Work): boolean {
  const record = tick.record()
  return speaksForItself(record, { now: deps.clock.now(), connected: deps.daemons.connected(record.workspace.id) })
}

function ownerOf(deps: ReconcileDeps, { workspace }: WorkspaceRecord): Owner {
  return { installation: deps.installation, workspaceId: workspace.id, generation: workspace.generation }
}

function providerOf(deps: ReconcileDeps, record: WorkspaceRecord): Provider {
  // The machine's own provider: a workspace that moves has its old machine elsewhere.
  return deps.providers(record.machine?.provider ?? record.workspace.provider)
}

async function observe(work: Work): Promise<boolean> {
  const { deps, tick, signal } = work
  const record = tick.record()
  const machine = await providerOf(deps, record).observe(ownerOf(deps, record), signal)
  const charge = await chargeChange(deps, { record, machine, now: deps.clock.now() }, signal)
  return tick.save({ machine: { observed: machine.observed, observedAt: deps.clock.now(), ...charge, ...(machine.observed.state === 'absent' ? {} : { ref: machine.ref, isolation: machine.isolation }) } })
}

async function perform(work: Work, step: Step): Promise<void> {
  const { deps, tick } = work
  const now = deps.clock.now()
  switch (step.do) {
    case 'observe': return
    case 'nothing': return settled(work, step.againInMs)
    case 'wait': {
      const record = tick.record()
      const { observed } = record.machine ?? { observed: { state: 'absent' as const } }
      const unknown = observed.state === 'unknown' ? { workspace: { statusMessage: step.why } } : {}
      await tick.finish({ ...linkSteps(record, now, deps), ...unknown }, Math.min(step.until, now + deadlines.tickIdle))
      return
    }
    case 'begin': {
      const workspace = { ...tick.record().workspace, generation: step.generation }
      const { workspaceId: _, generation: __, provider: ___, createdAt: ____, ...machine } = newMachine(workspace, now)
      await tick.finish({ workspace: { generation: step.generation, readyAt: null }, machine }, now)
      return
    }
    case 'ensure': return ensure(work, step.start)
    case 'prepare-stop': return prepareStop(work, step.withinMs)
    case 'stop': return stop(work)
    case 'destroy': return destroy(work)
    case 'fail': return fail(work, step.refusal)
    case 'want': return want(work)
    case 'settle': return settle(work, step.as)
  }
}

async function settled(work: Work, againInMs: number | null): Promise<void> {
  const { deps, tick, startedAt } = work
  const now = deps.clock.now()
  if (againInMs === null) {
    await tick.finish({}, now + deadlines.journalKeep)
    return
  }
  const record = tick.record()
  const { workspace, machine } = record
  let next = now + againInMs
  let change: Change = linkSteps(record, now, deps)
  if (workspace.wish.target === 'running' && machine !== null && workspace.readyAt !== null) {
    const { idleVerdicts, stopped, lookAt } = await applyIdle(deps, record, { now: startedAt, upSince: deps.upSince(), linked: true, lastTickAt: work.lastTickAt })
    if (idleVerdicts !== workspace.idleVerdicts) change = { ...change, workspace: { ...change.workspace, idleVerdicts } }
    if (lookAt !== null) next = Math.min(next, Math.max(lookAt, now + deadlines.tickBusy))
    if (stopped) {
      next = now
      await deps.slept?.(record)
    }
  }
  await tick.finish(change, next)
}

/** The `dial` row follows the link, which is opened outside any tick. */
function linkSteps(record: WorkspaceRecord, now: number, deps: ReconcileDeps): Change {
  const { machine } = record
  if (!deps.daemons.connected(record.workspace.id) && (machine === null || linkState(machine, now).is !== 'linked')) return bootingSteps(record, now, deps)
  const steps = stepChange(record, [['dial', 'done', null]], now)
  return steps.length === 0 ? {} : { workspace: { steps } }
}

/** While it boots, the row says what its boot says. */
function bootingSteps(record: WorkspaceRecord, now: number, { boot }: ReconcileDeps): Change {
  const line = boot?.lastLine(record) ?? null
  if (line === null || !record.workspace.steps.some(({ step, state }) => step === 'dial' && state === 'started')) return {}
  const steps = stepChange(record, [['dial', 'started', line]], now)
  return steps.length === 0 ? {} : { workspace: { steps } }
}

async function ensure(work: Work, start: boolean): Promise<void> {
  const { deps, tick, signal } = work
  const now = deps.clock.now()
  const before = tick.record()
  const prepared = await lookPrepared(deps, before)
  if (start) {
    const waitsFor = prepared.ok ? (prepared.value.ready ? null : prepared.value.detail) : ''
    const steps = stepsAtStart(before.workspace.steps, now, waitsFor)
    const underThisWish = before.machine !== null && before.machine.stoppingSince === null && (before.machine.ensuringSince ?? 0) >= before.workspace.wish.at
    const attempts = underThisWish ? (before.machine?.attempts ?? 0) + 1 : 1
    const saved = await tick.save({
      workspace: { statusMessage: null, idleVerdicts: 0, steps },
      machine: { ensuringSince: Math.max(now, before.workspace.wish.at), stoppingSince: null, saveState: 'none', poll: null, attempts, retryAt: null },
    })
    if (!saved) return
  }
  // Thrown only now, so that the start it belongs to is counted and its step fails.
  if (!prepared.ok) throw prepared.error
  if (!prepared.value.ready) return waitForToolbox(work, prepared.value)
  if (!await toolboxReady(work)) return
  const record = tick.record()
  const spec = await deps.specFor(record)
  const result = await providerOf(deps, record).ensure(ownerOf(deps, record), spec, {
    signal, ...pollOf(record.machine, 'ensure'), told: (instructions) => deps.boot?.told(record, instructions, spec),
    log(line) {
      deps.log(`${record.workspace.id}: ${line}`)
      deps.boot?.said(record, line)
    },
  })
  await (result.done ? ensured(work, result.value) : polling(work, 'ensure', result))
}

type Looked = { readonly ok: true; readonly value: Prepared } | { readonly ok: false; readonly error: unknown }
async function lookPrepared(deps: ReconcileDeps, record: WorkspaceRecord): Promise<Looked> {
  try {
    return { ok: true, value: await deps.prepared?.(record) ?? { ready: true } }
  } catch (error) {
    return { ok: false, error }
  }
}

async function waitForToolbox({ deps, tick }: Work, { detail, afterMs }: Prepared & { ready: false }): Promise<void> {
  const now = deps.clock.now()
  const record = tick.record()
  const steps = stepChange(record, [['toolbox', 'started', detail]], now)
  // A poll keeps the start under way without counting another one; that of the provider, if there is one, stays.
  const poll = record.machine?.poll ?? { op: 'toolbox', of: {} }
  await tick.finish({ workspace: { statusMessage: detail, steps }, machine: { poll, retryAt: null } }, now + afterMs)
}

/** Moves the timeline on from the toolbox, if it stood there. False: the claim is lost. */
async function toolboxReady({ deps, tick }: Work): Promise<boolean> {
  const { workspace } = tick.record()
  if (!workspace.steps.some(({ step, state }) => step === 'toolbox' && state === 'started')) return true
  const steps = stepChange(tick.record(), [['toolbox', 'done', null], ['machine', 'started', null]], deps.clock.now())
  return tick.save({ workspace: { statusMessage: null, steps } })
}

async function ensured(work: Work, machine: Awaited<ReturnType<Provider['observe']>>): Promise<void> {
  const { deps, tick, signal } = work
  const record = tick.record()
  const charge = await chargeChange(deps, { record, machine, now: deps.clock.now() }, signal)
  const now = deps.clock.now()
  const running = machine.observed.state === 'running'
  const steps = stepChange(record, running ? [['image', 'done', null], ['machine', 'done', null], ['dial', 'started', null]] : [], now)
  // The ref is written with the notices: they are told once for each machine that was made.
  const made = sameRef(machine.ref, record.machine?.ref ?? null) ? null : machine.made ?? null
  if (made !== null && made.ports.length > 0) await deps.declarePorts?.(record.workspace.id, made.ports).catch((error: unknown) => { deps.log(`${record.workspace.id}: its ports were not declared: ${String(error)}`) })
  await tick.finish({
    ...(made === null ? {} : { events: made.notices.map((notice) => ({ type: 'workspace.notice' as const, ...notice })) }),
    workspace: { statusMessage: null, steps, ...(running ? { startedAt: Math.max(now, record.machine?.ensuringSince ?? 0) } : {}) },
    // Until it has been linked for a while the next start waits, so that a machine that dies at once does not spin.
    machine: { ref: machine.ref, observed: machine.observed, observedAt: now, ...charge, isolation: machine.isolation, poll: null, retryAt: now + backoffMs(record.machine?.attempts ?? 1) },
  }, now + deadlines.tickBusy)
}

const sameRef = (one: MachineRef, other: MachineRef | null): boolean => other !== null && Object.keys({ ...one, ...other }).every((key) => one[key] === other[key])

async function polling(work: Work, op: string, step: ProviderStep<unknown> & { done: false }): Promise<void> {
  const { deps, tick } = work
  const now = deps.clock.now()
  // A provider that prepares an image says `step: 'image'` in its poll; all else is the machine.
  const name = step.poll['step'] === 'image' ? 'image' : 'machine'
  const steps = op === 'ensure' ? stepChange(tick.record(), [[name, 'started', step.detail]], now) : []
  // What goes on at once goes on at once, but for one that says the same again.
  const isOnward = step.afterMs === 0 && step.detail !== tick.record().workspace.statusMessage
  const next = isOnward ? now : now + Math.min(Math.max(step.afterMs, 100), deadlines.tickIdle)
  await tick.finish({ workspace: { statusMessage: step.detail, steps }, machine: { poll: { op, of: step.poll }, retryAt: next } }, next)
}

/** A poll belongs to the call that gave it: another wish starts anew. */
function pollOf(machine: MachineRow | null, op: string): { poll?: Readonly<Record<string, unknown>> } {
  const poll = machine?.poll
  return poll?.['op'] === op ? { poll: poll['of'] as Readonly<Record<string, unknown>> } : {} // what `polling` stored
}

async function prepareStop(work: Work, withinMs: number): Promise<void> {
  const { deps, tick, signal } = work
  const now = deps.clock.now()
  const { workspace, machine } = tick.record()
  const stoppingSince = machine?.stoppingSince ?? 0
  const began = stoppingSince >= workspace.wish.at
  const since = began ? stoppingSince : Math.max(now, workspace.wish.at)
  const kept = await tick.save({ workspace: { statusMessage: 'saving the work' }, machine: { stoppingSince: since, saveState: 'trying', ...(began ? {} : { poll: null, retryAt: null, attempts: 0 }) } })
  if (!kept) return
  try {
    const { commit } = await deps.daemons.call(workspace.id, 'stop.prepare', { withinMs, publish: true }, { withinMs, signal })
    const saved = commit === null ? {} : { saved: { commit, ref: HOSTED_REFS.save, at: deps.clock.now() } }
    await tick.finish({ workspace: saved, machine: { saveState: 'done' } }, deps.clock.now())
  } catch (error) {
    // The disk is kept by every stop, so a save that did not work costs the copy, not the work.
    deps.log(`${workspace.id}: no save before the stop: ${error instanceof Error ? error.message : 'unknown'}`)
    const notice = { type: 'workspace.notice' as const, level: 'warning' as const, code: 'save_skipped', message: 'the work was not copied before the stop; it is on the machine\'s disk', hint: 'start it again to fetch the newest state' }
    await tick.finish({ machine: { saveState: 'gave-up' }, events: [notice] }, deps.clock.now())
  }
}

/** Writes that a stop began, if it has not under this wish. */
async function beginStop(work: Work): Promise<boolean> {
  const { deps, tick } = work
  const { workspace, machine } = tick.record()
  if ((machine?.stoppingSince ?? 0) >= workspace.wish.at) return true
  const since = Math.max(deps.clock.now(), workspace.wish.at)
  return tick.save({ workspace: { statusMessage: null }, machine: { stoppingSince: since, saveState: 'none', poll: null, retryAt: null, attempts: 0 } })
}

async function stop(work: Work): Promise<void> {
  const { deps, tick, signal } = work
  if (!await beginStop(work)) return
  const record = tick.record()
  const result = await (isWaste(record) ? giveBack(work, record) : providerOf(deps, record).stop(ownerOf(deps, record), { signal, ...pollOf(record.machine, 'stop') }))
  if (!result.done) return polling(work, 'stop', result)
  const charge = await chargeChange(deps, { record, machine: { observed: result.value, createdAt: 0 }, now: deps.clock.now() }, signal)
  const now = deps.clock.now()
  const still = result.value.state === 'stopped' || result.value.state === 'absent' || result.value.state === 'failed'
  const attempts = still ? 0 : (record.machine?.attempts ?? 0) + 1
  await tick.finish({ workspace: { statusMessage: null }, machine: { observed: result.value, observedAt: now, ...charge, poll: null, attempts, retryAt: still ? null : now + backoffMs(attempts) } }, still ? now : now + backoffMs(attempts))
}

/** The disk too. The workspace stays, and a start begins anew. */
async function giveBack({ deps, signal }: Work, record: WorkspaceRecord): Promise<ProviderStep<Observed>> {
  const provider = providerOf(deps, record)
  const step = await provider.destroy(ownerOf(deps, record), { signal, ...pollOf(record.machine, 'stop') })
  return step.done ? { done: true, value: (await provider.observe(ownerOf(deps, record), signal)).observed } : step
}

async function destroy(work: Work): Promise<void> {
  const { deps, tick, signal } = work
  if (!await beginStop(work)) return
  const record = tick.record()
  const provider = providerOf(deps, record)
  const result = await provider.destroy(ownerOf(deps, record), { signal, ...pollOf(record.machine, 'destroy') })
  if (!result.done) return polling(work, 'destroy', result)
  // Only what was seen to be gone is gone.
  const seen = await provider.observe(ownerOf(deps, record), signal)
  const { observed } = seen
  const charge = await chargeChange(deps, { record, machine: seen, now: deps.clock.now() }, signal)
  const now = deps.clock.now()
  if (observed.state === 'absent') {
    await tick.finish({ workspace: { deletedAt: now, statusMessage: null }, machine: { observed, observedAt: now, ...charge, endedAt: now, poll: null, retryAt: null } }, now + deadlines.journalKeep)
    return
  }
  const attempts = (record.machine?.attempts ?? 0) + 1
  await tick.finish({ machine: { observed, observedAt: now, ...charge, poll: null, attempts, retryAt: now + backoffMs(attempts) } }, now + backoffMs(attempts))
}

async function settle(work: Work, as: 'running' | 'stopped' | 'deleted'): Promise<void> {
  const { deps, tick } = work
  const now = deps.clock.now()
  const record = tick.record()
  switch (as) {
    case 'deleted':
      await tick.finish({ workspace: { deletedAt: now, statusMessage: null }, ...(record.machine === null || record.machine.endedAt !== null ? {} : { machine: { endedAt: now } }) }, now + deadlines.journalKeep)
      return
    case 'stopped':
      // A link that outlives its machine is somebody else's, who has its token. Written first: from then on nobody gets in with it.
      if (await tick.finish({ workspace: { statusMessage: null, idleVerdicts: 0 }, machine: { ensuringSince: null, stoppingSince: null, poll: null, attempts: 0, retryAt: null, saveState: 'none' } }, isRebuilding(record.workspace) ? now : now + deadlines.tickIdle)) deps.daemons.dismiss(record.workspace.id)
      return
    case 'running': {
      const since = record.machine?.ensuringSince ?? now
      const begun = record.workspace.startedAt !== null && record.workspace.startedAt >= since
      const lasting = now - (record.machine?.linkedAt ?? now) >= deadlines.dialHome
      const steps = stepChange(record, [['machine', 'done', null]], now)
      await tick.finish({
        workspace: { steps, ...(begun ? {} : { startedAt: Math.max(now, since) }) },
        machine: { ensuringSince: since, stoppingSince: null, poll: null, saveState: 'none', ...(lasting ? { attempts: 0, retryAt: null } : {}) },
      }, now)
    }
  }
}

async function fail(work: Work, refusal: Refusal): Promise<void> {
  const { deps, tick } = work
  const now = deps.clock.now()
  const { workspace } = tick.record()
  deps.boot?.said(tick.record(), `given up: ${refusal.message}`)
  await deps.boot?.failed(tick.record(), providerOf(deps, tick.record()))
  const under = workspace.steps.find(({ state }) => state === 'started')
  const steps = under === undefined ? [] : [{ ...under, state: 'failed' as const, durationMs: under.startedAt === null ? null : now - under.startedAt, detail: refusal.message }]
  const written = await tick.finish({
    workspace: { failure: { ...refusal, at: now }, statusMessage: refusal.message, steps },
    wish: { expectVersion: workspace.wish.version, target: 'stopped', by: 'failure', reason: refusal.code },
  }, now)
  if (!written) await deps.store.wake(workspace.id, now)
}

/** The other half of a rebuild: nobody has to stay for it. */
async function want({ deps, tick }: Work): Promise<void> {
  const now = deps.clock.now()
  const { workspace } = tick.record()
  await deps.store.setWish(workspace.id, { target: 'running', by: 'user', reason: null, expectVersion: workspace.wish.version }, now)
  await tick.finish({}, now)
}

function noteRefusal({ deps, tick }: Work, { step, refusal }: { step: Step; refusal: Refusal }, error: unknown): void {
  const record = tick.record()
  deps.log(`${record.workspace.id}: ${step.do}: ${refusal.code}: ${error instanceof Error ? error.message : String(error)}`)
  // Of a bug the log alone says what it is.
  if (record.workspace.wish.target === 'running') deps.boot?.said(record, `${step.do}: ${refusal.message}`)
}

async function afterRefusal(work: Work, step: Step, error: unknown): Promise<void> {
  const { deps, tick, signal } = work
  const now = deps.clock.now()
  const { workspace, machine } = tick.record()
  const plan = planOf(error)
  if (!signal.aborted) noteRefusal(work, { step, refusal: plan.refusal }, error)
  const worked = workspace.readyAt !== null
  const due = step.do === 'observe' ? stillToCome(machine, now) : null
  // A start was counted when it was written down.
  const counts = due === null && !(step.do === 'ensure' && step.start)
  const attempts = (machine?.attempts ?? 0) + (counts ? 1 : 0)
  const wanted = workspace.wish.target === 'running'
  // One that works does not fail because it could not be looked at.
  const outcome = afterFault(plan, { attempts, mayFail: wanted && !(worked && step.do === 'observe'), worked })
  if (outcome.do === 'fail') return fail(work, outcome.refusal)
  const retryAt = due ?? now + outcome.inMs
  const change: Change = { workspace: { statusMessage: `${plan.refusal.message}; trying again` } }
  // Below the limit of `decide`: a machine is given up for not staying up, never for a provider that was away.
  const counted = wanted ? Math.min(attempts, MAX_STARTS - 1) : attempts
  await tick.finish(machine === null ? change : { ...change, machine: { attempts: counted, retryAt } }, retryAt)
}

/** Woken before its turn by something else than time: a provider that is away for a second must not use up all tries. */
function stillToCome(machine: MachineRow | null, now: number): number | null {
  const retryAt = machine?.retryAt ?? null
  return retryAt !== null && retryAt > now ? retryAt : null
}
