/**
 * Which words changed between a removed and an added block. Lines are paired first, and only lines that are alike are
 * compared: in two unrelated lines every word would be marked, which says nothing.
 */
export interface Range { readonly from: number; readonly to: number }
/** One list of ranges per line. */
interface WordMarks { readonly removed: Range[][]; readonly added: Range[][] }

/** Pairs of lines compared; beyond it a block is too large to be read word by word anyway. */
const PAIRS_LIMIT = 2500
/** Cells of one comparison's table. */
const CELLS_LIMIT = 40_000
/** Share of both lines' letters that must be common. */
const ALIKE = 0.4

interface Word { readonly text: string; readonly from: number }

export function wordDiff(removed: readonly string[], added: readonly string[]): WordMarks {
  const marks: WordMarks = { removed: removed.map(() => []), added: added.map(() => []) }
  if (removed.length * added.length > PAIRS_LIMIT) return marks
  const [before, after] = [removed.map(wordsOf), added.map(wordsOf)]
  for (const [row, column] of pairLines(before, after)) {
    const [old, now] = [before[row] ?? [], after[column] ?? []]
    const common = longestCommon(old, now)
    marks.removed[row] = rangesOf(old, new Set(common.map(([at]) => at)), removed[row] ?? '')
    marks.added[column] = rangesOf(now, new Set(common.map(([, at]) => at)), added[column] ?? '')
  }
  return marks
}

function wordsOf(text: string): Word[] {
  return [...text.matchAll(/[\p{L}\p{N}_$]+|[^\s\p{L}\p{N}_$]/gu)].map((match) => ({ text: match[0], from: match.index }))
}

function letters(words: Iterable<string>): number {
  let sum = 0
  for (const word of words) if (/[\p{L}\p{N}]/u.test(word)) sum += word.length
  return sum
}

/** 0 to 1 by the letters of the words both have, in whatever order. */
function alike(before: readonly Word[], after: readonly Word[]): number {
  const left = new Map<string, number>()
  for (const { text } of before) left.set(text, (left.get(text) ?? 0) + 1)
  const common = after.flatMap(({ text }) => {
    const count = left.get(text) ?? 0
    left.set(text, count - 1)
    return count > 0 ? [text] : []
  })
  const both = letters(before.map((word) => word.text)) + letters(after.map((word) => word.text))
  return both === 0 ? 0 : (2 * letters(common)) / both
}

/** In order, so that the whole is as alike as can be. */
function pairLines(before: readonly Word[][], after: readonly Word[][]): [number, number][] {
  const width = after.length + 1
  const score = before.map((old) => after.map((now) => {
    const value = alike(old, now)
    return value >= ALIKE && old.length * now.length <= CELLS_LIMIT ? value : 0
  }))
  const best = new Float64Array((before.length + 1) * width)
  const cell = (row: number, column: number) => best[row * width + column] ?? 0
  for (let row = before.length - 1; row >= 0; row -= 1)
    for (let column = after.length - 1; column >= 0; column -= 1)
      best[row * width + column] = Math.max(cell(row + 1, column), cell(row, column + 1), (score[row]?.[column] ?? 0) + cell(row + 1, column + 1))
  const pairs: [number, number][] = []
  for (let row = 0, column = 0; row < before.length && column < after.length; ) {
    const here = score[row]?.[column] ?? 0
    if (here > 0 && cell(row, column) === here + cell(row + 1, column + 1)) pairs.push([row++, column++])
    else if (cell(row + 1, column) >= cell(row, column + 1)) row += 1
    else column += 1
  }
  return pairs
}

/** Pairs of indices of the longest common subsequence, in order. */
function longestCommon(before: readonly Word[], after: readonly Word[]): [number, number][] {
  const width = after.length + 1
  const table = new Uint32Array((before.length + 1) * width)
  const cell = (row: number, column: number) => table[row * width + column] ?? 0
  for (let row = before.length - 1; row >= 0; row -= 1)
    for (let column = after.length - 1; column >= 0; column -= 1)
      table[row * width + column] = before[row]?.text === after[column]?.text ? cell(row + 1, column + 1) + 1 : Math.max(cell(row + 1, column), cell(row, column + 1))
  const pairs: [number, number][] = []
  for (let row = 0, column = 0; row < before.length && column < after.length; ) {
    if (before[row]?.text === after[column]?.text) pairs.push([row++, column++])
    else if (cell(row + 1, column) >= cell(row, column + 1)) row += 1
    else column += 1
  }
  return pairs
}

/** Neighbours become one range. */
function rangesOf(words: readonly Word[], common: ReadonlySet<number>, text: string): Range[] {
  const ranges: Range[] = []
  words.forEach((word, at) => {
    if (common.has(at)) return
    const last = ranges.at(-1)
    const to = word.from + word.text.length
    if (last && !common.has(at - 1) && text.slice(last.to, word.from).trim() === '') ranges[ranges.length - 1] = { from: last.from, to }
    else ranges.push({ from: word.from, to })
  })
  return ranges
}
