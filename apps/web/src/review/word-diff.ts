/**
 * Which words changed between a removed and an added block. Marks are given only where the blocks are alike: in two
 * unrelated blocks every word would be marked, which says nothing.
 */
export interface Range { readonly from: number; readonly to: number }
/** One list of ranges per line. */
export interface WordMarks { readonly removed: Range[][]; readonly added: Range[][] }

/** Cells of the comparison's table; beyond it a block is too large to be read word by word anyway. */
const CELLS_LIMIT = 400_000
/** Share of the smaller block's letters that must be common. */
const ALIKE = 0.3

interface Word { readonly text: string; readonly line: number; readonly from: number }

export function wordDiff(removed: readonly string[], added: readonly string[]): WordMarks {
  const none: WordMarks = { removed: removed.map(() => []), added: added.map(() => []) }
  const [before, after] = [wordsOf(removed), wordsOf(added)]
  if (before.length === 0 || after.length === 0 || before.length * after.length > CELLS_LIMIT) return none
  const common = longestCommon(before, after)
  const letters = (list: readonly Word[]) => list.reduce((sum, word) => sum + (/\w/.test(word.text) ? word.text.length : 0), 0)
  const kept = letters(common.map(([at]) => before[at]).filter((word) => word !== undefined))
  if (kept < ALIKE * Math.min(letters(before), letters(after))) return none
  return {
    removed: marksOf(before, new Set(common.map(([at]) => at)), removed),
    added: marksOf(after, new Set(common.map(([, at]) => at)), added),
  }
}

function wordsOf(lines: readonly string[]): Word[] {
  return lines.flatMap((text, line) => [...text.matchAll(/[\p{L}\p{N}_$]+|[^\s\p{L}\p{N}_$]/gu)].map((match) => ({ text: match[0], line, from: match.index })))
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

/** Neighbours become one range; a line without a common word is new as a whole, and its sign says that. */
function marksOf(words: readonly Word[], common: ReadonlySet<number>, lines: readonly string[]): Range[][] {
  const marks: Range[][] = lines.map(() => [])
  const known = new Set([...common].flatMap((at) => (words[at] ? [words[at].line] : [])))
  words.forEach((word, at) => {
    const list = marks[word.line]
    if (common.has(at) || !list || !known.has(word.line)) return
    const last = list.at(-1)
    const to = word.from + word.text.length
    const text = lines[word.line] ?? ''
    if (last && !common.has(at - 1) && text.slice(last.to, word.from).trim() === '') list[list.length - 1] = { from: last.from, to }
    else list.push({ from: word.from, to })
  })
  return marks
}
