import { expect, test } from 'bun:test'
import { newText } from './new-text.ts'

test('only what is new is told', () => {
  expect(newText('', 'abc')).toBe('abc')
  expect(newText('abc', 'abc')).toBe('')
  expect(newText('abc', 'abcdef')).toBe('def')
  const long = Array.from({ length: 2000 }, (_, index) => `line ${index}\n`).join('')
  expect(newText(long, `${long.slice(100)}more\n`)).toBe('more\n')
  expect(newText('abc', 'xyz')).toBe('xyz')
})
