/** Fingers, as the browser gets them from the glass. */
import type { Locator, Page } from 'playwright-core'

interface Point { readonly x: number; readonly y: number }

/** Put down at the first points, moved over the others, lifted; each time with as many fingers as there are points. `held`: before they are lifted. */
export async function touch(page: Page, points: readonly (readonly Point[])[], held?: () => Promise<void>): Promise<void> {
  const session = await page.context().newCDPSession(page)
  const [first = [], ...moves] = points
  await session.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [...first] })
  for (const touchPoints of moves) await session.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: [...touchPoints] })
  await held?.()
  await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] })
  await session.detach()
}

const SWIPE_STEPS = 10
/** How far below its upper edge a thing is swiped. */
const SWIPE_BELOW_PX = 30

/** Over the middle of the screen. A tap right behind it would only stop the fling, so a click has to follow. */
export async function swipe(on: Locator, byPx: number): Promise<void> {
  await on.scrollIntoViewIfNeeded()
  const page = on.page()
  const box = await on.boundingBox()
  const width = page.viewportSize()?.width ?? 0
  if (!box) throw new Error('nothing to swipe')
  const y = box.y + Math.min(SWIPE_BELOW_PX, box.height / 2)
  await touch(page, Array.from({ length: SWIPE_STEPS + 1 }, (_, step) => [{ x: width / 2 + byPx * (step / SWIPE_STEPS - 0.5), y }]))
}
