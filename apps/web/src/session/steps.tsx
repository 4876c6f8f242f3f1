import type { Card } from '../state/stream-view.ts'
import { Icon } from '../ui/icon.tsx'
import { duration } from '../ui/words.ts'
import { inert } from '../ui/inert.ts'

type Step = Card & { kind: 'step' }

/** One line when all is well; every step while it goes on or when one failed. */
export function Steps({ steps }: { steps: readonly Step[] }) {
  const failed = steps.some(({ state }) => state === 'failed')
  const done = steps.filter(({ state }) => state === 'done').length
  const ready = done === steps.length
  return (
    // Opened anew when the outcome changes; in between it stays as the reader left it.
    <details class={`steps ${failed ? 'failed' : ''}`} key={ready ? 'ready' : 'going'} open={!ready}>
      <summary>
        <Icon name={failed ? 'i-x' : ready ? 'i-check' : 'st-starting'} />
        <b>{failed ? 'Not ready' : ready ? 'Ready' : 'Getting ready'}</b>
        <span class="grow meta">{ready ? `${steps.length} steps` : `step ${Math.min(done + 1, steps.length)} of ${steps.length}`}</span>
        <span class="meta">{ready ? duration(steps.reduce((sum, step) => sum + (step.durationMs ?? 0), 0)) : ''}</span>
      </summary>
      {steps.map((step) => <StepLine key={step.key} step={step} />)}
    </details>
  )
}

const ICONS: Record<string, string> = { done: 'i-check', failed: 'i-x', started: 'st-working' }

function StepLine({ step }: { step: Step }) {
  return (
    <div class={`step ${step.state}`}>
      <Icon name={ICONS[step.state] ?? 'st-idle'} />
      <div class="grow">
        {capital(inert(step.title))}
        {step.detail && (step.state === 'failed' ? <pre class="out" tabIndex={0}>{inert(step.detail)}</pre> : <span class="meta">{inert(step.detail)}</span>)}
      </div>
      <span class="meta">{step.state === 'done' ? duration(step.durationMs) : step.state === 'started' ? 'under way' : step.state}</span>
    </div>
  )
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
