import { describe, expect, it } from 'bun:test'
import { readAnsi } from './ansi.ts'

function check(screen: string): string[][] {
  return readAnsi(screen).map((line) => line.map(({ text, look, fore, back }) => [text, look, fore, back].filter(Boolean).join('|')))
}

describe('readAnsi', () => {
  it('reads colours of the palette, and keeps them over lines', () => {
    expect(check('\u001b[1;31mFAIL\u001b[0m ok\n\u001b[32mgreen\nstill')).toEqual([['FAIL|bold f1', ' ok'], ['green|f2'], ['still|f2']])
    expect(check('\u001b[97;100mx')).toEqual([['x|f15 b8']])
  })

  it('reads colours beyond the palette', () => {
    expect(check('\u001b[38;5;203mx\u001b[38;2;255;120;0my\u001b[48;5;240mz')).toEqual([['x|rgb(255 95 95)', 'y|rgb(255 120 0)', 'z|rgb(255 120 0)|rgb(88 88 88)']])
    expect(check('\u001b[38;5;9mx\u001b[39my')).toEqual([['x|f9', 'y']])
  })

  it('turns inverse around', () => {
    expect(check('\u001b[7mx\u001b[27my\u001b[31;7mz')).toEqual([['x|var(--sunken)|var(--ink)', 'y', 'z|b1|var(--sunken)']])
  })

  it('drops everything that is no colour', () => {
    expect(check('\u001b]0;title\u0007a\u001b[2Jb\u001b[10;4Hc\u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\\u001b(Bd')).toEqual([['a', 'b', 'c', 'link', 'd']])
  })

  it('shows nothing that turns a line around or has no shape', () => {
    expect(check('a\u202eb\u200bc\u0007d')).toEqual([['abcd']])
  })

  it('ends with the last line that shows something', () => {
    expect(check('a\n\n  \n')).toEqual([['a']])
    expect(check('a\n\u001b[41m \u001b[0m\n\n')).toEqual([['a'], [' |b1']])
  })

  it('ignores numbers that no colour has', () => {
    expect(check('\u001b[38;2;999;300;1mx\u001b[;;;my\u001b[38mz')).toEqual([['x|rgb(255 255 1)', 'y', 'z']])
  })
})
