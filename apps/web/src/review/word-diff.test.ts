import { describe, expect, it } from 'bun:test'
import { wordDiff } from './word-diff.ts'

function check(removed: string[], added: string[]): { removed: string[]; added: string[] } {
  const marks = wordDiff(removed, added)
  const cut = (lines: string[], ranges: { from: number; to: number }[][]) => ranges.flatMap((list, line) => list.map(({ from, to }) => (lines[line] ?? '').slice(from, to)))
  return { removed: cut(removed, marks.removed), added: cut(added, marks.added) }
}

describe('wordDiff', () => {
  it('marks the words that changed', () => {
    expect(check(['  return round(net(line))'], ['  return roundHalfEven(net(line))'])).toEqual({ removed: ['round'], added: ['roundHalfEven'] })
  })

  it('joins neighbours into one mark', () => {
    expect(check(['keep old thing here'], ['keep a new word here'])).toEqual({ removed: ['old thing'], added: ['a new word'] })
  })

  it('compares lines that are alike, wherever they stand in the blocks', () => {
    expect(check(['const total = sum(a, b)', 'return total'], ['// why', 'const total = sum(a, c)', 'log(1)', 'return total'])).toEqual({ removed: ['b'], added: ['c'] })
  })

  it('pairs a line with the one most like it, not with the nearest', () => {
    expect(check(['const share = Math.round(total / parts)'], ['const share = Math.floor(total / parts)', 'const left = total - share * parts'])).toEqual({ removed: ['round'], added: ['floor'] })
  })

  it('leaves a wholly new line to its sign', () => {
    expect(check(['keep this one = 1'], ['// a remark', 'keep this one = 2'])).toEqual({ removed: ['1'], added: ['2'] })
  })

  it('marks nothing in blocks that have nothing in common', () => {
    expect(check(['alpha beta gamma'], ['one two three'])).toEqual({ removed: [], added: [] })
  })

  it('marks nothing in blocks too large to compare', () => {
    const many = (word: string) => Array.from({ length: 1000 }, (_, at) => `${word} ${at}`)
    expect(check(many('a'), many('b'))).toEqual({ removed: [], added: [] })
  })
})
