/** Fingers on a diff: across pages files, two apart change the size of the letters. Each has a visible twin. */
interface Finger { readonly x: number; readonly y: number }

/** Further than a tap wanders, and more across than down. */
const SWIPE_PX = 64
const ACROSS = 2
export const FONT_PX = { least: 9, most: 22 } as const

export function swipeOf(from: Finger, to: Finger): 'next' | 'previous' | null {
  const [across, down] = [to.x - from.x, to.y - from.y]
  if (Math.abs(across) < SWIPE_PX || Math.abs(across) < ACROSS * Math.abs(down)) return null
  return across < 0 ? 'next' : 'previous'
}

export function pinched(startPx: number, startDistance: number, distance: number): number {
  return Math.min(FONT_PX.most, Math.max(FONT_PX.least, Math.round((startPx * distance) / startDistance * 2) / 2))
}

/** `element` is where fingers mean the diff; elsewhere two fingers zoom the page. */
export function listenToFingers(element: HTMLElement, on: { swipe(to: 'next' | 'previous'): void; size(): number; resize(px: number): void }): () => void {
  const stop = new AbortController()
  const { signal } = stop
  let start: Finger | null = null
  let pinch: { px: number; distance: number } | null = null
  const finger = ({ clientX, clientY }: Touch): Finger => ({ x: clientX, y: clientY })
  const apart = ({ touches: [one, two] }: TouchEvent) => (one && two ? Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY) : 0)
  element.addEventListener('touchstart', (event) => {
    const [touch] = event.touches
    const inDiff = event.target instanceof Element && event.target.closest('.diff') !== null
    const sideways = event.target instanceof Element ? event.target.closest('.diff.scrolls') : null
    pinch = event.touches.length === 2 && inDiff ? { px: on.size(), distance: apart(event) } : null
    // A diff that scrolls sideways keeps the finger while it has somewhere to go.
    start = event.touches.length === 1 && touch && !(sideways && sideways.scrollWidth > sideways.clientWidth) ? finger(touch) : null
  }, { signal, passive: true })
  element.addEventListener('touchmove', (event) => {
    if (!pinch || event.touches.length !== 2) return
    event.preventDefault()
    on.resize(pinched(pinch.px, pinch.distance, apart(event)))
  }, { signal, passive: false })
  element.addEventListener('touchend', (event) => {
    const [touch] = event.changedTouches
    const to = start && touch ? swipeOf(start, finger(touch)) : null
    if (event.touches.length === 0) pinch = null
    start = null
    if (to) on.swipe(to)
  }, { signal, passive: true })
  return () => stop.abort()
}
