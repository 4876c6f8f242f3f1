/** Durations, sizes and times as people write and read them. */
import { BerthError } from '@berth/wire/error'

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `30m`, `1h30m`, `90s`; a bare number is minutes; `off` and `never` are 0. */
export function parseDuration(text: string, option: string): number {
  const wrong = () => new BerthError('bad_request', `--${option} takes a duration, not "${text}"`, { hint: 'for example 45m, 2h, 1h30m or off' })
  if (text === 'off' || text === 'never') return 0
  if (/^\d{1,6}$/.test(text)) return Number(text) * 60_000
  if (!/^(\d{1,6}(ms|s|m|h|d))+$/.test(text)) throw wrong()
  let total = 0
  for (const [, amount, unit = ''] of text.matchAll(/(\d+)(ms|s|m|h|d)/g)) total += Number(amount) * (UNITS[unit] ?? 0)
  return total
}

/** `4g`, `512m`, `2GiB`; a bare number is bytes. */
export function parseBytes(text: string, option: string): number {
  const match = text.match(/^(\d{1,15}(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i)
  if (!match) throw new BerthError('bad_request', `--${option} takes a size, not "${text}"`, { hint: 'for example 512m or 4g' })
  return Math.round(Number(match[1]) * 1024 ** ' kmgt'.indexOf((match[2] || ' ').toLowerCase()))
}

export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  if (ms < 60_000) return `${Math.round(ms / 1000)} s`
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 60) return `${minutes} min${ms % 60_000 >= 1000 ? ` ${Math.floor((ms % 60_000) / 1000)} s` : ''}`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return `${hours} h${minutes % 60 ? ` ${minutes % 60} min` : ''}`
  return `${Math.floor(hours / 24)} days`
}

export function bytes(count: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  let value = count
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** "3 min ago", from times of two clocks that may disagree a little. */
export function ago(at: number, now: number): string {
  const past = now - at
  return past < 5000 ? 'now' : `${duration(past >= 3_600_000 ? past - (past % 60_000) : past).replace(/ \d+ s$/, '')} ago`
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
