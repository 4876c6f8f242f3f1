/** One word about what was just done, with the way back while it is short. */
import { signal } from '@preact/signals'
import { inert } from '../ui/inert.ts'

const UNDO = 'Undo'
const UNDO_MS = 5000
interface Toast { readonly text: string; readonly undo: (() => void) | null; readonly label: string }
export const toast = signal<Toast | null>(null)
let timer: ReturnType<typeof setTimeout> | undefined
let pending: (() => void) | null = null

export const lateStyle = () => import('./late-style.ts')
function show(next: Toast): void {
  void lateStyle().catch(() => undefined)
  toast.value = next
}

export function say(text: string, undo: (() => void) | null = null, label = UNDO): void {
  flush()
  show({ text, undo, label })
  clearTimeout(timer)
  timer = setTimeout(() => (toast.value = null), UNDO_MS)
}

/** Done when the time for taking it back is over, or at once when the page goes away. */
export function sayThenDo(text: string, work: () => void): void {
  flush()
  clearTimeout(timer)
  const act = () => {
    pending = null
    clearTimeout(timer)
    toast.value = null
    work()
  }
  pending = act
  show({ text, undo: () => (pending = null), label: UNDO })
  timer = setTimeout(act, UNDO_MS)
}

export function flush(): void {
  pending?.()
}

/** Where the device has it. */
export function buzz(pattern: number | number[] = 10): void {
  if (typeof navigator !== 'undefined' && 'vibrate' in navigator) navigator.vibrate(pattern)
}

export function Toasts() {
  const shown = toast.value
  const undo = () => {
    clearTimeout(timer)
    toast.value = null
    shown?.undo?.()
  }
  return (
    <div class="toasts" role="status">
      {shown && <p class="toast"><span class="grow">{inert(shown.text)}</span>{shown.undo && <button type="button" class="btn quiet" onClick={undo}>{shown.label}</button>}</p>}
    </div>
  )
}
