import { describe, expect, it } from 'bun:test'
import { hang, table, visibleWidth } from './io.ts'

const dim = (text: string): string => `\u001b[2m${text}\u001b[22m`

describe('table', () => {
  const rows = [['up', 'one two three four five six'], ['longer', '—']]
  it('leaves the last column free where there is no terminal', () => {
    expect(table(rows)).toEqual(['up      one two three four five six', 'longer  —'])
  })
  it('breaks the last column between words, below itself', () => {
    expect(table(rows, 30)).toEqual(['up      one two three four\n        five six', 'longer  —'])
  })
  it('counts what is seen: colours take no room and stay on their words', () => {
    const [line = ''] = table([['up', dim('one two three four five six')]], 26)
    expect(line.split('\n').map(visibleWidth).every((width) => width <= 26)).toBe(true)
    expect(line).toContain(`\n    ${dim('five six')}`)
  })
  it('does not break what could not be read then', () => {
    expect(table([['a'.repeat(70), 'one two three']], 80)).toEqual([`${'a'.repeat(70)}  one two three`])
  })
})

describe('hang', () => {
  it('keeps the lines that are there and indents all but the first', () => {
    expect(hang('✗ ', 'first\nsecond', 80)).toBe('✗ first\n  second')
    expect(hang('  ', 'a hint of many words that does not fit', 24)).toBe('  a hint of many words\n  that does not fit')
  })
})
