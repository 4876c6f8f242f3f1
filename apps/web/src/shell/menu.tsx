/** A sheet of actions: under the thumb on a phone, beside the pointer on a wide screen. The browser's modal keeps the focus. */
import { signal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { holdTaps, takesTaps } from '../state/taps.ts'
import { Icon } from '../ui/icon.tsx'
import { useModal } from '../ui/modal.ts'

export interface Action { readonly label: string; readonly icon: string; readonly detail?: string; readonly danger?: boolean; readonly off?: boolean; run(): void }
interface Menu { readonly title: string; readonly actions: readonly Action[] }
export const menu = signal<Menu | null>(null)

export function openMenu(title: string, actions: readonly Action[]): void {
  menu.value = { title, actions }
}

export function MenuSheet() {
  const box = useRef<HTMLDialogElement>(null)
  const shown = menu.value
  /** The finger whose long press opened it is still down, and would let go on whatever lies under it now. */
  const touched = useRef(false)
  useModal(box, shown)
  if (!shown) return null
  const close = () => {
    touched.current = false
    menu.value = null
  }
  return (
    <dialog
      ref={box} class="menu" aria-label={shown.title} onClose={() => { if (menu.peek() === shown) close() }} onClick={(event) => { if (event.target === box.current) close() }} onKeyDown={arrows}
      onPointerDown={() => (touched.current = true)} onClickCapture={(event) => { if (event.detail > 0 && !touched.current) { event.preventDefault(); event.stopPropagation() } }}
    >
      <p class="meta" aria-hidden="true">{shown.title}</p>
      {shown.actions.map(({ label, icon, detail, danger, off, run }) => (
        <button key={label} type="button" class={danger ? 'danger' : ''} disabled={off} onClick={() => { close(); run() }}>
          <Icon name={icon} /><span class="grow">{label}</span>{detail && <span class="meta">{detail}</span>}
        </button>
      ))}
    </dialog>
  )
}

function arrows(event: KeyboardEvent & { currentTarget: HTMLDialogElement }): void {
  event.stopPropagation()
  const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
  if (step === 0) return
  event.preventDefault()
  const buttons = [...event.currentTarget.querySelectorAll<HTMLButtonElement>('button:enabled')]
  const at = buttons.findIndex((button) => button === document.activeElement)
  buttons[(at + step + buttons.length) % buttons.length]?.focus()
}

const LONG_PRESS_MS = 450

/** Press for the usual thing, press long (or the menu key, or the second mouse button) for all of them. */
export function pressed(short: () => void, long: () => void) {
  let timer: ReturnType<typeof setTimeout> | undefined
  let held = false
  const end = () => clearTimeout(timer)
  return {
    onPointerDown(event: PointerEvent) {
      held = false
      end()
      if (event.button !== 0) return
      timer = setTimeout(() => {
        held = true
        long()
      }, LONG_PRESS_MS)
    },
    onPointerUp: end, onPointerLeave: end, onPointerCancel: end,
    onContextMenu(event: Event) {
      event.preventDefault()
      end()
      if (!held) long()
      held = true
    },
    onClick() {
      end()
      // What is paused by one tap would be woken by the second.
      if (!held && takesTaps.peek()) {
        holdTaps()
        short()
      }
      held = false
    },
  }
}
