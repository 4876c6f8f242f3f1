const RESTS_WITHIN_MS = 100
/** When what came is drawn and the page has nothing better to do. A browser that only waits for the next frame calls itself idle, so that is asked behind it. */
export function whenItRests(work: () => void): void {
  let done = false
  const once = () => {
    if (!done) work()
    done = true
  }
  if (typeof requestIdleCallback === 'function') requestAnimationFrame(() => requestIdleCallback(once))
  // A page that is not looked at gets no frames, and one that is busy no rest.
  setTimeout(once, RESTS_WITHIN_MS)
}

/** A page that is not looked at gets no frames. */
const HIDDEN_FRAME_MS = 500

/** Draws the first that comes at once, while its frame is still waited for; what follows, at most once per frame. */
export function createPace(draw: () => void, hasMore: () => boolean): { arm(): void; /** Something was drawn, and its frame has not begun. */ isUnderWay(): boolean } {
  let armed = false
  const arm = () => {
    if (armed) return
    armed = true
    if (document.hidden) return void setTimeout(frame, HIDDEN_FRAME_MS)
    draw()
    requestAnimationFrame(frame)
  }
  const frame = () => {
    armed = false
    if (!hasMore()) return
    if (document.hidden) draw()
    else arm()
  }
  return { arm, isUnderWay: () => armed }
}
