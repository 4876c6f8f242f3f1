import { expect, it } from 'bun:test'
import { contextPercentOf, costMicrosOf } from './prices.ts'

const used = { input: 1000, output: 200, cacheRead: 10_000, cacheWrite: 400 }

it('counts what is read from the cache a tenth, and what is written to it a quarter more', () => {
  expect(costMicrosOf('claude-sonnet-4-5-20250929', used)).toBe(Math.round((1000 + 1000 + 500) * 3 + 200 * 15))
  expect(costMicrosOf('claude-opus-4-1', used)).toBe(Math.round(2500 * 15 + 200 * 75))
  expect(costMicrosOf('claude-opus-4-20250514', used)).toBe(Math.round(2500 * 15 + 200 * 75))
})

it('has no price for what is not on the list', () => {
  for (const model of [null, 'claude-opus-5-5', 'claude-opus-4-55', 'claude-sonnet-4-6', 'gpt-x', '']) expect(costMicrosOf(model, used)).toBeNull()
  expect(costMicrosOf('claude-sonnet-4', { ...used, cacheRead: 300_000 })).toBeNull()
})

it('says how full the window is', () => {
  expect(contextPercentOf({ input: 0, output: 0, cacheRead: 100_000, cacheWrite: 0 })).toBe(50)
  expect(contextPercentOf({ input: 400_000, output: 0, cacheRead: 0, cacheWrite: 0 })).toBe(40)
  expect(contextPercentOf({ input: 9_000_000, output: 0, cacheRead: 0, cacheWrite: 0 })).toBe(100)
})
