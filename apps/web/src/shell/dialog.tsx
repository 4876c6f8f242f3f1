/** A dialog in the middle, a sheet on a phone. The browser's modal holds the focus and gives it back. */
import './late-style.ts'
import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'
import { Icon } from '../ui/icon.tsx'
import { useModal } from '../ui/modal.ts'
import { sheet } from './sheets.ts'

export function closeSheet(): void {
  sheet.value = null
}

export function Dialog({ title, class: name = '', children }: { title: string; class?: string; children: ComponentChildren }) {
  const box = useRef<HTMLDialogElement>(null)
  // The browser says "closed" a moment later, when another may be open already.
  const mine = useRef(sheet.peek())
  const closed = () => { if (sheet.peek() === mine.current) closeSheet() }
  useModal(box)
  return (
    <dialog ref={box} class={`dialog ${name}`} aria-label={title} onClose={closed} onClick={(event) => { if (event.target === box.current) closeSheet() }} onKeyDown={(event) => event.stopPropagation()}>
      <header class="dialog-head"><h2 class="grow">{title}</h2><button type="button" class="icon" aria-label="Close" onClick={closeSheet}><Icon name="i-x" /></button></header>
      {children}
    </dialog>
  )
}
