/** A hunk as rows to look at: numbered, coloured, with the changed words marked. Pure; nothing is markup. */
import type { Hunk } from '@berth/wire/review'
import { highlight, type Token, type Voice } from '../rooms/highlight.ts'
import { LINE_LIMIT } from '../ui/inert.ts'
import { wordDiff, type Range } from './word-diff.ts'

export interface Piece { readonly text: string; readonly voice: Voice; readonly changed: boolean }
export interface Row {
  readonly sign: ' ' | '+' | '-'
  readonly before: number | null
  readonly after: number | null
  readonly pieces: readonly Piece[]
  /** Characters that are not shown: a line of ten megabytes is not read. */
  readonly cutBy: number
  /** How the line ends, where most of the hunk's lines end otherwise. */
  readonly oddEnd: 'CR LF' | 'LF' | null
  /** The file ends here without a line end. */
  readonly noNewline: boolean
}

interface Line { readonly sign: ' ' | '+' | '-'; readonly text: string; readonly cr: boolean; noNewline: boolean }

export function rowsOf(hunk: Pick<Hunk, 'lines' | 'oldStart' | 'newStart'>, language: string | null): Row[] {
  const lines = readLines(hunk.lines)
  const texts = lines.map((line) => line.text.slice(0, LINE_LIMIT))
  const voices = coloured(lines, texts, language)
  const marks = marked(lines, texts)
  const mostlyCr = lines.filter((line) => line.cr).length * 2 > lines.length
  let [before, after] = [hunk.oldStart, hunk.newStart]
  return lines.map((line, at) => ({
    sign: line.sign,
    before: line.sign === '+' ? null : before++,
    after: line.sign === '-' ? null : after++,
    pieces: piecesOf(voices[at] ?? [], marks[at] ?? []),
    cutBy: line.text.length - (texts[at]?.length ?? 0),
    oddEnd: line.cr === mostlyCr || line.noNewline ? null : line.cr ? 'CR LF' : 'LF',
    noNewline: line.noNewline,
  }))
}

export interface Pair { readonly left: Row | null; readonly right: Row | null }

/** Side by side: what was removed stands beside what took its place. */
export function pairsOf(rows: readonly Row[]): Pair[] {
  const pairs: Pair[] = []
  let at = 0
  while (at < rows.length) {
    const row = rows[at]
    if (row?.sign === ' ') {
      pairs.push({ left: row, right: row })
      at += 1
      continue
    }
    const removed = run(rows, at, '-')
    const added = run(rows, at + removed.length, '+')
    for (let index = 0; index < Math.max(removed.length, added.length); index += 1) pairs.push({ left: removed[index] ?? null, right: added[index] ?? null })
    at += removed.length + added.length
  }
  return pairs
}

function run<T extends { sign: string }>(rows: readonly T[], from: number, sign: string): T[] {
  let to = from
  while (rows[to]?.sign === sign) to += 1
  return rows.slice(from, to)
}

function readLines(raw: readonly string[]): Line[] {
  const lines: Line[] = []
  for (const text of raw) {
    const last = lines.at(-1)
    if (text.startsWith('\\')) {
      if (last) last.noNewline = true
      continue
    }
    const sign = text[0] === '+' || text[0] === '-' ? text[0] : ' '
    const cr = text.endsWith('\r')
    lines.push({ sign, text: text.slice(1, cr ? -1 : undefined), cr, noNewline: false })
  }
  return lines
}

/** Each side is coloured as it stood, so that a note opened on one side does not colour the other. */
function coloured(lines: readonly Line[], texts: readonly string[], language: string | null): Token[][] {
  const side = (other: string) => lines.flatMap((line, at) => (line.sign === other ? [] : [at]))
  const result: Token[][] = []
  for (const list of [side('+'), side('-')]) {
    const tokens = highlight(list.map((at) => texts[at] ?? ''), language)
    list.forEach((at, index) => (result[at] = tokens[index] ?? []))
  }
  return result
}

/** Letters compared with letters of other lines, in one hunk: more is data, and would keep a phone busy for a minute. */
const COMPARED_LIMIT = 3_000_000

function marked(lines: readonly Line[], texts: readonly string[]): Range[][] {
  const result: Range[][] = lines.map(() => [])
  const letters = (list: readonly string[]) => list.reduce((sum, text) => sum + text.length, 0)
  let left = COMPARED_LIMIT
  let at = 0
  while (at < lines.length) {
    if (lines[at]?.sign === ' ') {
      at += 1
      continue
    }
    const removed = run(lines, at, '-').length
    const added = run(lines, at + removed, '+').length
    const [before, after] = [texts.slice(at, at + removed), texts.slice(at + removed, at + removed + added)]
    const cost = letters(before) * added + letters(after) * removed
    const marks = cost > left ? { removed: [], added: [] } : wordDiff(before, after)
    left -= cost > left ? 0 : cost
    ;[...marks.removed, ...marks.added].forEach((ranges, index) => (result[at + index] = ranges))
    at += removed + added
  }
  return result
}

/** Cuts the coloured tokens where a mark begins or ends. */
function piecesOf(tokens: readonly Token[], marks: readonly Range[]): Piece[] {
  const pieces: Piece[] = []
  let start = 0
  for (const { text, voice } of tokens) {
    const end = start + text.length
    const cuts = [start, ...marks.flatMap(({ from, to }) => [from, to]).filter((cut) => cut > start && cut < end), end]
    for (let index = 1; index < cuts.length; index += 1) {
      const [from = 0, to = 0] = [cuts[index - 1], cuts[index]]
      if (to > from) pieces.push({ text: text.slice(from - start, to - start), voice, changed: marks.some((mark) => mark.from <= from && to <= mark.to) })
    }
    start = end
  }
  return pieces
}

/** `Lines 20–25` of the file as it is now; of the file as it was when nothing of the hunk is left. */
export function linesOf(hunk: Pick<Hunk, 'oldStart' | 'oldLines' | 'newStart' | 'newLines'>): string {
  const [start, count] = hunk.newLines > 0 ? [hunk.newStart, hunk.newLines] : [hunk.oldStart, hunk.oldLines]
  return count === 1 ? `Line ${start}` : `Lines ${start}–${start + count - 1}`
}

export function changeOf(lines: readonly string[]): { added: number; removed: number } {
  return { added: lines.filter((line) => line.startsWith('+')).length, removed: lines.filter((line) => line.startsWith('-')).length }
}
