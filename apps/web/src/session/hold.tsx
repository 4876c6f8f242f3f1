/** What cannot be undone is not done by a tap: it is held. Without a pointer to hold, it is pressed twice. */
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { buzz } from '../shell/toast.tsx'

const HOLD_MS = 600
const AGAIN_MS = 4000

interface HoldProps { readonly class: string; readonly disabled: boolean; readonly label: string; readonly again: string; onHeld(): void }

export function Hold({ class: name, disabled, label, again, onHeld }: HoldProps) {
  const holding = useSignal(false)
  const armed = useSignal(false)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  const end = () => {
    if (!holding.value) return
    holding.value = false
    clearTimeout(timer.current)
  }
  const begin = () => {
    if (disabled || holding.value) return
    holding.value = true
    timer.current = setTimeout(() => {
      holding.value = false
      buzz([10, 40, 20])
      onHeld()
    }, HOLD_MS)
  }
  /** A screen reader and other switches click without a pointer. */
  const onClick = (event: MouseEvent) => {
    if (event.detail !== 0 || disabled) return
    if (armed.value) return onHeld()
    armed.value = true
    clearTimeout(timer.current)
    timer.current = setTimeout(() => (armed.value = false), AGAIN_MS)
  }
  return (
    <button
      type="button" class={`hold ${name} ${holding.value ? 'on' : ''}`} disabled={disabled}
      onPointerDown={(event) => { if (event.button === 0) begin() }} onPointerUp={end} onPointerLeave={end} onPointerCancel={end}
      onContextMenu={(event) => event.preventDefault()} onClick={onClick}
    >
      <span aria-live="polite">{armed.value ? again : label}</span>
    </button>
  )
}
