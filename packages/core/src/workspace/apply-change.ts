/** What a tick's change makes of a record. The store does the same in its transaction; one rule, tested in one place. */
import type { ProvisionStep } from '@berth/wire'
import type { TickChange } from '../ports/store.ts'
import type { MachineRow, WorkspaceRecord, WorkspaceRow } from './records.ts'

export function applyChange(record: WorkspaceRecord, change: Omit<TickChange, 'nextTickAt'>, now: number): WorkspaceRecord {
  const { steps, ...fields } = change.workspace ?? {}
  const workspace: WorkspaceRow = {
    ...record.workspace, ...fields,
    steps: steps === undefined ? record.workspace.steps : upsertSteps(record.workspace.steps, steps),
    wish: change.wish === undefined
      ? record.workspace.wish
      : { target: change.wish.target, by: change.wish.by, reason: change.wish.reason, version: change.wish.expectVersion + 1, at: now },
  }
  const all = [...(record.machine === null ? [] : [record.machine]), ...(record.others ?? [])]
    .map((one) => (one.generation === change.other?.generation ? { ...one, ...change.other.machine } : one))
  const active = all.find(({ generation }) => generation === workspace.generation) ?? null
  const machine = change.machine === undefined ? active : { ...(active ?? newMachine(workspace, now)), ...change.machine }
  const others = all.filter((one) => one !== active && one.endedAt === null)
  const highest = Math.max(record.highest ?? 0, ...all.map(({ generation }) => generation))
  return { workspace, machine, ...(others.length === 0 ? {} : { others }), ...(highest > workspace.generation ? { highest } : {}) }
}

/** By name, in the order of first appearance: a daemon's steps that arrived meanwhile stay as they are. */
export function upsertSteps(steps: readonly ProvisionStep[], changed: readonly ProvisionStep[]): readonly ProvisionStep[] {
  const replaced = steps.map((step) => changed.find((other) => other.step === step.step) ?? step)
  return [...replaced, ...changed.filter((step) => !steps.some((other) => other.step === step.step))]
}

export function newMachine(workspace: WorkspaceRow, now: number): MachineRow {
  return {
    workspaceId: workspace.id, generation: workspace.generation, provider: workspace.provider,
    ref: null, poll: null, observed: { state: 'absent' }, observedAt: null, isolation: null,
    ensuringSince: null, stoppingSince: null, saveState: 'none', attempts: 0, retryAt: null,
    linkEpoch: 0, linkedAt: null, lastSeenAt: null, daemonVersion: null, createdAt: now, endedAt: null,
  }
}
