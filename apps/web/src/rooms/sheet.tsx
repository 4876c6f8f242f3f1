import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { Icon } from '../ui/icon.tsx'
import { useModal } from '../ui/modal.ts'
import { adoptStyle } from './adopt-style.ts'
import css from './rooms.css' with { type: 'text' }

adoptStyle(css)

interface SheetProps { title: ComponentChildren; children: ComponentChildren; /** The buttons at the edge where the thumb is. */ foot?: ComponentChildren; wide?: boolean; onClose: () => void; onSubmit?: () => void }

/**
 * A sheet under the thumb, a dialog where there is room. The browser's own modal holds the focus, makes the rest
 * inert and gives the focus back; Escape and a tap beside it close.
 */
export function Sheet({ title, children, foot, wide = false, onClose, onSubmit }: SheetProps) {
  const box = useRef<HTMLDialogElement>(null)
  const label = useId()
  const close = useRef(onClose)
  close.current = onClose
  useModal(box)
  useEffect(() => {
    const dialog = box.current
    if (!dialog) return
    // A button that is switched off under the focus leaves it to the page behind, whose keys are not meant now.
    const elsewhere = new AbortController()
    document.addEventListener('keydown', (event) => {
      if (event.target instanceof Node && dialog.contains(event.target)) return
      event.stopImmediatePropagation()
      if (event.key === 'Escape') {
        event.preventDefault()
        close.current()
      }
    }, { signal: elsewhere.signal, capture: true })
    return () => elsewhere.abort()
  }, [])
  const onKeyDown = (event: KeyboardEvent) => {
    // What is typed here is not a shortcut of the room below.
    event.stopPropagation()
    if (event.key === 'Enter' && (event.metaKey || event.ctrlKey) && onSubmit) {
      event.preventDefault()
      onSubmit()
    }
  }
  return (
    <dialog
      ref={box} class={`sheet-room ${wide ? 'wide' : ''}`} aria-labelledby={label} onKeyDown={onKeyDown}
      onCancel={(event) => { event.preventDefault(); onClose() }}
      onPointerDown={(event) => { if (event.target === box.current) onClose() }}
    >
      <form class="sheet-in" onSubmit={(event) => { event.preventDefault(); onSubmit?.() }}>
        <header>
          <h2 id={label}>{title}</h2>
          <button type="button" class="icon" aria-label="Close" onClick={onClose}><Icon name="i-x" /></button>
        </header>
        <div class="sheet-body">{children}</div>
        {foot && <footer>{foot}</footer>}
      </form>
    </dialog>
  )
}
