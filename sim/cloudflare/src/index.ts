/**
 * Cloudflare's DNS to test against: zones and records over HTTP, closed to what their client's types do not have, with
 * their codes of refusal, tokens for one zone or more, pages, and faults by script.
 */
import { ChangeRecord, ListRecords, ListZones, NewRecord, type SimRecord, type SimZone } from './described.ts'

export type { SimRecord } from './described.ts'

/** Of the next request that `of` matches (`POST /zones/…`), once. */
export type Fault =
  | { readonly kind: 'answer'; readonly of: RegExp; readonly status: number; readonly code?: number; readonly retryAfter?: number; /** It is done all the same. */ readonly committed?: true }
  /** The answer breaks off in the middle; `committed`: after it was done. */
  | { readonly kind: 'lost'; readonly of: RegExp; readonly committed: boolean }
  /** Every page of the list is its first one, or says there are no others, or leaves out the last of its items. */
  | { readonly kind: 'pages'; readonly of: RegExp; readonly as: 'repeated' | 'truncated' | 'endless' }

export interface CloudflareSim {
  readonly url: string
  readonly requests: string[]
  zone(name: string): SimZone
  /** `zones`: those that it may edit; absent: all. */
  token(zones?: readonly SimZone[]): string
  revoke(token: string): void
  records(): readonly SimRecord[]
  /** As a person makes one by hand. */
  put(zone: SimZone, record: NewRecord): SimRecord
  fault(fault: Fault): void
  stop(): Promise<void>
}

interface Kept extends SimRecord { readonly zone: string }
interface Answer { readonly status: number; readonly body: unknown }
const HEX = (): string => crypto.randomUUID().replaceAll('-', '')

export function startCloudflare(): CloudflareSim {
  const zones = new Map<string, SimZone>()
  const tokens = new Map<string, readonly SimZone[] | null>()
  const records = new Map<string, Kept>()
  const requests: string[] = []
  const faults: Fault[] = []
  const world = { zones, records }

  const server = Bun.serve({
    port: 0, hostname: '127.0.0.1', idleTimeout: 10,
    async fetch(request) {
      const url = new URL(request.url)
      const asked = `${request.method} ${url.pathname.replace(/^\/client\/v4/, '')}`
      requests.push(`${asked}${url.search}`)
      const fault = faultOf(asked)
      if (fault !== null && fault.kind !== 'pages' && fault.committed !== true) return inPlaceOf(fault)
      const answer = await answered(request, url, fault?.kind === 'pages' ? fault.as : null)
      return fault === null || fault.kind === 'pages' ? Response.json(answer.body, { status: answer.status }) : inPlaceOf(fault)
    },
  })
  /** Used up by being met, but for lists that lie. */
  function faultOf(asked: string): Fault | null {
    const index = faults.findIndex(({ of }) => of.test(asked))
    const fault = faults[index] ?? null
    if (fault !== null && fault.kind !== 'pages') faults.splice(index, 1)
    return fault
  }
  async function answered(request: Request, url: URL, pages: Asked['pages']): Promise<Answer> {
    const token = /^Bearer (\S+)$/.exec(request.headers.get('authorization') ?? '')?.[1] ?? ''
    if (!tokens.has(token)) return refuse(403, 10000, 'Authentication error')
    return answerTo(world, { request, url, allowed: tokens.get(token) ?? null, pages })
  }
  const insert = (zone: SimZone, record: NewRecord): Kept => {
    const kept = recordOf(zone, record)
    records.set(kept.id, kept)
    return kept
  }
  return {
    url: `http://127.0.0.1:${server.port}/client/v4`, requests,
    zone(name) {
      const zone = { id: HEX(), name }
      zones.set(zone.id, zone)
      return zone
    },
    token(of) {
      const token = `v1.0-${HEX()}`
      tokens.set(token, of ?? null)
      return token
    },
    revoke: (token) => void tokens.delete(token),
    records: () => [...records.values()].map(shownOf),
    put: (zone, record) => shownOf(insert(zone, NewRecord.parse(record))),
    fault: (fault) => void faults.push(fault),
    stop: () => server.stop(true),
  }
}

const inPlaceOf = (fault: Exclude<Fault, { kind: 'pages' }>): Response => (fault.kind === 'lost' ? broken() : refusedBy(fault))
function refusedBy({ status, code, retryAfter }: Extract<Fault, { kind: 'answer' }>): Response {
  const { body } = refuse(status, code ?? 10_000 + status, 'by script')
  return Response.json(body, { status, headers: retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) } })
}
/** An answer whose body breaks off. */
const broken = (): Response => new Response('{"success":tr', { headers: { 'content-type': 'application/json' } })

function recordOf(zone: SimZone, { name, comment, ...record }: NewRecord): Kept {
  const now = new Date().toISOString()
  const full = name === '@' ? zone.name : name.endsWith(zone.name) ? name.toLowerCase() : `${name}.${zone.name}`.toLowerCase()
  const proxiable = record.type !== 'TXT'
  return {
    id: HEX(), zone: zone.id, type: record.type, name: full, content: record.content, ttl: record.proxied === true ? 1 : record.ttl, proxied: record.proxied ?? false, proxiable,
    ...(comment === undefined ? {} : { comment }), created_on: now, modified_on: now, meta: {}, settings: {}, tags: [],
  }
}

interface Asked { readonly request: Request; readonly url: URL; readonly allowed: readonly SimZone[] | null; readonly pages: 'repeated' | 'truncated' | 'endless' | null }
interface World { readonly zones: Map<string, SimZone>; readonly records: Map<string, Kept> }

async function answerTo(world: World, asked: Asked): Promise<Answer> {
  const { request, url, allowed } = asked
  const path = url.pathname.replace(/^\/client\/v4/, '')
  const sees = (zone: SimZone): boolean => allowed === null || allowed.some(({ id }) => id === zone.id)
  if (path === '/zones' && request.method === 'GET') return listZones([...world.zones.values()].filter(sees), asked)
  const at = /^\/zones\/([0-9a-f]{32})\/dns_records(?:\/([0-9a-f]{32}))?$/.exec(path)
  const zone = world.zones.get(at?.[1] ?? '')
  if (at === null) return refuse(404, 7000, 'No route for that URI')
  if (zone === undefined || !sees(zone)) return refuse(403, 10000, 'Authentication error')
  return at[2] === undefined ? ofZone(world, zone, asked) : ofRecord(world, { zone, id: at[2] }, request)
}

async function ofZone(world: World, zone: SimZone, asked: Asked): Promise<Answer> {
  const { request, url } = asked
  if (request.method === 'GET') return listRecords([...world.records.values()].filter((record) => record.zone === zone.id), asked)
  if (request.method !== 'POST' || url.search !== '') return refuse(405, 10405, 'Method not allowed')
  const parsed = NewRecord.safeParse(await request.json().catch(() => null))
  if (!parsed.success) return refuse(400, 9005, parsed.error.message)
  return store(world, recordOf(zone, parsed.data))
}

async function ofRecord(world: World, at: { zone: SimZone; id: string }, request: Request): Promise<Answer> {
  const record = world.records.get(at.id)
  if (record?.zone !== at.zone.id) return refuse(404, 81044, 'Record does not exist.')
  if (request.method === 'GET') return given(record)
  if (request.method === 'DELETE') {
    world.records.delete(at.id)
    return { status: 200, body: { success: true, errors: [], messages: [], result: { id: at.id } } }
  }
  if (request.method !== 'PATCH') return refuse(405, 10405, 'Method not allowed')
  const change = ChangeRecord.safeParse(await request.json().catch(() => null))
  if (!change.success) return refuse(400, 9005, change.error.message)
  const { type, name, content, ttl, proxied, comment } = { ...record, ...change.data }
  const whole = NewRecord.safeParse({ type, name, content, ttl, proxied, ...(comment === undefined ? {} : { comment }) })
  if (!whole.success) return refuse(400, 9005, whole.error.message)
  return store(world, { ...recordOf(at.zone, whole.data), id: record.id, created_on: record.created_on })
}

/** Their rules of what may stand beside what. */
function store(world: World, record: Kept): Answer {
  const beside = [...world.records.values()].filter(({ id, zone, name }) => id !== record.id && zone === record.zone && name === record.name)
  if (beside.some(({ type, content }) => type === record.type && content === record.content)) return refuse(400, 81058, 'An identical record already exists.')
  const hosts = ['A', 'AAAA', 'CNAME']
  if (hosts.includes(record.type) && beside.some(({ type }) => hosts.includes(type) && (type === 'CNAME' || record.type === 'CNAME'))) return refuse(400, 81053, 'An A, AAAA, or CNAME record with that host already exists.')
  if (record.proxied && !record.proxiable) return refuse(400, 9004, 'This record type cannot be proxied.')
  world.records.set(record.id, record)
  return given(record)
}

function shownOf(kept: Kept): SimRecord {
  const record: SimRecord & { zone?: string } = { ...kept }
  delete record.zone
  return record
}
const given = (record: Kept): Answer => ({ status: 200, body: { success: true, errors: [], messages: [], result: shownOf(record) } })
const refuse = (status: number, code: number, message: string): Answer => ({ status, body: { success: false, errors: [{ code, message }], messages: [], result: null } })

function listZones(zones: readonly SimZone[], asked: Asked): Answer {
  const query = ListZones.safeParse(Object.fromEntries(asked.url.searchParams))
  if (!query.success) return refuse(400, 6003, query.error.message)
  const found = zones.filter(({ name }) => query.data.name === undefined || name === query.data.name)
  return paged(found.map(({ id, name }) => ({ id, name, status: 'active', paused: false, type: 'full' })), query.data, asked.pages)
}

function listRecords(records: readonly Kept[], asked: Asked): Answer {
  const query = ListRecords.safeParse(Object.fromEntries(asked.url.searchParams))
  if (!query.success) return refuse(400, 6003, query.error.message)
  const tests = Object.entries(query.data).flatMap(([key, value]) => (typeof value === 'string' ? [{ key, value }] : []))
  const fits = (record: Kept): boolean => tests.every(({ key, value }) => fitsOne(record, key, value))
  return paged(records.filter(fits).map(shownOf), query.data, asked.pages)
}

function fitsOne(record: Kept, key: string, value: string): boolean {
  const [field = '', how = 'exact'] = key.split('.')
  if (field === 'type') return record.type === value
  if (field === 'proxied') return String(record.proxied) === value
  if (!['comment', 'content', 'name'].includes(field)) return true
  const text = String(record[field as 'comment' | 'content' | 'name'] ?? '').toLowerCase()
  const wanted = value.toLowerCase()
  switch (how) {
    case 'startswith': return text.startsWith(wanted)
    case 'endswith': return text.endsWith(wanted)
    case 'contains': return text.includes(wanted)
    case 'absent': return text === ''
    case 'present': return text !== ''
    default: return text === wanted
  }
}

function paged(items: readonly unknown[], { page, per_page: size }: { page: number; per_page: number }, trap: Asked['pages']): Answer {
  const at = trap === 'repeated' || trap === 'endless' ? 1 : page
  const all = items.slice((at - 1) * size, at * size)
  const shown = trap === 'truncated' ? all.slice(0, -1) : all
  const pages = trap === 'endless' || trap === 'repeated' ? page + 1 : Math.max(1, Math.ceil(items.length / size))
  return { status: 200, body: { success: true, errors: [], messages: [], result: shown, result_info: { page, per_page: size, count: shown.length, total_count: items.length, total_pages: pages } } }
}
