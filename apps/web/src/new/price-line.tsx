/** What the machine would cost, said before it is bought; where it is free, nothing. */
import { useEffect } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import type { WorkspaceQuote } from '@berth/wire/cost'
import { client } from '../state/session.ts'
import { inert } from '../ui/inert.ts'
import { inAMonth, money, perHour } from '../ui/words.ts'
import { SIZES, type SizeName } from './form.ts'

/** Sizes are tried one after the other. */
const ASK_AFTER_MS = 150

/** `provider` null: none that is ready. */
export function PriceLine({ provider, size }: { provider: string | null; size: SizeName }) {
  const quote = useSignal<WorkspaceQuote | null>(null)
  useEffect(() => {
    quote.value = null
    if (provider === null) return
    const gone = new AbortController()
    const timer = setTimeout(() => void client.quoteWorkspace({ provider, resources: SIZES[size].resources }, gone.signal).then((found) => { quote.value = found }, () => undefined), ASK_AFTER_MS)
    return () => {
      clearTimeout(timer)
      gone.abort()
    }
  }, [provider, size])
  const { value } = quote
  if (value === null || value.free) return null
  const { currency, runningMicrosPerHour, stoppedMicrosPerHour, note } = value
  const aMonth = (micros: number, atMost: number | undefined): string => (micros === 0 ? 'nothing' : `${money(inAMonth(micros, atMost), currency)} a month`)
  return <p class="meta price-line" role="status"><b>{perHour({ microsPerHour: runningMicrosPerHour, currency })}</b> while it runs, {aMonth(runningMicrosPerHour, value.runningMonthMicros)}; {aMonth(stoppedMicrosPerHour, value.stoppedMonthMicros)} while it is stopped. {inert(note)}</p>
}
