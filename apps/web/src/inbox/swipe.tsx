/** Right does the usual thing, left puts it off. Vertical moves scroll, as ever; every swipe has a button beside it. */
import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'
import { buzz } from '../shell/toast.tsx'

interface Side { readonly label: string; run(): void }
const START_PX = 12
const ACT_SHARE = 0.32
const ZOOMED = 1.05

export function Swipe({ right, left, off, children }: { right: Side | null; left: Side | null; off: boolean; children: ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null)
  const from = useRef<{ x: number; y: number; id: number; going: boolean; past: boolean } | null>(null)
  // Through the object model: a style attribute would not pass the page's policy.
  const move = (px: number) => {
    const element = box.current
    if (!element) return
    element.style.transform = px === 0 ? '' : `translateX(${px}px)`
    element.parentElement?.setAttribute('data-side', px > 0 ? 'right' : px < 0 ? 'left' : '')
  }
  const onPointerDown = (event: PointerEvent) => {
    // Two fingers pinch, and on a page that is zoomed in one finger looks around.
    if (!event.isPrimary || (visualViewport?.scale ?? 1) > ZOOMED) {
      from.current = null
      return move(0)
    }
    if (event.pointerType === 'mouse' || off || (event.target instanceof Element && event.target.closest('textarea, input, pre'))) return
    from.current = { x: event.clientX, y: event.clientY, id: event.pointerId, going: false, past: false }
  }
  const onPointerMove = (event: PointerEvent) => {
    const start = from.current
    if (!start || start.id !== event.pointerId) return
    const [x, y] = [event.clientX - start.x, event.clientY - start.y]
    if (!start.going && Math.abs(y) > Math.max(START_PX, Math.abs(x))) return void (from.current = null)
    if (!start.going && Math.abs(x) < START_PX) return
    start.going = true
    box.current?.setPointerCapture(event.pointerId)
    const side = x > 0 ? right : left
    move(side ? x : x / 6)
    const past = side !== null && Math.abs(x) > innerWidth * ACT_SHARE
    if (past && !start.past) buzz()
    start.past = past
    box.current?.parentElement?.toggleAttribute('data-past', past)
  }
  const onPointerUp = (event: PointerEvent) => {
    const start = from.current
    from.current = null
    move(0)
    box.current?.parentElement?.removeAttribute('data-past')
    if (start?.past) (event.clientX > start.x ? right : left)?.run()
  }
  return (
    <div class="swipe">
      <span class="under right" aria-hidden="true">{right?.label}</span>
      <span class="under left" aria-hidden="true">{left?.label}</span>
      <div ref={box} class="over" onPointerDown={onPointerDown} onPointerMove={onPointerMove} onPointerUp={onPointerUp} onPointerCancel={() => { from.current = null; move(0) }}>{children}</div>
    </div>
  )
}
