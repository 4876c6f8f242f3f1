import { describe, expect, it } from 'bun:test'
import { highlight, languageOf } from './highlight.ts'

function check(path: string, text: string): string[] {
  const lines = text.split('\n')
  const tokens = highlight(lines, languageOf(path))
  // Whatever the colours, no character is lost or made up.
  expect(tokens.map((line) => line.map((token) => token.text).join(''))).toEqual(lines)
  return tokens.flat().flatMap(({ text: piece, voice }) => (voice === null ? [] : [`${voice}:${piece}`]))
}

describe('highlight', () => {
  it('tells words, strings and notes apart', () => {
    expect(check('a.ts', `const a = 'x' // note`)).toEqual(['k:const', "q:'x'", 'c:// note'])
    expect(check('a.py', `def f(): # why\n  return "a#b"`)).toEqual(['k:def', 'c:# why', 'k:return', 'q:"a#b"'])
    expect(check('q.sql', `SELECT 1 -- one`)).toEqual(['k:SELECT', 'c:-- one'])
  })

  it('carries a note and a long string over lines', () => {
    expect(check('a.ts', '/* one\ntwo */ let x = `a\nb`')).toEqual(['c:/* one', 'c:two */', 'k:let', 'q:`a', 'q:b`'])
  })

  it('takes an escaped quote for part of the string, and one that does not end for an apostrophe', () => {
    expect(check('a.ts', String.raw`"a\"b" it's`)).toEqual([String.raw`q:"a\"b"`])
  })

  it('leaves what it does not know, and lines of data, as ink', () => {
    expect(check('a.unknown', 'const a')).toEqual([])
    expect(check('a.ts', `const a = "${'x'.repeat(3000)}"`)).toEqual([])
  })

  it('does not take a word within a word', () => {
    expect(check('a.ts', 'constant information $if')).toEqual([])
  })

  it('knows files by name', () => {
    expect(['Dockerfile', 'a/b.tsx', 'x', 'Makefile', '.env'].map(languageOf)).toEqual(['shell', 'script', null, 'shell', 'shell'])
  })
})
