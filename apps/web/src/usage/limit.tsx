/** What may be used in a month: told at one sum, stopped at the other. */
import './style.ts'
import { useSignal } from '@preact/signals'
import type { ModelBudget } from '@berth/wire/model-access'
import { refusalOf, type Refusal } from '../rooms/loaded.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { money } from '../ui/words.ts'

export function LimitLine({ limit: { usedMicros, softMicros, hardMicros } }: { limit: ModelBudget }) {
  const most = hardMicros ?? softMicros ?? 0
  const over = hardMicros !== null && usedMicros >= hardMicros
  return (
    <div class="limit">
      <meter min={0} max={Math.max(most, 1)} {...(softMicros === null ? {} : { high: softMicros })} value={Math.min(usedMicros, most)} aria-label={`${money(usedMicros)} of ${money(most)}`} />
      <p class={over ? 'meta warns' : 'meta'} role="status">{money(usedMicros)} used{softMicros === null ? '' : `, you are told at ${money(softMicros)}`}{hardMicros === null ? '' : `, agents are stopped at ${money(hardMicros)}`}{over ? ': they are stopped now' : ''}.</p>
    </div>
  )
}

type Limits = Pick<ModelBudget, 'softMicros' | 'hardMicros'>
const MOST_DOLLARS = 1_000_000
/** Undefined: this is no sum. */
function micros(text: string): number | null | undefined {
  if (text.trim() === '') return null
  const dollars = Number(text.trim().replace(/^\$/, ''))
  return dollars >= 0 && dollars <= MOST_DOLLARS ? Math.round(dollars * 1e6) : undefined
}
const dollars = (value: number | null): string => (value === null ? '' : String(value / 1e6))

export function LimitForm({ label, limit, set }: { label: string; limit: Limits | null; set: (limits: Limits) => Promise<unknown> }) {
  const soft = useSignal(dollars(limit?.softMicros ?? null))
  const hard = useSignal(dollars(limit?.hardMicros ?? null))
  const refusal = useSignal<Refusal | null>(null)
  const save = async () => {
    const [softMicros, hardMicros] = [micros(soft.value), micros(hard.value)]
    if (softMicros === undefined || hardMicros === undefined) return void (refusal.value = { code: '', message: 'a limit is a sum in dollars, such as 20 or 0.50; empty is none', hint: null })
    try {
      await set({ softMicros, hardMicros })
      refusal.value = null
    } catch (error) {
      refusal.value = refusalOf(error)
    }
  }
  return (
    <form class="limit-form" aria-label={label} onSubmit={(event) => { event.preventDefault(); void save() }}>
      <RefusalLine refusal={refusal.value} />
      <label>Tell at, $<input inputMode="decimal" placeholder="none" maxLength={12} value={soft.value} onInput={(event) => (soft.value = event.currentTarget.value)} /></label>
      <label>Stop at, $<input inputMode="decimal" placeholder="none" maxLength={12} value={hard.value} onInput={(event) => (hard.value = event.currentTarget.value)} /></label>
      <button type="submit" class="btn" aria-label={`Set: ${label}`}>Set</button>
    </form>
  )
}
