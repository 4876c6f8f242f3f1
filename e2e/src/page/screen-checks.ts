/** What must be true of a screen whatever it shows: axe's rules, nothing cut, nothing to the side, room for a thumb. */
import { readFileSync } from 'node:fs'
import type { CDPSession, Page } from 'playwright-core'
import type { Theme } from './screen-tour.ts'
import type { SizeName } from './screens.ts'

const AXE = readFileSync(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8')
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa']
/** In the dark only the colours are others; a tablet shows what a phone and a desk show, at other sizes. */
const IN_THE_DARK = ['color-contrast']
const BETWEEN = ['color-contrast', 'target-size', 'scrollable-region-focusable']
/** The colours on it are those of the program that runs there. */
const NOT_OURS = ['.xterm-screen']
/** A thumb's width; half a pixel is lost to rounding. */
const THUMB_PX = 43.5

const sessions = new WeakMap<Page, Promise<CDPSession>>()

/** The debugger runs it, since the page's own policy lets nothing foreign in. */
async function run(page: Page, expression: string): Promise<unknown> {
  const session = sessions.get(page) ?? page.context().newCDPSession(page)
  sessions.set(page, session)
  const { result, exceptionDetails } = await (await session).send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
  return result.value
}

async function bringAxe(page: Page): Promise<void> {
  if ((await run(page, 'typeof axe')) === 'undefined') await run(page, AXE)
}

/** All its rules on all that is there: one line for each that is broken. */
export async function allAxeProblems(page: Page): Promise<string[]> {
  await bringAxe(page)
  return (await run(page, `axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + (nodes[0]?.html ?? '')))`)) as string[]
}

/** One line for each element that breaks a rule. */
export async function axeProblems(page: Page, { theme, size, part }: { theme: Theme; size: SizeName; part: string }): Promise<string[]> {
  await bringAxe(page)
  const rules = theme === 'dark' ? IN_THE_DARK : size === 'tablet' ? BETWEEN : null
  const options = { runOnly: rules === null ? { type: 'tag', values: TAGS } : { type: 'rule', values: rules }, resultTypes: ['violations'], preload: false, iframes: false }
  const context = { include: [[part]], exclude: NOT_OURS.map((one) => [one]) }
  return (await run(page, `axe.run(${JSON.stringify(context)}, ${JSON.stringify(options)}).then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ target, any }) => id + ': ' + target.join(' ') + ' ' + (any[0]?.message ?? '').slice(0, 160))))`)) as string[]
}

/** One line for each thing that is cut, sticks out or is too small for a thumb. */
export async function shapeProblems(page: Page, size: SizeName): Promise<string[]> {
  return page.evaluate(lookAtShapes, { thumbPx: size === 'phone' || size === 'tablet' ? THUMB_PX : 0 })
}

/** Runs in the page, so it stands alone. */
function lookAtShapes({ thumbPx }: { thumbPx: number }): string[] {
  const problems = new Set<string>()
  const top = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document.body
  /** These are made to be moved sideways: code as it stands, tabs and chips in one row. */
  const SIDEWAYS = '.chips, .tabs, .keys, .term-screen, .screen.wide, .diff.scrolls, .file-text.scrolls, .crumbs, .xterm-viewport, .segments'
  const scrolls = (overflow: string) => overflow === 'auto' || overflow === 'scroll'
  const hides = (overflow: string) => overflow === 'hidden' || overflow === 'clip'
  const called = (element: Element) => `${element.tagName.toLowerCase()}${[...element.classList].map((name) => `.${name}`).join('')} "${(element.getAttribute('aria-label') ?? element.textContent ?? '').trim().replace(/\s+/g, ' ').slice(0, 40)}"`
  const seen = (element: Element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true }) && !element.closest('.unseen, .skip, .xterm-helpers, .xterm-accessibility')
  const wide = Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)
  if (wide > innerWidth) problems.add(`the page is ${wide} wide, the screen ${innerWidth}`)
  toTheSide()
  texts()
  if (thumbPx > 0) for (const element of top.querySelectorAll('a[href], button, input, select, textarea, summary, [role="button"], [role="option"], [role="tab"]')) underThumb(element)
  return [...problems]

  function toTheSide(): void {
    for (const element of top.querySelectorAll('*')) {
      if (element.scrollWidth <= element.clientWidth + 1 || element.clientWidth === 0 || element.matches(SIDEWAYS)) continue
      if (scrolls(getComputedStyle(element).overflowX) && seen(element)) problems.add(`scrolls sideways: ${called(element)}`)
    }
  }

  function texts(): void {
    const range = document.createRange()
    const walker = document.createTreeWalker(top, NodeFilter.SHOW_TEXT)
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const parent = node.parentElement
      if (!parent || node.textContent?.trim() === '' || parent.closest('.xterm, .term-screen, option, script, style, noscript, textarea, select') || !seen(parent)) continue
      range.selectNodeContents(node)
      const text = range.getBoundingClientRect()
      if (text.width === 0 || text.height === 0) continue
      insideItsBox(parent, text)
      insideWhatCuts(parent, text)
    }
  }

  function insideItsBox(parent: Element, text: DOMRect): void {
    const { display, overflowX, whiteSpace } = getComputedStyle(parent)
    if (display === 'inline' || overflowX !== 'visible') return
    // A space that hangs over the end of a line is not seen.
    const hanging = whiteSpace.startsWith('pre') ? 8 : 1
    const own = parent.getBoundingClientRect()
    if (text.right > own.right + hanging || text.left < own.left - 1) problems.add(`outside its box: ${called(parent)}`)
  }

  function insideWhatCuts(parent: Element, text: DOMRect): void {
    for (let box: Element | null = parent; box && box !== document.body; box = box.parentElement) {
      const { overflowX, overflowY, position, textOverflow, webkitLineClamp } = getComputedStyle(box)
      if (textOverflow === 'ellipsis' || webkitLineClamp !== 'none') return
      const rect = box.getBoundingClientRect()
      if (hides(overflowX) && (text.right > rect.right + 1 || text.left < rect.left - 1)) problems.add(`cut at the side by ${called(box)}: ${called(parent)}`)
      if (hides(overflowY) && (text.bottom > rect.bottom + 1 || text.top < rect.top - 1)) problems.add(`cut above or below by ${called(box)}: ${called(parent)}`)
      // What scrolls shows the rest.
      if (scrolls(overflowX) || scrolls(overflowY) || position === 'fixed') return
    }
  }

  function underThumb(element: Element): void {
    if (!seen(element) || element.matches(':disabled, [type="hidden"]') || element.closest('.xterm')) return
    // A box belongs to its label.
    const target = (element.matches('input') ? element.closest('label') : null) ?? element
    const { width, height } = target.getBoundingClientRect()
    if (width > 0 && (width < thumbPx || height < thumbPx)) problems.add(`${Math.round(width)}×${Math.round(height)} under a thumb: ${called(target)}`)
  }
}
