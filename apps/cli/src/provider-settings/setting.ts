/** What one option of `berth provider setup` is to one provider, and how its text is read. */
import { BerthError } from '@berth/wire/error'
import type { Context } from '../context.ts'

export interface Setting {
  /** As the server reads it in `<home>/providers/<name>.yaml`. */
  readonly key: string
  /** What stands for the value in the help. */
  readonly value: string
  readonly help: string
  /** May be given several times. All providers that have the option say the same. */
  readonly multiple?: true
  /** Checked here, because a server that meets a wrong setting does not start. */
  read(text: string, option: string): SettingValue
}
export type SettingValue = string | number | readonly (string | number)[]
/** Keys as the server reads them. */
export type Settings = Readonly<Record<string, SettingValue>>
/** Looks at what is `given` beside what was set `before`, and answers what of it is kept. */
export type Prepare = (context: Context, settings: { readonly given: Settings; readonly before: Readonly<Record<string, unknown>> }) => Promise<Settings>
/** By option. */
export type ProviderSettings = Readonly<Record<string, Setting>>

export const oneOf = (...words: readonly string[]) => (text: string, option: string): string => {
  if (words.includes(text)) return text
  throw new BerthError('bad_request', `--${option} takes ${words.join(' or ')}, not "${text}"`)
}
export const some = (what: string, fits: RegExp) => (text: string, option: string): string => {
  if (fits.test(text)) return text
  throw new BerthError('bad_request', `--${option} takes ${what}, not "${text}"`)
}
export const numberFrom = (least: number, most: number, what = `${least} to ${most}`) => (text: string, option: string): number => {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : -1
  if (number >= least && number <= most) return number
  throw new BerthError('bad_request', `--${option} takes ${what}, not "${text}"`)
}
/** A program with its words: one path, or JSON where there are more. */
export const words = (text: string, option: string): readonly string[] => {
  const read = text.startsWith('[') ? jsonIn(text) : [text]
  if (Array.isArray(read) && read.length <= 64 && read.every((word) => typeof word === 'string' && word.length > 0) && read[0]?.startsWith('/')) return read
  throw new BerthError('bad_request', `--${option} takes the absolute path of a program, or it and its words as JSON, not "${text}"`, { hint: `--${option} '["/opt/machines.py", "/var/lib/machines"]'` })
}
const jsonIn = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
/** Per hour, as integer micro-units. */
export const price = (text: string, option: string): number => {
  if (/^\d{1,5}(\.\d{1,6})?$/.test(text)) return Math.round(Number(text) * 1_000_000)
  throw new BerthError('bad_request', `--${option} takes a price per hour such as 0.045, not "${text}"`)
}
export const image = some('the name of an image', /^[\w./:@-]+$/)
export const absolutePath = some('an absolute path', /^\//)
export const port = numberFrom(1, 65_535, 'a port')
export const hostWithPort = some('a host, or host:port', /^[\w.:[\]-]+$/)
