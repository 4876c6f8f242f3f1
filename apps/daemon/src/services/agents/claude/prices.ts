/** What an answer of a model cost, by its maker's list. A model that is not in it has no price, rather than a wrong one. */
export interface Used { readonly input: number; readonly output: number; readonly cacheRead: number; readonly cacheWrite: number }

/** Dollars for a million tokens, which are also millionths of a dollar for one. */
const PRICES: readonly (readonly [model: RegExp, input: number, output: number])[] = [
  [/^claude-opus-4-5(?!\d)/, 5, 25],
  [/^claude-opus-4(?:-[01])?(?:-\d{8})?$/, 15, 75],
  [/^claude-(?:sonnet-4(?:-5)?|3-7-sonnet)(?:-\d{8})?$/, 3, 15],
  [/^claude-haiku-4-5(?!\d)/, 1, 5],
  [/^claude-3-5-haiku/, 0.8, 4],
]
const CACHE_READ = 0.1
/** Kept for five minutes, as the agent does. */
const CACHE_WRITE = 1.25
/** Above it a request has another price, and is of a larger window. */
const USUAL_WINDOW = 200_000
const LARGE_WINDOW = 1_000_000

export function costMicrosOf(model: string | null, { input, output, cacheRead, cacheWrite }: Used): number | null {
  const price = PRICES.find(([pattern]) => pattern.test(model ?? ''))
  if (price === undefined || input + cacheRead + cacheWrite > USUAL_WINDOW) return null
  const [, inPrice, outPrice] = price
  return Math.round((input + cacheRead * CACHE_READ + cacheWrite * CACHE_WRITE) * inPrice + output * outPrice)
}

/** How full its window is after this answer. */
export function contextPercentOf({ input, output, cacheRead, cacheWrite }: Used): number {
  const held = input + cacheRead + cacheWrite + output
  return Math.min(100, Math.round((held / (held > USUAL_WINDOW ? LARGE_WINDOW : USUAL_WINDOW)) * 100))
}
