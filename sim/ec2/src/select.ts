/** Filters and pages, as every Describe has them. */
import type { ListAs } from '@berth/sim-vendor'
import { Refusal } from './model.ts'
import type { Tags } from './model.ts'

export interface Filter { readonly Name?: string; readonly Values?: readonly string[] }
export interface Listed { readonly Filters?: readonly Filter[]; readonly NextToken?: string; readonly MaxResults?: number }

const PAGE = 1000
const LEAST = 5

/** `fields`: what may be asked for beside tags; one the simulator does not know is refused, never passed over. */
export function filtered<T extends object>(all: readonly T[], filters: readonly Filter[], fields: Readonly<Record<string, (item: T) => string | readonly string[]>>): T[] {
  const tagsIn = (item: T): Tags => (item as { readonly tags?: Tags }).tags ?? {} // what has no tags has none
  const tests = filters.map(({ Name = '', Values = [] }) => {
    if (Values.length === 0) throw new Refusal('InvalidParameterValue', `The filter ${Name} has no value`)
    const patterns = Values.map(patternOf)
    const fits = (value: string): boolean => patterns.some((pattern) => pattern.test(value))
    if (Name === 'tag-key') return (item: T) => Object.keys(tagsIn(item)).some(fits)
    if (Name.startsWith('tag:')) {
      const key = Name.slice('tag:'.length)
      return (item: T) => key in tagsIn(item) && fits(tagsIn(item)[key] ?? '')
    }
    const field = fields[Name]
    if (field === undefined) throw new Refusal('InvalidParameterValue', `The filter '${Name}' is invalid`)
    return (item: T) => [field(item)].flat().some(fits)
  })
  return all.filter((item) => tests.every((test) => test(item)))
}

/** `*` and `?`, the rest as it stands. */
const patternOf = (text: string): RegExp => new RegExp(`^${text.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`)

export function paged<T>(all: readonly T[], { NextToken, MaxResults }: Listed, seen: ListAs): { items: T[]; NextToken?: string } {
  if (MaxResults !== undefined && (MaxResults < LEAST || MaxResults > PAGE)) throw new Refusal('InvalidParameterValue', `Value ( ${MaxResults} ) for parameter maxResults is invalid. Expecting a value between ${LEAST} and ${PAGE}.`)
  const from = NextToken === undefined ? 0 : Number(Buffer.from(NextToken, 'base64').toString())
  if (!Number.isInteger(from) || from < 0) throw new Refusal('InvalidNextToken', 'The token is invalid')
  const isRepeated = seen === 'repeated'
  const at = isRepeated ? 0 : from
  const to = at + (MaxResults ?? PAGE)
  const more = isRepeated || to < all.length
  return { items: all.slice(at, to), ...(more ? { NextToken: Buffer.from(String(isRepeated ? 0 : to)).toString('base64') } : {}) }
}
