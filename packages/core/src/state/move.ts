/**
 * One step of a move, in the workspace's own tick and under its fence: what is about to be done is written before it is
 * done, so that a crash between any two lines is followed by the same step or the next one.
 */
import { BerthError, type SavedId } from '@berth/wire'
import { deadlines } from '../deadlines.ts'
import type { Daemons } from '../ports/daemons.ts'
import type { Provider } from '../ports/provider.ts'
import type { MoveRow } from '../ports/saved-store.ts'
import type { Store } from '../ports/store.ts'
import { newMachine } from '../workspace/apply-change.ts'
import { backoffMs } from '../workspace/faults.ts'
import type { MachineRow, WorkspaceRecord } from '../workspace/records.ts'
import type { Tick } from '../workspace/tick.ts'
import { decideMove, type MoveStepDue } from './decide-move.ts'

export type Saving = { readonly state: 'saving'; readonly detail: string } | { readonly state: 'verified' } | { readonly state: 'failed'; readonly why: string }
export interface Moves {
  newId(): SavedId
  /** Writes down that this state is to be saved. May be repeated. */
  begin(record: WorkspaceRecord, savedId: SavedId): Promise<void>
  /** Goes on with it and says how far it is, at once. */
  look(record: WorkspaceRecord, savedId: SavedId): Promise<Saving>
}
export interface MoveWork {
  readonly deps: {
    readonly store: Pick<Store, 'setWish'>
    readonly moves?: Moves
    readonly daemons: Pick<Daemons, 'connected' | 'call' | 'reassign' | 'dismiss'>
    readonly clock: { now(): number }
    readonly installation: string
    providers(name: string): Provider
    log(line: string): void
  }
  readonly tick: Tick
  readonly signal: AbortSignal
  /** Of the active machine, as the workspace's own rules do it. */
  observe(): Promise<boolean>
  stop(): Promise<void>
}

const CALL_WITHIN_MS = 10_000
const SAVE_LOOK_MS = 500

/** True: this tick is over. False: the workspace's own rules go on. */
export async function stepMove(work: MoveWork): Promise<boolean> {
  const due = decideNow(work, false)
  if (due.do === 'regular') return false
  if (due.do !== 'observe-old') return perform(work, due)
  if (!(await work.observe())) return true
  const seen = decideNow(work, true)
  return seen.do === 'regular' ? false : perform(work, seen)
}

function decideNow({ deps, tick }: MoveWork, fresh: boolean): MoveStepDue {
  const record = tick.record()
  return decideMove(record, deps.clock.now(), { fresh, connected: deps.daemons.connected(record.workspace.id) })
}

async function perform(work: MoveWork, due: Exclude<MoveStepDue, { do: 'regular' }>): Promise<boolean> {
  const { deps, tick } = work
  const now = deps.clock.now()
  switch (due.do) {
    case 'observe-old': return true
    case 'wait':
      await tick.finish(tick.record().workspace.move?.step === 'waiting' ? { workspace: { statusMessage: `moves to ${moveOf(work).to.provider} at the end of the turn` } } : {}, now + due.inMs)
      return true
    case 'interrupt': await interrupt(work); return true
    case 'hold': await hold(work); return true
    case 'save': await save(work); return true
    case 'stop-old': await work.stop(); return true
    case 'switch': await switchOver(work, due.generation); return true
    case 'look-new': return lookNew(work)
    case 'undo':
      await tick.finish({ workspace: { move: { ...moveOf(work), step: 'undoing', why: due.why, stepAt: now }, statusMessage: 'going back to where it was' } }, now)
      return true
    case 'cancel': await stayed(work, due.why); return true
    case 'end': await end(work); return true
    case 'destroy': await destroy(work, due.machine); return true
  }
}

/** Only called where there is one. */
const moveOf = ({ tick }: MoveWork): MoveRow => tick.record().workspace.move as MoveRow

async function interrupt({ deps, tick, signal }: MoveWork): Promise<void> {
  const { workspace } = tick.record()
  await deps.daemons.call(workspace.id, 'session.interrupt', {}, { withinMs: CALL_WITHIN_MS, signal }).catch((error: unknown) => { deps.log(`${workspace.id}: not interrupted: ${String(error)}`) })
  await tick.finish({ workspace: { statusMessage: 'interrupted, to be moved' } }, deps.clock.now() + deadlines.tickBusy)
}

async function hold(work: MoveWork): Promise<void> {
  const { deps, tick } = work
  if (deps.moves === undefined) return stayed(work, 'this server moves nothing')
  const savedId = moveOf(work).savedId ?? deps.moves.newId()
  await deps.moves.begin(tick.record(), savedId)
  const now = deps.clock.now()
  if (!await tick.finish({ workspace: { move: { ...moveOf(work), step: 'saving', savedId, stepAt: now }, statusMessage: 'saving the workspace' } }, now)) return
  await deps.daemons.reassign(tick.record().workspace.id)
}

async function save(work: MoveWork): Promise<void> {
  const { deps, tick } = work
  const { savedId } = moveOf(work)
  if (savedId === null || deps.moves === undefined) return stayed(work, 'nothing was saved')
  const looked = await deps.moves.look(tick.record(), savedId)
  const now = deps.clock.now()
  switch (looked.state) {
    case 'saving': await tick.finish({ workspace: { statusMessage: looked.detail } }, now + SAVE_LOOK_MS); return
    case 'failed': return stayed(work, looked.why)
    case 'verified': await tick.finish({ workspace: { move: { ...moveOf(work), step: 'stopping', stepAt: now }, statusMessage: 'stopping the old machine' } }, now)
  }
}

/** The pointer: from here on the workspace is that machine. The old one stays, stopped, until this one has everything. */
async function switchOver(work: MoveWork, generation: number): Promise<void> {
  const { deps, tick } = work
  const now = deps.clock.now()
  const { workspace } = tick.record()
  const move = moveOf(work)
  if (move.savedId === null) return stayed(work, 'nothing was saved')
  const { workspaceId: _, generation: __, provider: ___, createdAt: ____, ...machine } = newMachine({ ...workspace, generation, provider: move.to.provider }, now)
  const written = await tick.finish({
    workspace: {
      generation, provider: move.to.provider, readyAt: null, statusMessage: null,
      steps: workspace.steps.map((step) => ({ ...step, state: 'pending' as const, startedAt: null, durationMs: null, detail: null })),
      restore: { savedId: move.savedId, generation, sessions: [], branch: null },
      move: { ...move, step: 'starting', from: { ...move.from, readyAt: workspace.readyAt }, to: { ...move.to, generation }, stepAt: now },
    },
    machine,
    // Its deadlines count from here.
    wish: { expectVersion: workspace.wish.version, target: 'running', by: 'user', reason: 'moved' },
  }, now)
  if (written) deps.daemons.dismiss(workspace.id)
}

async function lookNew(work: MoveWork): Promise<boolean> {
  const { deps, tick, signal } = work
  const { workspace } = tick.record()
  const move = moveOf(work)
  const begun = await deps.daemons.call(workspace.id, 'state.begun', {}, { withinMs: CALL_WITHIN_MS, signal }).catch((error: unknown) => error)
  const now = deps.clock.now()
  if (begun instanceof Error) {
    if (begun instanceof BerthError && begun.code === 'unsupported') {
      await tick.finish({ workspace: { move: { ...move, step: 'undoing', why: 'the daemon of the new machine is too old to be moved to', stepAt: now } } }, now)
      return true
    }
    // Away for a moment: its own rules look after it.
    return false
  }
  const { savedId } = begun as { savedId: string | null }
  if (savedId !== move.savedId) return false
  await tick.finish({ workspace: { move: { ...move, step: 'ending', stepAt: now }, statusMessage: null } }, now)
  return true
}

async function end(work: MoveWork): Promise<void> {
  const { deps, tick } = work
  const now = deps.clock.now()
  const move = moveOf(work)
  if (move.step === 'ending') {
    const notice = { type: 'workspace.notice' as const, level: 'info' as const, code: 'moved', message: `it runs at ${move.to.provider} now; its machine at ${move.from.provider} is gone`, hint: null }
    await tick.finish({ workspace: { move: null, statusMessage: null }, events: [notice] }, now)
    return
  }
  const { workspace } = tick.record()
  const notice = { type: 'workspace.notice' as const, level: 'error' as const, code: 'move_undone', message: `it stays at ${move.from.provider}: ${move.why ?? 'the new machine did not work'}`, hint: `see \`berth provider list\`, then \`berth move ${workspace.name} --provider ${move.to.provider}\`` }
  // It was wanted running when it was moved, and nobody said otherwise but its failure.
  const wanted = workspace.wish.target === 'running' || workspace.wish.by === 'failure'
  const wish = { expectVersion: workspace.wish.version, target: 'running' as const, by: 'user' as const, reason: 'the move was undone' }
  const back = await tick.finish({ workspace: { move: null, restore: null, generation: move.from.generation, provider: move.from.provider, readyAt: move.from.readyAt ?? null, statusMessage: null }, events: [notice], ...(wanted ? { wish } : {}) }, now)
  // Which clears its failure; nothing depends on that.
  if (back && wanted && workspace.failure !== null) await deps.store.setWish(workspace.id, { target: 'running', by: 'user', reason: wish.reason, expectVersion: workspace.wish.version + 1 }, now)
}

/** Nothing was stopped yet: its agents go on. */
async function stayed(work: MoveWork, why: string): Promise<void> {
  const { deps, tick } = work
  const { workspace } = tick.record()
  const move = moveOf(work)
  const notice = { type: 'workspace.notice' as const, level: 'error' as const, code: 'move_undone', message: `it stays at ${move.from.provider}: ${why}`, hint: null }
  if (await tick.finish({ workspace: { move: null, statusMessage: null }, events: [notice] }, deps.clock.now())) await deps.daemons.reassign(workspace.id)
}

/** Until it is seen to be gone; never given up. */
async function destroy(work: MoveWork, machine: MachineRow): Promise<void> {
  const { deps, tick, signal } = work
  const { workspace } = tick.record()
  const { generation } = machine
  const active = generation === workspace.generation
  const change = (of: Partial<MachineRow>) => (active ? { machine: of } : { other: { generation, machine: of } })
  const owner = { installation: deps.installation, workspaceId: workspace.id, generation }
  const again = async (detail: string | null): Promise<void> => {
    const attempts = machine.attempts + 1
    const at = deps.clock.now() + backoffMs(attempts)
    // Of another machine than the workspace's own: whose rules come next, and this one again after its pause.
    await tick.finish({ ...change({ attempts, retryAt: at, poll: { op: 'destroy' } }), ...(detail === null ? {} : { workspace: { statusMessage: detail } }) }, active ? at : deps.clock.now())
  }
  try {
    const provider = deps.providers(machine.provider)
    const poll = machine.poll?.['op'] === 'destroy' && machine.poll['of'] !== undefined ? { poll: machine.poll['of'] as Readonly<Record<string, unknown>> } : {} // what is stored below
    const result = await provider.destroy(owner, { signal, ...poll })
    const now = deps.clock.now()
    if (!result.done) {
      await tick.finish(change({ poll: { op: 'destroy', of: result.poll } }), now + Math.min(Math.max(result.afterMs, 100), deadlines.tickIdle))
      return
    }
    const { observed } = await provider.observe(owner, signal)
    if (observed.state !== 'absent') return await again(null)
    await tick.finish(change({ observed, observedAt: now, charge: null, endedAt: now, poll: null, retryAt: null }), now)
  } catch (error) {
    deps.log(`${workspace.id}: the machine of generation ${generation} stays for now: ${error instanceof Error ? error.message : String(error)}`)
    await again(`a machine at ${machine.provider} is still to be removed`)
  }
}
