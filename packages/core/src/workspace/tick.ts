/**
 * One claimed look at one workspace. Keeps the record as this tick knows it, and adds to each write the event that
 * announces it: the reported phase and the timeline can not change without saying so.
 */
import type { EventBody, ProvisionStep, StepName } from '@berth/wire'
import type { Claim, Store, TickChange } from '../ports/store.ts'
import { applyChange } from './apply-change.ts'
import { moveStep, stepEvent } from './machine-steps.ts'
import { phaseOf } from './phase.ts'
import type { WorkspaceRecord } from './records.ts'

export type Change = Omit<TickChange, 'nextTickAt'>

export interface Tick {
  record(): WorkspaceRecord
  /** False: the claim is lost, or somebody wished otherwise. Nothing was written and nothing more may be done. */
  save(change: Change): Promise<boolean>
  finish(change: Change, nextTickAt: number): Promise<boolean>
}

export function createTick(deps: { store: Pick<Store, 'saveTick' | 'finishTick'> }, subject: { claim: Claim; record: WorkspaceRecord; clock: () => number }): Tick {
  const { claim, clock } = subject
  let record = subject.record
  const announced = (change: Change, now: number): { change: Change; after: WorkspaceRecord } => {
    const changed = applyChange(record, change, now)
    const phase = phaseOf(changed, now)
    const last = record.workspace.reported ?? phaseOf(record, now)
    const steps = (change.workspace?.steps ?? []).filter((step) => !sameStep(step, record.workspace.steps)).map(stepEvent)
    const moved = phase.phase !== last.phase || phase.step !== last.step || phase.reason !== last.reason
    const events: EventBody[] = [...(change.events ?? []), ...steps, ...(moved ? [{ type: 'workspace.phase' as const, ...phase }] : [])]
    const workspace = moved || (record.workspace.reported ?? null) === null ? { ...change.workspace, reported: phase } : change.workspace
    const full: Change = { ...change, ...(workspace === undefined ? {} : { workspace }), ...(events.length === 0 ? {} : { events }) }
    return { change: full, after: applyChange(record, full, now) }
  }
  return {
    record: () => record,
    async save(change) {
      const now = clock()
      const { change: full, after } = announced(change, now)
      const kept = await deps.store.saveTick(claim, full, now)
      if (kept) record = after
      return kept
    },
    async finish(change, nextTickAt) {
      const now = clock()
      const { change: full, after } = announced(change, now)
      const kept = await deps.store.finishTick(claim, { ...full, nextTickAt }, now)
      if (kept) record = after
      return kept
    },
  }
}

/** The changed rows of the timeline, ready for a change. */
export function stepChange(record: WorkspaceRecord, moves: readonly [StepName, ProvisionStep['state'], string | null][], now: number): ProvisionStep[] {
  return moves.map(([name, state, detail]) => moveStep(record.workspace.steps, name, { state, detail, now })).filter((step) => step !== null)
}

function sameStep(step: ProvisionStep, known: readonly ProvisionStep[]): boolean {
  const before = known.find((other) => other.step === step.step)
  return before !== undefined && before.state === step.state && before.detail === step.detail
}
