import { expect, test } from 'bun:test'
import { inert, LINE_LIMIT, revealed, shortened } from './inert.ts'

test('terminal sequences are dropped from output, also when they are cut', () => {
  expect(inert('\u001b[1;31mred\u001b[0m \u001b]0;title\u0007plain \u001b]8;;http://x\u001b\\link \u001b[3')).toBe('red plain link ')
  expect(inert('one\r\ntwo\rthree')).toBe('one\ntwo\nthree')
})

test('controls and direction overrides in prose are spelled out, scripts and emoji stay', () => {
  expect(inert('a\u0008b\u202ec\u2066d')).toBe('a⟨U+0008⟩b⟨U+202E⟩c⟨U+2066⟩d')
  expect(inert('שלום 👩‍💻')).toBe('שלום 👩‍💻')
})

test('a command shows everything that is in it', () => {
  const command = 'rm \u202e-rf\u200b /\u001b[8m\n\techo\u3164'
  expect(revealed(command).filter(({ odd }) => odd).map(({ text }) => text)).toEqual(['⟨U+202E⟩', '⟨U+200B⟩', '⟨U+001B⟩', '⟨U+3164⟩'])
  expect(revealed(command).map(({ text }) => text).join('')).toBe('rm ⟨U+202E⟩-rf⟨U+200B⟩ /⟨U+001B⟩[8m\n\techo⟨U+3164⟩')
  expect(revealed('git push --force')).toEqual([{ odd: false, text: 'git push --force' }])
  expect(revealed('')).toEqual([])
})

test('a line of ten million characters is cut, and the end of long output is shown', () => {
  const { shown, hidden } = shortened(`first\n${'x'.repeat(10_000_000)}\nlast`, 2)
  expect(shown.length).toBeLessThan(LINE_LIMIT + 200)
  expect(shown).toEndWith('\nlast')
  expect(shown).toContain('more characters')
  expect(hidden).toBe(0)
  expect(shown).toStartWith('… 9800011 characters before')
  expect(shortened('a\nb\nc\n', 2)).toEqual({ shown: 'b\nc', hidden: 1 })
  expect(shortened('a\nb', Infinity)).toEqual({ shown: 'a\nb', hidden: 0 })
})
