/**
 * The rules of a move. Pure. What holds in every branch: the old machine is touched only when the state that the new one
 * begins with is verified, and it is destroyed only when the new one has all of it and its agent runs; until then every
 * way leads back. `regular`: nothing of the move is due, the workspace's own rules go on.
 */
import type { AgentState } from '@berth/wire'
import { deadlines } from '../deadlines.ts'
import { nextGeneration, type MachineRow, type WorkspaceRecord } from '../workspace/records.ts'

export type MoveStepDue =
  | { readonly do: 'regular' }
  /** Nothing of the move, and nothing else either, until then. */
  | { readonly do: 'wait'; readonly inMs: number }
  | { readonly do: 'interrupt' }
  /** The agents end, and a state is begun to be saved. */
  | { readonly do: 'hold' }
  | { readonly do: 'save' }
  | { readonly do: 'observe-old' }
  | { readonly do: 'stop-old' }
  | { readonly do: 'switch'; readonly generation: number }
  | { readonly do: 'look-new' }
  | { readonly do: 'end' }
  | { readonly do: 'undo'; readonly why: string }
  | { readonly do: 'cancel'; readonly why: string }
  /** A machine that is nobody's any more: of a move that was, or of a workspace that is to go. */
  | { readonly do: 'destroy'; readonly machine: MachineRow }

export interface MoveContext { readonly fresh: boolean; readonly connected: boolean }

const LOOK_MS = deadlines.tickBusy
/** An interrupted agent that does not come to rest is ended by the hold. */
const REST_WITHIN_MS = 30_000

export function decideMove(record: WorkspaceRecord, now: number, context: MoveContext): MoveStepDue {
  const { workspace } = record
  const { move = null } = workspace
  if (workspace.deletedAt !== null) return { do: 'regular' }
  const others = (record.others ?? []).filter(({ endedAt }) => endedAt === null)
  if (workspace.wish.target === 'deleted') {
    const [machine] = others
    return machine === undefined ? { do: 'regular' } : destroying(machine, now)
  }
  if (move === null) return leaving(others, now)
  switch (move.step) {
    case 'waiting': case 'saving': return beforeStop(record, now, context)
    case 'stopping': return stopping(record, context)
    case 'starting': return starting(record, context)
    case 'ending': return others.some(({ generation }) => generation === move.from.generation) ? leaving(others, now) : { do: 'end' }
    case 'undoing': return undoing(record, now)
  }
}

function beforeStop({ workspace, machine }: WorkspaceRecord, now: number, { connected }: MoveContext): MoveStepDue {
  if (workspace.wish.target === 'stopped') return { do: 'cancel', why: workspace.failure !== null && workspace.wish.by === 'failure' ? workspace.failure.message : 'it was stopped meanwhile' }
  const up = machine !== null && machine.endedAt === null && machine.observed.state === 'running' && connected && workspace.readyAt !== null
  if (!up) return { do: 'regular' }
  const { move } = workspace
  if (move?.step === 'saving') return { do: 'save' }
  if (isResting(workspace.agentState)) return { do: 'hold' }
  if (move?.interrupt !== true) return { do: 'wait', inMs: LOOK_MS * 2 }
  return now - move.askedAt >= REST_WITHIN_MS ? { do: 'hold' } : { do: 'interrupt' }
}

/** Nothing is under way and nobody is asked: what stands in the tree is whole. */
export const isResting = (state: AgentState): boolean => state === 'idle' || state === 'none' || state === 'exited' || state === 'error'

function stopping(record: WorkspaceRecord, { fresh }: MoveContext): MoveStepDue {
  const { workspace, machine } = record
  // Whoever stops it now stops it; the move goes on when it is wanted again.
  if (workspace.wish.target !== 'running') return { do: 'regular' }
  if (machine === null || machine.endedAt !== null) return { do: 'switch', generation: nextGeneration(record) }
  if (!fresh) return { do: 'observe-old' }
  const { observed } = machine
  const still = observed.state === 'absent' || observed.state === 'failed' || (observed.state === 'stopped' && observed.charged !== true)
  return still ? { do: 'switch', generation: nextGeneration(record) } : { do: 'stop-old' }
}

function starting({ workspace, machine }: WorkspaceRecord, { connected }: MoveContext): MoveStepDue {
  if (workspace.failure !== null && workspace.wish.by === 'failure') return { do: 'undo', why: workspace.failure.message }
  if (workspace.wish.target !== 'running' || machine === null || workspace.readyAt === null || !connected) return { do: 'regular' }
  return { do: 'look-new' }
}

function undoing({ workspace: { move }, machine }: WorkspaceRecord, now: number): MoveStepDue {
  const generation = move?.to.generation ?? null
  if (generation === null || machine === null || machine.generation !== generation || machine.endedAt !== null) return { do: 'end' }
  // Tried once and not gone: a provider that is away keeps nobody from the machine that is whole; it is tried again beside it.
  return machine.poll?.['op'] === 'destroy' && machine.retryAt !== null ? { do: 'end' } : destroying(machine, now)
}

/** A provider that is away must not keep the workspace's own rules from its own machine. */
function leaving(others: readonly MachineRow[], now: number): MoveStepDue {
  const machine = others.find(({ retryAt }) => retryAt === null || retryAt <= now)
  return machine === undefined ? { do: 'regular' } : { do: 'destroy', machine }
}

const destroying = (machine: MachineRow, now: number): MoveStepDue =>
  (machine.retryAt !== null && machine.retryAt > now && machine.poll?.['op'] === 'destroy' ? { do: 'wait', inMs: machine.retryAt - now } : { do: 'destroy', machine })
