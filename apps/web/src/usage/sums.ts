/** What was used, summed by whatever it is asked by. Pure. */
import type { ModelUsageDay } from '@berth/wire/model-access'

export interface Sum { readonly name: string; readonly requests: number; readonly tokensIn: number; readonly tokensOut: number; readonly costMicros: number; /** Of models without a price, which the cost leaves out. */ readonly unpricedTokens: number }

const MONTH_LENGTH = '2026-01'.length
/** As days are counted: UTC. */
export const monthNow = (now = Date.now()): string => new Date(now).toISOString().slice(0, MONTH_LENGTH)
export const monthOf = ({ day }: Pick<ModelUsageDay, 'day'>): string => day.slice(0, MONTH_LENGTH)
export function monthsBack(count: number, now = Date.now()): string[] {
  const at = new Date(now)
  return Array.from({ length: count }, (_, back) => monthNow(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() - back, 1)))
}

/** What cost most first. */
export function summed(days: readonly ModelUsageDay[], nameOf: (day: ModelUsageDay) => string): Sum[] {
  const sums = new Map<string, Sum>()
  for (const day of days) {
    const name = nameOf(day)
    const before = sums.get(name) ?? { name, requests: 0, tokensIn: 0, tokensOut: 0, costMicros: 0, unpricedTokens: 0 }
    sums.set(name, {
      name, requests: before.requests + day.requests, tokensIn: before.tokensIn + day.inputTokens + day.cacheReadTokens + day.cacheWriteTokens, tokensOut: before.tokensOut + day.outputTokens,
      costMicros: before.costMicros + day.costMicros, unpricedTokens: before.unpricedTokens + day.unpricedTokens,
    })
  }
  return [...sums.values()].sort((a, b) => b.costMicros - a.costMicros || b.tokensIn + b.tokensOut - a.tokensIn - a.tokensOut)
}
