/**
 * What a program's bytes leave on the screen, as text, with colours or without. A small model of a VT: enough for a
 * picture that a person or a test reads, not a terminal. Only the holder needs it; tmux has its own.
 */
import { createLook, lineWithLooks, plainOf, withLook } from './screen-look.ts'

interface Size { readonly cols: number; readonly rows: number }
interface Screen { cells: string[][]; row: number; col: number; top: number; bottom: number; saved: { row: number; col: number } }

export function renderScreen(bytes: Uint8Array, size: Size): string {
  const vt = createVt(size)
  vt.feed(new TextDecoder().decode(bytes))
  return vt.text()
}

/** The same with its colours: lines of text with SGR sequences and nothing that moves. */
export function renderPicture(bytes: Uint8Array, size: Size): string {
  const vt = createVt(size)
  vt.feed(new TextDecoder().decode(bytes))
  return vt.picture()
}

function blank(size: Size): Screen {
  return { cells: Array.from({ length: size.rows }, () => emptyLine(size)), row: 0, col: 0, top: 0, bottom: size.rows - 1, saved: { row: 0, col: 0 } }
}
const emptyLine = (size: Size): string[] => Array<string>(size.cols).fill(' ')
const clamp = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value))

function createVt(size: Size): { feed(text: string): void; text(): string; picture(): string } {
  let screen = blank(size)
  const look = createLook()
  let main: Screen | null = null
  const scroll = (lines: number): void => {
    for (let count = 0; count < Math.min(Math.abs(lines), size.rows); count++) {
      if (lines > 0) {
        screen.cells.splice(screen.top, 1)
        screen.cells.splice(screen.bottom, 0, emptyLine(size))
      } else {
        screen.cells.splice(screen.bottom, 1)
        screen.cells.splice(screen.top, 0, emptyLine(size))
      }
    }
  }
  const lineFeed = (): void => {
    if (screen.row === screen.bottom) scroll(1)
    else screen.row = Math.min(screen.row + 1, size.rows - 1)
  }
  const put = (character: string): void => {
    if (screen.col >= size.cols) {
      screen.col = 0
      lineFeed()
    }
    const line = screen.cells[screen.row]
    if (line !== undefined) line[screen.col] = withLook(look.codes(), character)
    screen.col++
    if (isWide(character) && screen.col < size.cols) {
      if (line !== undefined) line[screen.col] = ''
      screen.col++
    }
  }
  const control = (character: string): void => {
    if (character === '\n' || character === '\u000b' || character === '\u000c') lineFeed()
    if (character === '\r') screen.col = 0
    if (character === '\b') screen.col = Math.max(0, screen.col - 1)
    if (character === '\t') screen.col = Math.min(size.cols - 1, (Math.floor(screen.col / 8) + 1) * 8)
  }
  const alternate = (on: boolean): void => {
    if (on && main === null) {
      main = screen
      screen = blank(size)
    } else if (!on && main !== null) {
      screen = main
      main = null
    }
  }
  const escape = (final: string): void => {
    if (final === 'c') {
      screen = blank(size)
      look.take([0])
    }
    if (final === 'D') lineFeed()
    if (final === 'E') { screen.col = 0; lineFeed() }
    if (final === 'M') { if (screen.row === screen.top) scroll(-1); else screen.row = Math.max(0, screen.row - 1) }
    if (final === '7') screen.saved = { row: screen.row, col: screen.col }
    if (final === '8') Object.assign(screen, screen.saved)
  }
  const csi = (mark: string, parameters: readonly number[], final: string): void => {
    if (mark === '?') {
      if ((final === 'h' || final === 'l') && parameters.some((mode) => mode === 47 || mode === 1047 || mode === 1049)) alternate(final === 'h')
    } else if (mark === '' && final === 'm') look.take(parameters)
    else if (mark === '') applyCsi(screen, { size, parameters, final, scroll })
  }
  return {
    feed(text) {
      // One alternative for each thing that is not a character to show; a cut sequence at the end is dropped.
      // eslint-disable-next-line no-control-regex -- it reads control sequences
      const pattern = /\u001b\[([?>=<]?)([0-9;:]*)[ -/]*([@-~])|\u001b[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[ -/]+[0-~]|\u001b([0-~])|([\u0000-\u001a\u001c-\u001f\u007f])|(\P{C}|\p{Cf}|\p{Co})/gu
      for (const [, mark, parameters, final, short, byte, character] of text.matchAll(pattern)) {
        if (character !== undefined) put(character)
        else if (byte !== undefined) control(byte)
        else if (final !== undefined) csi(mark ?? '', (parameters ?? '').split(/[;:]/).map(Number), final)
        else if (short !== undefined) escape(short)
      }
    },
    text: () => `${screen.cells.map((line) => line.map(plainOf).join('').trimEnd()).join('\n').trimEnd()}\n`,
    picture: () => screen.cells.map(lineWithLooks).join('\n').replace(/\n+$/, ''),
  }
}

function applyCsi(screen: Screen, at: { size: Size; parameters: readonly number[]; final: string; scroll: (lines: number) => void }): void {
  const { size, parameters, final } = at
  const count = Math.min(Math.max(1, parameters[0] ?? 1), Math.max(size.rows, size.cols))
  const line = screen.cells[screen.row] ?? []
  const move: Record<string, () => void> = {
    A: () => { screen.row = clamp(screen.row - count, 0, size.rows - 1) },
    B: () => { screen.row = clamp(screen.row + count, 0, size.rows - 1) },
    C: () => { screen.col = clamp(screen.col + count, 0, size.cols - 1) },
    D: () => { screen.col = clamp(screen.col - count, 0, size.cols - 1) },
    E: () => { screen.row = clamp(screen.row + count, 0, size.rows - 1); screen.col = 0 },
    F: () => { screen.row = clamp(screen.row - count, 0, size.rows - 1); screen.col = 0 },
    G: () => { screen.col = clamp(count - 1, 0, size.cols - 1) },
    d: () => { screen.row = clamp(count - 1, 0, size.rows - 1) },
    H: () => { screen.row = clamp(count - 1, 0, size.rows - 1); screen.col = clamp(Math.max(1, parameters[1] ?? 1) - 1, 0, size.cols - 1) },
    J: () => eraseScreen(screen, size, parameters[0] ?? 0),
    K: () => { const [from, to] = eraseSpan(screen.col, size.cols, parameters[0] ?? 0); line.fill(' ', from, to) },
    X: () => { line.fill(' ', screen.col, screen.col + count) },
    P: () => { line.splice(screen.col, count); while (line.length < size.cols) line.push(' ') },
    '@': () => { line.splice(screen.col, 0, ...Array<string>(count).fill(' ')); line.length = size.cols },
    S: () => at.scroll(count),
    T: () => at.scroll(-count),
    L: () => shift(screen, at.scroll, -count),
    M: () => shift(screen, at.scroll, count),
    r: () => {
      screen.top = clamp(count - 1, 0, size.rows - 1)
      screen.bottom = clamp((parameters[1] || size.rows) - 1, screen.top, size.rows - 1)
      screen.row = 0
      screen.col = 0
    },
    s: () => { screen.saved = { row: screen.row, col: screen.col } },
    u: () => { Object.assign(screen, screen.saved) },
  }
  move[final === 'f' ? 'H' : final]?.()
}

/** Lines inserted or removed at the cursor: a scroll of the part below it. */
function shift(screen: Screen, scroll: (lines: number) => void, lines: number): void {
  const { top } = screen
  screen.top = screen.row
  scroll(lines)
  screen.top = top
}

function eraseSpan(col: number, cols: number, mode: number): [number, number] {
  if (mode === 0) return [col, cols]
  return mode === 1 ? [0, col + 1] : [0, cols]
}

function eraseScreen(screen: Screen, size: Size, mode: number): void {
  screen.cells.forEach((line, row) => {
    if (mode >= 2 || (mode === 0 && row > screen.row) || (mode === 1 && row < screen.row)) line.fill(' ')
    else if (row === screen.row) line.fill(' ', ...eraseSpan(screen.col, size.cols, mode))
  })
}

function isWide(character: string): boolean {
  return Bun.stringWidth(character) === 2
}
