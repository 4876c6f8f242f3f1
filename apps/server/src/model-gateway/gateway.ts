/**
 * The agent's calls to its model: what the workspace sent goes on with the kept key in place of the placeholder, and the
 * vendor's bytes come back as they are. What they say was used is added up; at the limit nothing more goes on, and what
 * is under way is stopped.
 */
import type { Clock, ModelKeyStore, ModelUsageStore, WorkspaceRow } from '@berth/core'
import { LINK_HTTP } from '@berth/wire/daemon'
import { MODEL_VENDORS, ModelVendor } from '@berth/wire/model-access'
import { costMicrosOf } from '@berth/wire/model-prices'
import type { Log } from '../http/respond.ts'
import { remembered } from '../remembered.ts'
import { askedBy, type AskedCall } from './asked.ts'
import { createLedger, type Ledger, type LedgerCall } from './ledger.ts'
import { answerHeaders, isMetered, isModelCall, lastWords, refusal, requestHeaders } from './routes.ts'
import { createUsageReader, type Used } from './usage.ts'
import { watched } from './watched.ts'

export interface ModelGatewayDeps {
  readonly store: { readonly modelKeys: Pick<ModelKeyStore, 'key'>; readonly modelUsage: Pick<ModelUsageStore, 'add' | 'costMicros'> }
  readonly clock: Clock
  readonly log: Log
}
/** A key that was taken away is in use for so long. */
const REMEMBERED_MS = 2000
/** Above what any vendor takes. */
const BODY_LIMIT = 64 * 1024 * 1024
/** When others under way have ended, or are seen to need less. */
const WAIT_S = 2
type Asking = Pick<WorkspaceRow, 'id' | 'orgId' | 'name'>
export type ModelGateway = (workspace: Asking, request: Request) => Promise<Response>

interface Key { readonly baseUrl: string; readonly key: string; readonly limitMicros: number | null }
interface Call { readonly workspace: Asking; readonly vendor: ModelVendor; readonly path: string; readonly search: string; readonly request: Request; readonly body: Uint8Array | null }
type Deps = ModelGatewayDeps & { readonly ledger: Ledger }

export function createModelGateway(given: ModelGatewayDeps): ModelGateway {
  const { store, clock } = given
  const deps: Deps = { ...given, ledger: createLedger() }
  const keys = remembered<Key | null>({ clock, ms: REMEMBERED_MS, limit: 1000 })
  return async (workspace, request) => {
    const url = new URL(request.url)
    const [vendorName = '', ...rest] = url.pathname.slice(`${LINK_HTTP.model}/`.length).split('/')
    const vendor = ModelVendor.safeParse(vendorName)
    if (!vendor.success) return new Response('no such model vendor\n', { status: 404 })
    const path = `/${rest.join('/')}`
    if (!isModelCall(vendor.data, request.method, path)) return refusal(vendor.data, 404, `Berth passes on no ${request.method} ${path.slice(0, 100)}`)
    const kept = await keys.get(`${workspace.orgId} ${vendor.data}`, () => store.modelKeys.key(workspace.orgId, vendor.data))
    if (kept === null) return refusal(vendor.data, 403, `this server has no key for ${MODEL_VENDORS[vendor.data].title}: berth model-key add ${vendor.data}`)
    const body = request.body === null ? null : await whole(request.body)
    if (body === 'too long') return refusal(vendor.data, 413, 'the request is longer than any model takes')
    // A key in the address is Gemini's other way to say it.
    url.searchParams.delete('key')
    const call: Call = { workspace, vendor: vendor.data, path, search: url.search, request, body }
    return isMetered(request.method, path) ? metered(deps, call, kept) : (await forward(deps, call, kept)).answer
  }
}

/** Within the limit, counted whatever becomes of it. An answer whose usage cannot be written down is still the agent's. */
async function metered(deps: Deps, call: Call, kept: Key): Promise<Response> {
  const { store, clock, log } = deps
  const { workspace, vendor } = call
  const asked = askedBy(vendor, call.path, call.body ?? new Uint8Array())
  const opened = await withinLimit(deps, call, { kept, asked })
  if (opened instanceof Response) return opened
  const note = (used: Used | null): void => {
    if (used === null) return opened?.end()
    opened?.used(used.costMicros)
    store.modelUsage.add({ ...used, workspaceId: workspace.id, vendor }, clock.now()).catch((error: unknown) => log(`${workspace.id}: usage was not written down: ${String(error)}`)).finally(() => opened?.end())
  }
  const { answer, sent } = await forward(deps, call, kept)
  const reader = createUsageReader({ vendor, contentType: answer.headers.get('content-type') ?? '', asked, now: () => clock.now() })
  // Refused, or never reached: nothing was used. Who left before the answer came has asked all the same.
  if (!answer.ok || answer.body === null) {
    note(sent && call.request.signal.aborted ? reader.end(true) : null)
    return answer
  }
  const look = (bytes: Uint8Array): Uint8Array | null => {
    reader.read(bytes)
    if (opened === null) return null
    opened.used(reader.soFar().costMicros)
    const over = opened.over()
    return over === null ? null : new TextEncoder().encode(lastWords(vendor, usedUp(over.limitMicros, vendor)))
  }
  return new Response(watched(answer.body, { look, ended: (broken) => note(reader.end(broken)) }), { status: answer.status, headers: answer.headers })
}

async function withinLimit({ store, ledger }: Deps, { workspace, vendor }: Call, { kept, asked }: { kept: Key; asked: AskedCall }): Promise<LedgerCall | Response | null> {
  if (kept.limitMicros === null) return null
  const worst = costMicrosOf(asked.model, { input: asked.inputTokens, output: asked.maxOutputTokens, cacheRead: 0, cacheWrite: 0 }) ?? 0
  const opened = await ledger.open([{ key: workspace.id, limitMicros: kept.limitMicros, spent: () => store.modelUsage.costMicros(workspace.id) }], worst)
  if ('call' in opened) return opened.call
  if (opened.refused === 'stop') return refusal(vendor, 403, usedUp(opened.by.limitMicros, vendor))
  const wait = refusal(vendor, 429, `calls under way may use what is left of ${dollars(opened.by.limitMicros)}; ask again when they have ended`)
  wait.headers.set('retry-after', String(WAIT_S))
  return wait
}
const dollars = (micros: number): string => `$${(micros / 1e6).toFixed(2)}`
const usedUp = (limitMicros: number, vendor: ModelVendor): string => `this workspace has used what it may, ${dollars(limitMicros)}; a person can raise it with berth model-key add ${vendor} --limit`

/** `sent`: the vendor may have begun to work on it. */
async function forward({ log }: Deps, { workspace, vendor, path, search, request, body }: Call, kept: Key): Promise<{ answer: Response; sent: boolean }> {
  const { title } = MODEL_VENDORS[vendor]
  const answer = await fetch(`${kept.baseUrl}${path}${search}`, {
    method: request.method, headers: requestHeaders(vendor, request.headers, kept.key), body: body as Uint8Array<ArrayBuffer> | null, redirect: 'manual', signal: request.signal,
  }).catch((cause: unknown) => { log(`${workspace.id}: ${title}: ${cause instanceof Error ? cause.message : String(cause)}`); return null })
  if (answer === null) return { answer: refusal(vendor, 502, `${title} cannot be reached from the server`), sent: true }
  if (answer.status >= 300 && answer.status < 400) return { answer: refusal(vendor, 502, `${title} led elsewhere, where the key does not go`), sent: false }
  return { answer: new Response(answer.body, { status: answer.status, headers: answerHeaders(answer.headers) }), sent: true }
}

async function whole(body: ReadableStream<Uint8Array>): Promise<Uint8Array | 'too long'> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of body) {
    size += piece.length
    if (size > BODY_LIMIT) return 'too long'
    pieces.push(piece)
  }
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)
}
