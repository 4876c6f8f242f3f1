/** Times, sums and places, as people read them. */
import type { Workspace } from '@berth/wire'
import { inAMonth, money, perHour } from '@berth/wire/money'

export function duration(ms: number | null): string {
  if (ms === null) return ''
  if (ms < 950) return `${Math.max(1, Math.round(ms / 10) * 10)} ms`
  if (ms < 59_500) return `${(ms / 1000).toFixed(1)} s`
  const minutes = Math.round(ms / 60_000)
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** What runs now: 0:41, 4:12, 1:02:03. */
export function elapsed(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  const two = (value: number) => String(value).padStart(2, '0')
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
}

export function ago(at: number, now: number): string {
  return now - at < 60_000 ? 'now' : `${duration(now - at)} ago`
}

export function timeOf(at: number): string {
  return new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hour12: false })
}

export { inAMonth, money, perHour }

/** Of its machine, as it stands. What is awake and free needs no word. */
export function priceNow({ cost }: Pick<Workspace, 'cost'>, asleep: boolean): string {
  if (cost) return perHour(cost) + (asleep ? ' still billed' : '')
  return asleep ? '$0.00/h' : ''
}

/** 12.3 k */
export function shortNumber(number: number): string {
  return number < 1000 ? String(number) : number < 999_500 ? `${(number / 1000).toFixed(number < 9950 ? 1 : 0)} k` : `${(number / 1e6).toFixed(1)} M`
}

/** Where the code is from, as people say it: owner and name, whatever the address or the path before them. */
export function placeOf(repository: string): string {
  const parts = repository.replace(/\/+$/, '').replace(/\.git$/, '').split(/[/:\\]+/).filter((part) => part !== '')
  return parts.slice(-2).join('/')
}

export function plural(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? one : many}`
}
