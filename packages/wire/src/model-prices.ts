/** What an answer of a model cost, and how full its window is, by its maker's list. A model that is not in it has no price, rather than a wrong one. */
export interface Used { readonly input: number; readonly output: number; readonly cacheRead: number; /** Kept for five minutes. */ readonly cacheWrite: number; /** Kept for an hour. */ readonly cacheWriteHour?: number }

/** `cacheRead` null: the list says it of no request, so one that reads from the cache has no price. */
interface Price { readonly input: number; readonly output: number; readonly cacheRead: number | null }
interface Model extends Price { readonly window: number; /** Every token of a longer request costs this. */ readonly long?: Price & { readonly above: number } }
const OPENAI_LONG = 272_000
const OPENAI_WINDOW = 1_050_000
const OPENAI_SMALL = 400_000
const GEMINI_WINDOW = 1_048_576
const SMALL_WINDOW = 200_000
const LARGE_WINDOW = 1_000_000

/** The day of the list. */
export const PRICES_OF = '2026-11-22'

/** Dollars for a million tokens, which are also millionths of a dollar for one. */
const model = (window: number, [input, output, cacheRead]: readonly [number, number, number | null], long?: Model['long']): Model => ({ window, input, output, cacheRead, ...(long === undefined ? {} : { long }) })
/** OpenAI: a request that reads more costs twice as much to read and half as much again to write, from its first token. */
const openai = (window: number, [input, output, cacheRead]: readonly [number, number, number | null]): Model =>
  model(window, [input, output, cacheRead], window < OPENAI_WINDOW ? undefined : { above: OPENAI_LONG, input: input * 2, output: output * 1.5, cacheRead: cacheRead === null ? null : cacheRead * 2 })
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
  // Standard processing, text. Of the model's own page: developers.openai.com/api/docs/models/<name>.
  'gpt-6.2-sol': openai(OPENAI_WINDOW, [2, 10, 0.1]),
  'gpt-6.1-sol': openai(OPENAI_WINDOW, [2, 10, 0.1]),
  'gpt-6-sol': openai(OPENAI_WINDOW, [2, 10, 0.2]),
  'gpt-6-astra': openai(OPENAI_WINDOW, [10, 50, 1]),
  'gpt-5-codex': openai(OPENAI_SMALL, [1.25, 10, 0.125]),
  // Of developers.openai.com/api/docs/pricing as read on 2026-05-04, and docs.github.com's table of models for long requests.
  'gpt-5.5': openai(OPENAI_WINDOW, [5, 30, 0.5]),
  'gpt-5.4': openai(OPENAI_WINDOW, [2.5, 15, 0.25]),
  'gpt-5.4-mini': model(OPENAI_SMALL, [0.75, 4.5, 0.075]),
  'gpt-5.4-nano': model(OPENAI_SMALL, [0.2, 1.25, 0.02]),
  // Of ai.google.dev/gemini-api/docs/pricing as read on 2026-10-07: paid, text. Prices that end at a day stand in no list here.
  'gemini-3.5-flash': model(GEMINI_WINDOW, [1.5, 9, 0.15]),
  'gemini-3.5-flash-lite': model(GEMINI_WINDOW, [0.3, 2.5, null]),
  'gemini-3.1-pro-preview': model(GEMINI_WINDOW, [2, 12, 0.2], { above: SMALL_WINDOW, input: 4, output: 18, cacheRead: 0.4 }),
  'gemini-2.5-pro': model(GEMINI_WINDOW, [1.25, 10, null], { above: SMALL_WINDOW, input: 2.5, output: 15, cacheRead: null }),
  'gemini-2.5-flash': model(GEMINI_WINDOW, [0.3, 2.5, null]),
}
/** Of what a token read costs. */
const CACHE_WRITE = 1.25
const CACHE_WRITE_HOUR = 2

const find = (name: string | null): Model | undefined => {
  const known = (name ?? '').replace(/\[1m\]$/, '').replace(/-\d{8}$|-\d{4}-\d{2}-\d{2}$/, '').replace(/-0$/, '')
  return Object.hasOwn(MODELS, known) ? MODELS[known] : undefined
}
const readOf = ({ input, cacheRead, cacheWrite, cacheWriteHour = 0 }: Used): number => input + cacheRead + cacheWrite + cacheWriteHour

export function costMicrosOf(name: string | null, used: Used): number | null {
  const found = find(name)
  const read = readOf(used)
  // A request larger than the usual window has another price, which the list does not say.
  if (found === undefined || read > found.window) return null
  const price = found.long !== undefined && read > found.long.above ? found.long : found
  if (price.cacheRead === null && used.cacheRead > 0) return null
  return Math.round((used.input + used.cacheWrite * CACHE_WRITE + (used.cacheWriteHour ?? 0) * CACHE_WRITE_HOUR) * price.input + used.cacheRead * (price.cacheRead ?? 0) + used.output * price.output)
}

/** How full its window is after this answer. */
export function contextPercentOf(name: string | null, used: Used): number {
  const held = readOf(used) + used.output
  const usual = find(name)?.window ?? SMALL_WINDOW
  return Math.min(100, Math.round((held / (held > usual ? LARGE_WINDOW : usual)) * 100))
}
