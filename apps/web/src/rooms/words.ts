import { timeOf } from '../ui/words.ts'

/** With its unit. */
export function sizeWords(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  const units = ['kB', 'MB', 'GB', 'TB']
  let value = bytes / 1000
  let at = 0
  while (value >= 999.5 && at < units.length - 1) {
    value /= 1000
    at += 1
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[at]}`
}

/** Today by the clock, else by the day. */
export function when(at: number, now: number): string {
  const date = new Date(at)
  const today = new Date(now).toDateString() === date.toDateString()
  return today ? timeOf(at) : date.toLocaleDateString([], { month: 'short', day: 'numeric', ...(now - at > 300 * 86_400_000 ? { year: 'numeric' } : {}) })
}
