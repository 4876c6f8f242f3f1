/** How a person likes to read diffs, kept on this device. */
import { effect, signal } from '@preact/signals'
import { FONT_PX } from './gestures.ts'

export interface Look { readonly columns: 'fits' | 'one' | 'two'; readonly wrap: boolean; /** Null: the page's own size. */ readonly fontPx: number | null; /** The conversation makes room. */ readonly full: boolean }

/** Of letters whose size nobody chose. */
export const ownPx = () => (matchMedia('(max-width: 600px)').matches ? 11.5 : 12.5)

const KEY = 'berth-diff-look'
const DEFAULT: Look = { columns: 'fits', wrap: true, fontPx: null, full: false }

function read(): Look {
  try {
    const known = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Look>
    const { columns, wrap, fontPx, full } = known
    return {
      columns: columns === 'one' || columns === 'two' ? columns : DEFAULT.columns,
      wrap: typeof wrap === 'boolean' ? wrap : DEFAULT.wrap,
      fontPx: typeof fontPx === 'number' && fontPx >= FONT_PX.least && fontPx <= FONT_PX.most ? fontPx : null,
      full: full === true,
    }
  } catch {
    return DEFAULT
  }
}

export const look = signal<Look>(read())
effect(() => {
  try {
    localStorage.setItem(KEY, JSON.stringify(look.value))
  } catch {
    // A browser that keeps nothing shows the default next time.
  }
})
