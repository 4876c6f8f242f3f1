import { Icon } from '../ui/icon.tsx'
import { inert } from '../ui/inert.ts'
import type { Refusal } from './loaded.ts'

/** What was refused, where it was asked for: what happened, then what to do. */
export function RefusalLine({ refusal, onDismiss, onRetry }: { refusal: Refusal | null; onDismiss?: () => void; onRetry?: () => void }) {
  if (refusal === null) return null
  return (
    <div class="refusal" role="alert">
      <Icon name="st-failed" />
      <p><b>{inert(refusal.message)}</b> {refusal.hint && inert(refusal.hint)}</p>
      {onRetry && <button type="button" class="btn quiet" onClick={onRetry}>Try again</button>}
      {onDismiss && <button type="button" class="icon" aria-label="Dismiss" onClick={onDismiss}><Icon name="i-x" /></button>}
    </div>
  )
}
