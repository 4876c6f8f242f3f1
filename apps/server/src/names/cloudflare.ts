/**
 * The few calls to Cloudflare's DNS that names need: https://developers.cloudflare.com/api/resources/dns. A list is
 * whole or refused: nothing is decided on half of one. Nothing is tried again here.
 */
import { BerthError } from '@berth/wire'
import { z } from 'zod'

export const DnsRecord = z.object({
  id: z.string(), type: z.string(), name: z.string(), content: z.string(), ttl: z.number(),
  proxied: z.boolean().optional(), comment: z.string().nullish(),
})
export type DnsRecord = z.infer<typeof DnsRecord>
export interface NewRecord { readonly type: 'A' | 'AAAA' | 'CNAME' | 'TXT'; readonly name: string; readonly content: string; readonly ttl: number; readonly proxied?: boolean; readonly comment: string }

export interface Cloudflare {
  /** Of the zone that a name is in. */
  zoneOf(name: string, signal: AbortSignal): Promise<string>
  records(zone: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<DnsRecord[]>
  /** One that is there already with the same content is `conflict`. */
  create(zone: string, record: NewRecord, signal: AbortSignal): Promise<DnsRecord>
  update(zone: string, at: { readonly id: string; readonly change: Pick<NewRecord, 'content' | 'ttl' | 'proxied'> }, signal: AbortSignal): Promise<DnsRecord>
  /** One that is gone is no fault. */
  remove(zone: string, id: string, signal: AbortSignal): Promise<void>
}

export interface CloudflareOptions {
  /** Read anew for each call. A secret; null: there is none. */
  token(): string | null
  /** Of the one zone that the token is for; else it is looked up. */
  readonly zone?: string
  readonly endpoint?: string
  readonly fetch?: (request: Request) => Promise<Response>
}

const ENDPOINT = 'https://api.cloudflare.com/client/v4'
const CALL_WITHIN_MS = 30_000
const PER_PAGE = 100
const PAGES_AT_MOST = 100
const ANSWER_LIMIT = 4 * 1024 * 1024
const TEXT_SHOWN = 300

const Envelope = z.object({
  success: z.boolean(),
  errors: z.array(z.object({ code: z.number(), message: z.string() })).default([]),
  result: z.unknown(),
  result_info: z.object({ page: z.number(), total_pages: z.number().optional(), total_count: z.number().optional() }).optional(),
})
type Envelope = z.infer<typeof Envelope>

/** `81044`: no such record. `81053` and the others: one is there already. */
const GONE = 81044
const TAKEN = [81053, 81054, 81055, 81056, 81057, 81058]

export function createCloudflare(options: CloudflareOptions): Cloudflare {
  const zones = new Map<string, string>()
  const call = callerFor(options)

  async function list<S extends z.ZodType<{ id: string }>>(schema: S, at: { path: string; query: Readonly<Record<string, string>>; what: string }, signal: AbortSignal): Promise<z.infer<S>[]> {
    const seen = new Map<string, z.infer<S>>()
    for (let page = 1; page <= PAGES_AT_MOST; page++) {
      const { result, result_info: info } = await call({ path: at.path, query: { ...at.query, page: String(page), per_page: String(PER_PAGE) }, what: at.what }, signal)
      const items = z.array(schema).safeParse(result)
      if (!items.success || (info !== undefined && info.page !== page)) throw partial(at.what, `page ${page} is not as described`)
      const before = seen.size
      for (const item of items.data) seen.set(item.id, item)
      // An automatic pager of theirs would go round for ever.
      if (items.data.length > 0 && seen.size === before) throw partial(at.what, 'its pages repeat')
      if (items.data.length === 0 || page >= (info?.total_pages ?? 1)) return wholeOf([...seen.values()], info?.total_count ?? 0, at.what)
    }
    throw partial(at.what, 'its pages have no end')
  }

  async function lookUpZone(name: string, signal: AbortSignal): Promise<string> {
    for (let domain = name; domain.includes('.'); domain = domain.slice(domain.indexOf('.') + 1)) {
      const [zone] = await list(z.object({ id: z.string(), name: z.string() }), { path: '/zones', query: { name: domain }, what: `looking for the zone ${domain}` }, signal)
      if (zone?.name === domain) return zone.id
    }
    throw new BerthError('config_invalid', `the token of Cloudflare sees no zone for ${name}`, { hint: 'give it Zone:Read and DNS:Edit on that zone, or name the zone in names.cloudflare.zone' })
  }

  const recordsPath = (zone: string, id = ''): string => `/zones/${encodeURIComponent(zone)}/dns_records${id === '' ? '' : `/${encodeURIComponent(id)}`}`
  return {
    async zoneOf(name, signal) {
      const bare = name.replace(/^\*\./, '')
      const known = options.zone ?? zones.get(bare) ?? await lookUpZone(bare, signal)
      zones.set(bare, known)
      return known
    },
    records: (zone, query, signal) => list(DnsRecord, { path: recordsPath(zone), query, what: 'listing DNS records' }, signal),
    create: async (zone, record, signal) => readRecord(await call({ method: 'POST', path: recordsPath(zone), body: record, what: `writing the ${record.type} record ${record.name}` }, signal)),
    update: async (zone, { id, change }, signal) => readRecord(await call({ method: 'PATCH', path: recordsPath(zone, id), body: change, what: 'changing a DNS record' }, signal)),
    async remove(zone, id, signal) {
      await call({ method: 'DELETE', path: recordsPath(zone, id), what: 'removing a DNS record' }, signal).catch((error: unknown) => {
        if (error instanceof BerthError && error.code === 'not_found') return
        throw error
      })
    },
  }
}

function readRecord({ result }: Envelope): DnsRecord {
  const record = DnsRecord.safeParse(result)
  if (record.success) return record.data
  throw new BerthError('provider_unavailable', 'Cloudflare answered with no record', { hint: 'it is tried again' })
}

function wholeOf<T>(items: T[], total: number, what: string): T[] {
  if (total > items.length) throw partial(what, `${items.length} of ${total}`)
  return items
}

function partial(what: string, why: string): BerthError {
  return new BerthError('provider_unavailable', `${what}: the list of Cloudflare is not whole (${why})`, { hint: 'nothing was changed; it is tried again' })
}

interface Call { readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'; readonly path: string; readonly query?: Readonly<Record<string, string>>; readonly body?: unknown; readonly what: string }

function callerFor({ token, endpoint = ENDPOINT, fetch = globalThis.fetch }: CloudflareOptions): (call: Call, signal: AbortSignal) => Promise<Envelope> {
  return async ({ method = 'GET', path, query, body, what }, signal) => {
    signal.throwIfAborted()
    const secret = token()
    if (secret === null) throw new BerthError('config_invalid', 'there is no token for Cloudflare', { hint: 'put one with DNS:Edit on the zone into CLOUDFLARE_API_TOKEN, or a file named in names.cloudflare.tokenFile' })
    const url = `${endpoint}${path}${query === undefined ? '' : `?${new URLSearchParams(query)}`}`
    let status = 0
    let text: string
    let headers: Headers
    try {
      const answer = await fetch(new Request(url, {
        method, redirect: 'error', signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_WITHIN_MS)]), ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        headers: { authorization: `Bearer ${secret}`, 'user-agent': 'berth', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      }))
      ;({ status, headers } = answer)
      text = (await answer.text()).slice(0, ANSWER_LIMIT)
    } catch (cause) {
      signal.throwIfAborted()
      throw new BerthError('provider_unavailable', `${what}: Cloudflare does not answer`, { hint: 'it is tried again; www.cloudflarestatus.com says whether they have trouble', cause })
    }
    const envelope = Envelope.safeParse(jsonOf(text))
    if (status < 400 && envelope.success && envelope.data.success) return envelope.data
    throw refused(what, { status, retryAfter: headers.get('retry-after'), errors: envelope.success ? envelope.data.errors : [] })
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function refused(what: string, { status, retryAfter, errors }: { status: number; retryAfter: string | null; errors: readonly { code: number; message: string }[] }): BerthError {
  const [first] = errors
  const said = `${what}: Cloudflare refused with ${status}${first === undefined ? '' : `, ${first.code} ${first.message.slice(0, TEXT_SHOWN)}`}`
  if (status < 400) return new BerthError('provider_unavailable', `${what}: Cloudflare answered what cannot be read`, { hint: 'it is tried again' })
  if (status === 429) return new BerthError('too_many', said, { hint: 'it goes on by itself', details: { retryAfterMs: Number(retryAfter) * 1000 || null } })
  if (status >= 500) return new BerthError('provider_unavailable', said, { hint: 'it is tried again; www.cloudflarestatus.com says whether they have trouble' })
  if (status === 404 || first?.code === GONE) return new BerthError('not_found', said, { hint: 'it was removed meanwhile' })
  if (first !== undefined && TAKEN.includes(first.code)) return new BerthError('conflict', said, { hint: 'a record of that name is there already' })
  if (status === 401 || status === 403 || first?.code === 10000) return new BerthError('config_invalid', said, { hint: 'the token needs Zone:Read and DNS:Edit on that zone; it may have been revoked' })
  return new BerthError('provider_unavailable', said, { hint: 'see the log of the server' })
}
