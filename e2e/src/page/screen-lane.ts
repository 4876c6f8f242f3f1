/** One of the two lanes that go through the list of screens: what was found there, for the tests to demand that it was nothing. */
import type { Page } from 'playwright-core'
import { axeProblems, shapeProblems } from './screen-checks.ts'
import { startTour, type Theme, type Tour } from './screen-tour.ts'
import { startScreenWorld, type ScreenWorld } from './screen-world.ts'
import { SCREENS, SIZES, sizesOf, type Screen, type SizeName } from './screens.ts'

export interface Lane { readonly shapes: string[]; /** At 320 pixels, which a desk that is zoomed to 400 % has, too. */ readonly narrow: string[]; readonly axe: string[]; readonly visited: ReadonlySet<string>; /** How many there should be: each screen at its sizes. */ readonly expected: number }

/** `./test` asks axe about phone and desk, which a tablet is made of; `./test full`, or the file by itself, about all. */
const HURRIED = process.env['BERTH_TEST_MODE'] === 'all'

/** What WCAG asks of a page that is enlarged. */
const NARROW = { width: 320, height: 640 }

/** `later` ends what was begun, also where a test was ended from outside. */
export async function goThrough(lane: Screen['lane'], later: (close: () => Promise<void>) => void): Promise<Lane> {
  const screens = SCREENS.filter((screen) => screen.lane === lane)
  const shapes: string[] = []
  const narrow: string[] = []
  const axe: string[] = []
  const visited = new Set<string>()
  const look = (world: ScreenWorld, tour: Tour, some: readonly Screen[]) => tour.go(world, some, async ({ page, name, size, theme, screen }) => {
    visited.add(`${screen.name}, ${size}`)
    const asked = screen.browser === 'no-script' ? await asItStands(page, { size, theme }) : page
    if (theme === 'light') shapes.push(...(await shapeProblems(asked, size)).map((problem) => `${name}: ${problem}`))
    if (size !== 'tablet' || !HURRIED) axe.push(...(await axeProblems(asked, { theme, size, part: partOf(screen) })).map((problem) => `${name}: ${problem}`))
    if (theme === 'light' && size === 'phone') {
      await asked.setViewportSize(NARROW)
      narrow.push(...(await shapeProblems(asked, size)).map((problem) => `${screen.name}: ${problem}`))
      await asked.setViewportSize(SIZES.phone.viewport)
    }
    if (asked !== page) await asked.context().close()
  })
  let tour: Tour | undefined
  let world: ScreenWorld | undefined
  const close = once(async () => {
    // A browser that is gone already must not keep the machines.
    await tour?.close().catch(() => undefined)
    await world?.close()
  })
  later(close)
  try {
    const ships = [...new Set(screens.flatMap(({ ships: needed }) => needed))]
    world = await startScreenWorld(ships, async (empty) => {
      tour = await startTour(empty)
      await look({ ...empty, ships: {}, at: () => '/' }, tour, screens.filter(({ ships: needed }) => needed.length === 0))
    })
    if (tour) await look(world, tour, screens.filter(({ ships: needed }) => needed.length > 0))
  } finally {
    await close()
  }
  return { shapes, narrow, axe, visited, expected: screens.reduce((sum, screen) => sum + sizesOf(screen).length, 0) }
}

/** Where scripts are blocked, axe is too: what is seen there is put into a page where it may run. */
async function asItStands(page: Page, { size, theme }: { size: SizeName; theme: Theme }): Promise<Page> {
  const html = (await page.content()).replace(/<script[\s\S]*?<\/script>/g, '').replace(/<(\/?)noscript>/g, '<$1div>').replace(/\(scripting: ?none\)/g, 'all')
  const context = await page.context().browser()?.newContext({ ...SIZES[size], colorScheme: theme, reducedMotion: 'reduce' })
  if (!context) throw new Error('the browser is gone')
  const copy = await context.newPage()
  await copy.setContent(html)
  return copy
}

/** A dialog hides all behind it. */
function partOf({ dialogs = [], part }: Screen): string {
  return dialogs.length > 0 ? 'dialog[open]' : (part ?? 'html')
}

function once(work: () => Promise<void>): () => Promise<void> {
  let begun: Promise<void> | null = null
  return () => (begun ??= work())
}
