/**
 * The screen of a terminal as `capture-pane -e` gives it: text with colours, no movement. Read into runs of one look;
 * what is no colour is dropped, and nothing becomes markup.
 */
export interface Run { readonly text: string; /** Classes of the palette: `f1` red … `f15`, `b4`, `bold`, `dim`, `ul`, `it`, `st`. */ readonly look: string; /** Colours beyond the palette, as CSS. */ readonly fore: string | null; readonly back: string | null }

interface Look { bold: boolean; dim: boolean; it: boolean; ul: boolean; st: boolean; inverse: boolean; fore: Colour | null; back: Colour | null }
type Colour = { at: number } | { css: string }

const PLAIN: Look = { bold: false, dim: false, it: false, ul: false, st: false, inverse: false, fore: null, back: null }
/** More than any screen holds; a snapshot is one screen. */
const LETTERS = 512 * 1024

const ESC = '\u001b'
const SEQUENCE = new RegExp(`${ESC}(?:\\[([0-?]*)[ -/]*([@-~])|\\][^\u0007${ESC}]*(?:\u0007|${ESC}\\\\)?|[PX^_][^${ESC}]*(?:${ESC}\\\\)?|[ -/]*[0-~])`, 'g')

export function readAnsi(screen: string): Run[][] {
  const lines: Run[][] = []
  let look: Look = { ...PLAIN }
  for (const line of screen.slice(0, LETTERS).replaceAll('\r', '').split('\n')) {
    const runs: Run[] = []
    let at = 0
    for (const match of line.matchAll(SEQUENCE)) {
      push(runs, line.slice(at, match.index), look)
      if (match[2] === 'm') look = paint(look, (match[1] ?? '').split(/[;:]/).map(Number))
      at = match.index + match[0].length
    }
    push(runs, line.slice(at), look)
    lines.push(runs)
  }
  while (lines.length > 0 && lines.at(-1)?.every((run) => run.text.trim() === '' && run.back === null && !/\bb\d/.test(run.look))) lines.pop()
  return lines
}

const ODD = /[\p{Cc}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu

function push(runs: Run[], text: string, look: Look): void {
  // A cell that turns the line around would show a command that is not the one that runs.
  const shown = text.replace(ODD, (odd) => (odd === '\t' ? '  ' : ''))
  if (shown === '') return
  const [fore, back] = look.inverse ? [look.back ?? { css: 'var(--sunken)' }, look.fore ?? { css: 'var(--ink)' }] : [look.fore, look.back]
  const words = [...FLAGS.filter((flag) => look[flag]), ...palette('f', fore), ...palette('b', back)]
  runs.push({ text: shown, look: words.join(' '), fore: own(fore), back: own(back) })
}

const FLAGS = ['bold', 'dim', 'it', 'ul', 'st'] as const
const palette = (side: 'f' | 'b', colour: Colour | null) => (colour !== null && 'at' in colour ? [`${side}${colour.at}`] : [])
const own = (colour: Colour | null) => (colour !== null && 'css' in colour ? colour.css : null)

function paint(before: Look, codes: readonly number[]): Look {
  const look = { ...before }
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] ?? 0
    if (code === 38 || code === 48) {
      const [colour, used] = extended(codes.slice(at + 1))
      if (code === 38) look.fore = colour
      else look.back = colour
      at += used
    } else if (code === 0 || Number.isNaN(code)) Object.assign(look, PLAIN)
    else simple(look, code)
  }
  return look
}

function simple(look: Look, code: number): void {
  const flags: Record<number, Partial<Look>> = {
    1: { bold: true }, 2: { dim: true }, 3: { it: true }, 4: { ul: true }, 7: { inverse: true }, 9: { st: true },
    22: { bold: false, dim: false }, 23: { it: false }, 24: { ul: false }, 27: { inverse: false }, 29: { st: false }, 39: { fore: null }, 49: { back: null },
  }
  Object.assign(look, flags[code])
  if (code >= 30 && code <= 37) look.fore = { at: code - 30 }
  else if (code >= 90 && code <= 97) look.fore = { at: code - 82 }
  else if (code >= 40 && code <= 47) look.back = { at: code - 40 }
  else if (code >= 100 && code <= 107) look.back = { at: code - 92 }
}

/** What follows 38 or 48, and how many numbers of it there are. */
function extended([kind, ...rest]: readonly number[]): [Colour | null, number] {
  const byte = (value: number | undefined) => Math.max(0, Math.min(255, value === undefined || Number.isNaN(value) ? 0 : Math.trunc(value)))
  if (kind === 5) return [indexed(byte(rest[0])), 2]
  if (kind === 2) return [{ css: `rgb(${byte(rest[0])} ${byte(rest[1])} ${byte(rest[2])})` }, 4]
  return [null, 1]
}

function indexed(at: number): Colour {
  if (at < 16) return { at }
  if (at >= 232) return { css: `rgb(${8 + (at - 232) * 10} ${8 + (at - 232) * 10} ${8 + (at - 232) * 10})` }
  const step = (value: number) => (value === 0 ? 0 : 55 + value * 40)
  const cube = at - 16
  return { css: `rgb(${step(Math.floor(cube / 36))} ${step(Math.floor(cube / 6) % 6)} ${step(cube % 6)})` }
}
