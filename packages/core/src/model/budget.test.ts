import { expect, test } from 'bun:test'
import { admit, estimatedTokens } from './budget.ts'

test('nothing begins at the limit, one call while anything is left, and others where they fit', () => {
  const account = (spentMicros: number, underWayMicros: number) => ({ limitMicros: 100, spentMicros, underWayMicros })
  expect(admit(account(100, 0), 0)).toBe('stop')
  expect(admit(account(250, 40), 1)).toBe('stop')
  expect(admit(account(99, 0), 5000)).toBe('go')
  expect(admit(account(50, 20), 30)).toBe('go')
  expect(admit(account(50, 20), 31)).toBe('wait')
  expect(admit({ limitMicros: 0, spentMicros: 0, underWayMicros: 0 }, 0)).toBe('stop')
})

test('a guess is never too small by rounding', () => {
  expect([0, 1, 3, 4, 300].map(estimatedTokens)).toEqual([0, 1, 1, 2, 100])
})
