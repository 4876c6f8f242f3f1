/** The rows of the timeline that the reconciler owns. `code` and `agent` are the daemon's; they start here as pending. */
import type { EventBody, ProvisionStep } from '@berth/wire'

export const STEP_TITLES = {
  image: 'prepare the image',
  machine: 'make the machine',
  dial: 'daemon calls home',
  code: 'check out the code',
  agent: 'start the agent',
} as const
export type StepName = keyof typeof STEP_TITLES

/** What a start of the machine shows first. Code and agent are done once for each machine. */
export function stepsAtStart(known: readonly ProvisionStep[], now: number): ProvisionStep[] {
  const first: ProvisionStep[] = [row('machine', 'started', now), row('dial', 'pending', null)]
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
