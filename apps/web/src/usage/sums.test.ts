import { expect, test } from 'bun:test'
import type { ModelUsageDay } from '@berth/wire/model-access'
import { monthNow, monthsBack, summed } from './sums.ts'

const day = (change: Partial<ModelUsageDay>): ModelUsageDay => ({ day: '2026-03-01', model: 'm', requests: 1, inputTokens: 1, outputTokens: 2, cacheReadTokens: 3, cacheWriteTokens: 4, costMicros: 5, unpricedTokens: 0, keyName: '', estimated: 0, ...change } as ModelUsageDay)

test('sums what is asked by, the dearest first, and keeps what has no price apart', () => {
  expect(summed([day({ model: 'a' }), day({ model: 'b', costMicros: 9 }), day({ model: 'a', costMicros: 0, unpricedTokens: 10 })], ({ model }) => model)).toEqual([
    { name: 'b', requests: 1, tokensIn: 8, tokensOut: 2, costMicros: 9, unpricedTokens: 0 },
    { name: 'a', requests: 2, tokensIn: 16, tokensOut: 4, costMicros: 5, unpricedTokens: 10 },
  ])
})

test('months are those of UTC, over the turn of a year', () => {
  expect(monthNow(Date.UTC(2026, 0, 31, 23, 59))).toBe('2026-01')
  expect(monthsBack(3, Date.UTC(2026, 0, 31))).toEqual(['2026-01', '2025-12', '2025-11'])
})
