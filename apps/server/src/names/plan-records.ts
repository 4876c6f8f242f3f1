/**
 * Which DNS records are to be made and removed, so that those of ours are those that are wanted. A record is ours when its
 * comment begins with our mark; what anybody else made is left as it is, also where it has a name that we want.
 */
import type { DnsRecord, NewRecord } from './cloudflare.ts'

export interface RecordPlan {
  readonly create: readonly NewRecord[]
  readonly update: readonly { readonly id: string; readonly change: Pick<NewRecord, 'content' | 'ttl' | 'proxied'> }[]
  readonly remove: readonly string[]
  /** Wanted names that somebody else's record has. */
  readonly taken: readonly string[]
}

export function planRecords(wanted: readonly NewRecord[], found: readonly DnsRecord[], mark: string): RecordPlan {
  const ours = found.filter(({ comment }) => comment?.startsWith(mark) === true)
  const foreign = new Set(found.filter((record) => !ours.includes(record) && HOSTS.has(record.type)).map(({ name }) => name))
  const plan = { create: [] as NewRecord[], update: [] as RecordPlan['update'][number][], taken: [] as string[] }
  const kept = new Set<string>()
  for (const want of wanted) {
    const have = ours.find(({ name, type, id }) => name === want.name && type === want.type && !kept.has(id))
    if (have !== undefined) {
      kept.add(have.id)
      if (have.content !== want.content || (have.proxied ?? false) !== (want.proxied ?? false)) plan.update.push({ id: have.id, change: { content: want.content, ttl: want.ttl, ...(want.proxied === undefined ? {} : { proxied: want.proxied }) } })
    } else if (foreign.has(want.name)) plan.taken.push(want.name)
    else plan.create.push(want)
  }
  return { ...plan, remove: ours.filter(({ id, type }) => !kept.has(id) && HOSTS.has(type)).map(({ id }) => id) }
}
/** TXT records of ours are an authority's, and go by themselves. */
const HOSTS = new Set(['A', 'AAAA', 'CNAME'])
