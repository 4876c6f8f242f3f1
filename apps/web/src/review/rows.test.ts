import { describe, expect, it } from 'bun:test'
import { LINE_LIMIT } from '../ui/inert.ts'
import { changeOf, linesOf, pairsOf, rowsOf, type Row } from './rows.ts'

const hunk = (lines: string[], at = { oldStart: 20, newStart: 20 }) => ({ lines, ...at })
const textOf = (row: Row | null) => row?.pieces.map((piece) => piece.text).join('') ?? null
const changedOf = (row: Row | undefined) => row?.pieces.filter((piece) => piece.changed).map((piece) => piece.text)

describe('rowsOf', () => {
  it('numbers each side', () => {
    const rows = rowsOf(hunk([' a', '-b', '+c', '+d', ' e']), null)
    expect(rows.map((row) => [row.sign, row.before, row.after, textOf(row)])).toEqual([[' ', 20, 20, 'a'], ['-', 21, null, 'b'], ['+', null, 21, 'c'], ['+', null, 22, 'd'], [' ', 22, 23, 'e']])
  })

  it('colours and marks without losing a character', () => {
    const [removed, added] = rowsOf(hunk(["-return first('x') // old", "+return other('x') // new"]), 'script')
    expect([textOf(removed ?? null), textOf(added ?? null)]).toEqual(["return first('x') // old", "return other('x') // new"])
    expect([changedOf(removed), changedOf(added)]).toEqual([['first', 'old'], ['other', 'new']])
    expect(added?.pieces[0]).toEqual({ text: 'return', voice: 'k', changed: false })
  })

  it('marks no words in what is data, however much of it there is', () => {
    const block = (word: string) => Array.from({ length: 50 }, () => `${word} `.repeat(900))
    const lines = Array.from({ length: 40 }, () => [...block('a').map((text) => `-${text}`), ...block('b').map((text) => `+${text}`), ' ']).flat()
    const rows = rowsOf(hunk([...lines, '-one word', '+two word']), null)
    expect(changedOf(rows.at(-1))).toEqual(['two'])
    expect(rows.length).toBe(lines.length + 2)
  }, 5000)

  it('does not let a note of one side colour the other', () => {
    const rows = rowsOf(hunk(['-/* a', '+let a', ' let b']), 'script')
    expect(rows[1]?.pieces[0]?.voice).toBe('k')
  })

  it('says which line has no line end, and shows no line for it', () => {
    const rows = rowsOf(hunk(['-a', '\\ No newline at end of file', '+a']), null)
    expect(rows.map((row) => row.noNewline)).toEqual([true, false])
  })

  it('says how a line ends only where most end otherwise', () => {
    const ends = (lines: string[]) => rowsOf(hunk(lines), null).map((row) => [textOf(row), row.oddEnd])
    expect(ends([' a\r', '+b\r'])).toEqual([['a', null], ['b', null]])
    expect(ends(['-a\r', '+a'])).toEqual([['a', 'CR LF'], ['a', null]])
    expect(ends([' a\r', ' b\r', '+c'])).toEqual([['a', null], ['b', null], ['c', 'LF']])
  })

  it('cuts a line that nobody reads, and says by how much', () => {
    const [row] = rowsOf(hunk([`+${'x'.repeat(10_000)}`]), 'script')
    expect([textOf(row ?? null)?.length, row?.cutBy]).toEqual([LINE_LIMIT, 10_000 - LINE_LIMIT])
  })
})

describe('pairsOf', () => {
  it('puts what was removed beside what took its place', () => {
    const pairs = pairsOf(rowsOf(hunk([' a', '-b', '-c', '+d', ' e', '+f']), null))
    expect(pairs.map(({ left, right }) => [textOf(left), textOf(right)])).toEqual([['a', 'a'], ['b', 'd'], ['c', null], ['e', 'e'], [null, 'f']])
  })
})

it('names the lines of a hunk, of the old file when nothing is left', () => {
  expect(linesOf({ oldStart: 1, oldLines: 3, newStart: 20, newLines: 6 })).toBe('Lines 20–25')
  expect(linesOf({ oldStart: 7, oldLines: 1, newStart: 6, newLines: 0 })).toBe('Line 7')
  expect(changeOf(['+a', '-b', '+c', ' d'])).toEqual({ added: 2, removed: 1 })
})
