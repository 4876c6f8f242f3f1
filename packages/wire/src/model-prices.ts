/** What an answer of a model cost, and how full its window is, by its maker's list. A model that is not in it has no price, rather than a wrong one. */
export interface Used { readonly input: number; readonly output: number; readonly cacheRead: number; /** Kept for five minutes. */ readonly cacheWrite: number; /** Kept for an hour. */ readonly cacheWriteHour?: number }

interface Price { readonly input: number; readonly output: number; readonly cacheRead: number }
interface Model extends Price { readonly window: number; /** Every token of a longer request costs this. */ readonly long?: Price & { readonly above: number } }
const SMALL_WINDOW = 200_000
const LARGE_WINDOW = 1_000_000

/** Dollars for a million tokens, which are also millionths of a dollar for one. */
const model = (window: number, [input, output, cacheRead]: readonly [number, number, number], long?: Model['long']): Model => ({ window, input, output, cacheRead, ...(long === undefined ? {} : { long }) })
const MODELS: Readonly<Record<string, Model>> = {
  'claude-fable-5': model(LARGE_WINDOW, [10, 50, 1]),
  'claude-fable-5-1': model(LARGE_WINDOW, [10, 50, 0.25]),
  'claude-fable-5-2': model(LARGE_WINDOW, [8, 40, 0.2]),
  'claude-mythos-5': model(LARGE_WINDOW, [10, 50, 1]),
  'claude-mythos-5-1': model(LARGE_WINDOW, [10, 50, 0.25]),
  'claude-mythos-5-2': model(LARGE_WINDOW, [8, 40, 0.2]),
  'claude-opus-5-5': model(LARGE_WINDOW, [4, 20, 0.2]),
  'claude-opus-5': model(LARGE_WINDOW, [5, 25, 0.5]),
  'claude-opus-4-8': model(LARGE_WINDOW, [5, 25, 0.5]),
  'claude-opus-4-7': model(LARGE_WINDOW, [5, 25, 0.5]),
  'claude-opus-4-6': model(SMALL_WINDOW, [5, 25, 0.5]),
  'claude-opus-4-5': model(SMALL_WINDOW, [5, 25, 0.5]),
  'claude-opus-4-1': model(SMALL_WINDOW, [15, 75, 1.5]),
  'claude-opus-4': model(SMALL_WINDOW, [15, 75, 1.5]),
  'claude-sonnet-5-5': model(LARGE_WINDOW, [2, 10, 0.1]),
  'claude-sonnet-5': model(LARGE_WINDOW, [2, 10, 0.2]),
  'claude-sonnet-4-6': model(SMALL_WINDOW, [3, 15, 0.3]),
  'claude-sonnet-4-5': model(SMALL_WINDOW, [3, 15, 0.3]),
  'claude-sonnet-4': model(SMALL_WINDOW, [3, 15, 0.3]),
  'claude-3-7-sonnet': model(SMALL_WINDOW, [3, 15, 0.3]),
  'claude-haiku-5-5': model(LARGE_WINDOW, [0.1, 0.5, 0.01], { above: 100_000, input: 0.5, output: 2.5, cacheRead: 0.05 }),
  'claude-haiku-4-5': model(SMALL_WINDOW, [1, 5, 0.1]),
  'claude-3-5-haiku': model(SMALL_WINDOW, [0.8, 4, 0.08]),
}
/** Of what a token read costs. */
const CACHE_WRITE = 1.25
const CACHE_WRITE_HOUR = 2

const find = (name: string | null): Model | undefined => {
  const known = (name ?? '').replace(/\[1m\]$/, '').replace(/-\d{8}$/, '').replace(/-0$/, '')
  return Object.hasOwn(MODELS, known) ? MODELS[known] : undefined
}
const readOf = ({ input, cacheRead, cacheWrite, cacheWriteHour = 0 }: Used): number => input + cacheRead + cacheWrite + cacheWriteHour

export function costMicrosOf(name: string | null, used: Used): number | null {
  const found = find(name)
  const read = readOf(used)
  // A request larger than the usual window has another price, which the list does not say.
  if (found === undefined || read > found.window) return null
  const price = found.long !== undefined && read > found.long.above ? found.long : found
  return Math.round((used.input + used.cacheWrite * CACHE_WRITE + (used.cacheWriteHour ?? 0) * CACHE_WRITE_HOUR) * price.input + used.cacheRead * price.cacheRead + used.output * price.output)
}

/** How full its window is after this answer. */
export function contextPercentOf(name: string | null, used: Used): number {
  const held = readOf(used) + used.output
  const usual = find(name)?.window ?? SMALL_WINDOW
  return Math.min(100, Math.round((held / (held > usual ? LARGE_WINDOW : usual)) * 100))
}
