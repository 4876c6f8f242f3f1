/** The rows of the timeline that the reconciler owns. `code` and `agent` are the daemon's; they start here as pending. */
import { STEP_TITLES, type EventBody, type ProvisionStep, type StepName } from '@berth/wire'

/**
 * What a start of the machine shows first. Code and agent are done once for each machine. `waitsFor`: the machine
 * waits for the toolbox, and this is how far that is.
 */
export function stepsAtStart(known: readonly ProvisionStep[], now: number, waitsFor: string | null): ProvisionStep[] {
  // One that failed the last time, and is there now.
  const fetched = known.some(({ step, state }) => step === 'toolbox' && state !== 'done') ? [row('toolbox', 'done', null)] : []
  const toolbox = waitsFor === null ? fetched : [{ ...row('toolbox', 'started', now), detail: waitsFor || null }]
  const first: ProvisionStep[] = [...toolbox, waitsFor === null ? row('machine', 'started', now) : row('machine', 'pending', null), row('dial', 'pending', null)]
  const later = (['code', 'agent'] as const).filter((name) => !known.some(({ step }) => step === name)).map((name) => row(name, 'pending', null))
  return [...first, ...later]
}

/** The changed row, or null when it already says so. */
export function moveStep(known: readonly ProvisionStep[], name: StepName, to: { state: ProvisionStep['state']; detail?: string | null; now: number }): ProvisionStep | null {
  const before = known.find(({ step }) => step === name)
  const detail = to.detail ?? null
  if (before?.state === to.state && (to.state !== 'started' || before.detail === detail)) return null
  if (to.state === 'done' && before === undefined) return null
  const startedAt = to.state === 'pending' ? null : before?.startedAt ?? to.now
  const ended = to.state === 'done' || to.state === 'failed'
  return { step: name, title: STEP_TITLES[name], state: to.state, startedAt, durationMs: ended && startedAt !== null ? to.now - startedAt : null, detail }
}

export function stepEvent({ step, title, state, durationMs, detail }: ProvisionStep): EventBody {
  return { type: 'workspace.step', step, title, state, durationMs, detail }
}

function row(name: StepName, state: ProvisionStep['state'], startedAt: number | null): ProvisionStep {
  return { step: name, title: STEP_TITLES[name], state, startedAt, durationMs: null, detail: null }
}
