/** Label selectors and pages, as every list of the API has them. */
import { Refusal } from './model.ts'

const PAGE_LIMIT = 50

/** `k`, `!k`, `k==v`, `k=v`, `k!=v`, `k in (a,b)`, `k notin (a,b)`, joined by commas. */
export function matcherOf(selector: string | undefined): (labels: Readonly<Record<string, string>>) => boolean {
  if (selector === undefined || selector === '') return () => true
  const tests = selector.split(/,(?![^(]*\))/).map((each) => testOf(each.trim()))
  return (labels) => tests.every((test) => test(labels))
}

function testOf(text: string): (labels: Readonly<Record<string, string>>) => boolean {
  const among = /^(\S+) (not)?in \(([^)]*)\)$/.exec(text)
  if (among !== null) {
    const [, key = '', not, list = ''] = among
    const values = new Set(list.split(',').map((each) => each.trim()))
    return (labels) => values.has(labels[key] ?? '') === (not === undefined)
  }
  const equal = /^([^=!\s]+)\s*(==|=|!=)\s*(\S*)$/.exec(text)
  if (equal !== null) {
    const [, key = '', operator, value] = equal
    return (labels) => (labels[key] === value) === (operator !== '!=')
  }
  const alone = /^(!?)([^=!\s()]+)$/.exec(text)
  if (alone === null) throw new Refusal(422, 'invalid_input', `invalid label selector: ${text}`)
  const [, not, key = ''] = alone
  return (labels) => key in labels === (not === '')
}

export interface Page { readonly page: number; readonly perPage: number }
export function pageOf(query: Readonly<Record<string, unknown>>): Page {
  const [page, perPage] = [Number(query['page'] ?? 1), Number(query['per_page'] ?? 25)]
  if (page < 1 || perPage < 1) throw new Refusal(422, 'invalid_input', 'page and per_page begin with 1')
  return { page, perPage: Math.min(perPage, PAGE_LIMIT) }
}

export function paged<T>(all: readonly T[], { page, perPage }: Page): { items: T[]; meta: Record<string, unknown> } {
  const pages = Math.max(1, Math.ceil(all.length / perPage))
  return {
    items: all.slice((page - 1) * perPage, page * perPage),
    meta: { pagination: { page, per_page: perPage, previous_page: page > 1 ? page - 1 : null, next_page: page < pages ? page + 1 : null, last_page: pages, total_entries: all.length } },
  }
}
