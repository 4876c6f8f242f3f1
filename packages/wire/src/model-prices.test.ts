import { expect, it } from 'bun:test'
import { contextPercentOf, costMicrosOf } from './model-prices.ts'

const used = { input: 1000, output: 200, cacheRead: 10_000, cacheWrite: 400 }

it('counts what is read from the cache a tenth, and what is written to it a quarter more', () => {
  expect(costMicrosOf('claude-sonnet-4-5-20250929', used)).toBe(Math.round((1000 + 1000 + 500) * 3 + 200 * 15))
  expect(costMicrosOf('claude-opus-4-1', used)).toBe(Math.round(2500 * 15 + 200 * 75))
  expect(costMicrosOf('claude-opus-4-20250514', used)).toBe(Math.round(2500 * 15 + 200 * 75))
})

it('knows the models of the agent that is started, with what a read from their cache costs', () => {
  expect(costMicrosOf('claude-opus-5-5', { input: 100, output: 50, cacheRead: 0, cacheWrite: 0 })).toBe(1400)
  expect(costMicrosOf('claude-opus-5-5[1m]', used)).toBe(1500 * 4 + 10_000 * 0.2 + 200 * 20)
  expect(costMicrosOf('claude-opus-5-5', { ...used, cacheWrite: 0, cacheWriteHour: 400 })).toBe(1800 * 4 + 10_000 * 0.2 + 200 * 20)
})

it('counts a long request of a model by its other price', () => {
  expect(costMicrosOf('claude-haiku-5-5', { input: 100_000, output: 1000, cacheRead: 0, cacheWrite: 0 })).toBe(10_500)
  expect(costMicrosOf('claude-haiku-5-5', { input: 100_001, output: 1000, cacheRead: 0, cacheWrite: 0 })).toBe(Math.round(100_001 * 0.5 + 2500))
})

it('knows models of OpenAI, whose long requests cost more from their first token', () => {
  expect(costMicrosOf('gpt-6.2-sol', { input: 1000, output: 200, cacheRead: 10_000, cacheWrite: 400 })).toBe((1000 + 500) * 2 + 10_000 * 0.1 + 200 * 10)
  expect(costMicrosOf('gpt-6-astra-2026-09-03', { input: 272_000, output: 10, cacheRead: 0, cacheWrite: 0 })).toBe(2_720_500)
  expect(costMicrosOf('gpt-6-astra', { input: 272_001, output: 10, cacheRead: 0, cacheWrite: 0 })).toBe(272_001 * 20 + 750)
  expect(costMicrosOf('gpt-5.4-mini', { input: 300_000, output: 0, cacheRead: 0, cacheWrite: 0 })).toBe(225_000)
})

it('knows models of Google, and no price of a read from a cache that its list does not say', () => {
  expect(costMicrosOf('gemini-3.1-pro-preview', { input: 1000, output: 200, cacheRead: 10_000, cacheWrite: 0 })).toBe(2000 + 2000 + 2400)
  expect(costMicrosOf('gemini-3.1-pro-preview', { input: 200_001, output: 0, cacheRead: 0, cacheWrite: 0 })).toBe(800_004)
  expect(costMicrosOf('gemini-2.5-pro', { input: 1000, output: 200, cacheRead: 0, cacheWrite: 0 })).toBe(3250)
  expect(costMicrosOf('gemini-2.5-pro', { input: 1000, output: 200, cacheRead: 1, cacheWrite: 0 })).toBeNull()
})

it('has no price for what is not on the list', () => {
  for (const model of [null, 'claude-opus-9', 'claude-opus-4-55', 'claude-sonnet-4-66', 'gpt-x', 'gpt-5.6-sol', 'gpt-6.2-sol (priority)', 'gemini-3.8-flash', '', 'constructor']) expect(costMicrosOf(model, used)).toBeNull()
  expect(costMicrosOf('claude-sonnet-4', { ...used, cacheRead: 300_000 })).toBeNull()
})

it('says how full the window is', () => {
  expect(contextPercentOf('claude-sonnet-4-5', { input: 0, output: 0, cacheRead: 100_000, cacheWrite: 0 })).toBe(50)
  expect(contextPercentOf('claude-opus-5-5', { input: 0, output: 0, cacheRead: 100_000, cacheWrite: 0 })).toBe(10)
  expect(contextPercentOf(null, { input: 400_000, output: 0, cacheRead: 0, cacheWrite: 0 })).toBe(40)
  expect(contextPercentOf(null, { input: 9_000_000, output: 0, cacheRead: 0, cacheWrite: 0 })).toBe(100)
})
