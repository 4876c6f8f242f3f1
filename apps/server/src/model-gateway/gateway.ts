/**
 * The agent's calls to its model: what the workspace sent goes on with a kept key in place of the placeholder, and the
 * vendor's bytes come back as they are. A key that is refused before a byte came back makes way for the next one. What
 * answers say was used is added up; at the limit nothing more goes on, and what is under way is stopped.
 */
import { assumedMicros } from '@berth/core'
import type { KeptModelKey, ModelKeyStore, ModelUsageStore, SessionStore, WorkspaceRow } from '@berth/core'
import { SessionId } from '@berth/wire'
import { LINK_HTTP, MODEL_SESSION_PREFIX } from '@berth/wire/daemon'
import { MODEL_VENDORS, ModelVendor } from '@berth/wire/model-access'
import { costMicrosOf } from '@berth/wire/model-prices'
import { askedBy, type AskedCall } from './asked.ts'
import { wholeBody } from '../whole-body.ts'
import { createBudgets, type Account, type BudgetDeps, type Budgets } from './budgets.ts'
import { createKeys, type Keys } from './keys.ts'
import { createLedger, type Ledger, type LedgerCall } from './ledger.ts'
import { answerHeaders, isMetered, isModelCall, lastWords, refusal, requestHeaders } from './routes.ts'
import { createSessionsOf } from './sessions.ts'
import { createUsageReader, type Used } from './usage.ts'
import { watched } from './watched.ts'
import { messageOf } from '../thrown.ts'

export interface ModelGatewayDeps extends Omit<BudgetDeps, 'store'> {
  readonly store: BudgetDeps['store'] & { readonly modelKeys: Pick<ModelKeyStore, 'inOrder' | 'renewLogin'>; readonly modelUsage: Pick<ModelUsageStore, 'add' | 'costMicros' | 'monthMicros'>; readonly sessions: Pick<SessionStore, 'list'> }
}
/** Above what any vendor takes. */
const BODY_LIMIT = 64 * 1024 * 1024
/** When others under way have ended, or are seen to need less. */
const WAIT_S = 2
export type Asking = Pick<WorkspaceRow, 'id' | 'orgId' | 'creatorId' | 'sessionId' | 'name'>
export type ModelGateway = (workspace: Asking, request: Request) => Promise<Response>

interface Call {
  readonly workspace: Asking
  readonly sessionId: SessionId
  readonly vendor: ModelVendor
  readonly path: string
  readonly search: string
  readonly request: Request
  readonly body: Uint8Array | null
}
type Deps = ModelGatewayDeps & { readonly ledger: Ledger; readonly keys: Keys; readonly budgets: Budgets }
interface Sent { readonly answer: Response; readonly key: KeptModelKey | null; /** The vendor may have begun to work on it. */ readonly sent: boolean }

export function createModelGateway(given: ModelGatewayDeps): ModelGateway {
  const deps: Deps = { ...given, ledger: createLedger(), keys: createKeys({ ...given, store: given.store.modelKeys }), budgets: createBudgets(given) }
  const sessionOf = createSessionsOf(given.store.sessions)
  return async (workspace, request) => {
    const url = new URL(request.url)
    const given = url.pathname.slice(`${LINK_HTTP.model}/`.length).split('/')
    const said = given[0]?.startsWith(MODEL_SESSION_PREFIX) === true ? SessionId.safeParse(given.shift()?.slice(MODEL_SESSION_PREFIX.length)).data ?? null : null
    const [vendorName = '', ...rest] = given
    const vendor = ModelVendor.safeParse(vendorName)
    if (!vendor.success) return new Response('no such model vendor\n', { status: 404 })
    const path = `/${rest.join('/')}`
    // Codex asks for a WebSocket first. This answer makes it go on without one at once; any other makes it ask seven times.
    if (request.method === 'GET' && vendor.data === 'openai' && path === '/v1/responses') return new Response('this server speaks HTTP here\n', { status: 426 })
    if (!isModelCall(vendor.data, request.method, path)) return refusal(vendor.data, 404, `Berth passes on no ${request.method} ${path.slice(0, 100)}`)
    const { limitMicros, keys } = await deps.keys.of(workspace, vendor.data)
    if (keys.length === 0) return refusal(vendor.data, 403, `this server has no key for ${MODEL_VENDORS[vendor.data].title}: berth model-key add ${vendor.data}`)
    const body = request.body === null ? null : await wholeBody(request.body, BODY_LIMIT)
    if (body === 'too long') return refusal(vendor.data, 413, 'the request is longer than any model takes')
    // A key in the address is Gemini's other way to say it.
    url.searchParams.delete('key')
    const call: Call = { workspace, sessionId: await sessionOf(workspace, said), vendor: vendor.data, path, search: url.search, request, body }
    return isMetered(request.method, path) ? metered(deps, call, { keys, limitMicros }) : (await send(deps, call, keys)).answer
  }
}

/** Within the limits, counted whatever becomes of it. An answer whose usage cannot be written down is still the agent's. */
async function metered(deps: Deps, call: Call, { keys, limitMicros }: { keys: readonly KeptModelKey[]; limitMicros: number | null }): Promise<Response> {
  const { store, clock, log } = deps
  const { workspace, sessionId, vendor } = call
  const asked = askedBy(vendor, call.path, call.body ?? new Uint8Array())
  const opened = await withinLimits(deps, call, { limitMicros, asked })
  if (opened instanceof Response) return opened
  const { answer, key, sent } = await send(deps, call, keys)
  const reader = createUsageReader({ vendor, contentType: answer.headers.get('content-type') ?? '', asked, now: () => clock.now() })
  const note = (used: Used | null, estimated: boolean): void => {
    if (used === null) return opened.call.end()
    const unpricedTokens = unpriced(used)
    opened.call.used(used.costMicros + assumedMicros(unpricedTokens))
    store.modelUsage.add({ ...used, orgId: workspace.orgId, workspaceId: workspace.id, userId: workspace.creatorId, sessionId, keyName: key?.name ?? null, estimated: estimated ? 1 : 0, unpricedTokens, vendor }, clock.now())
      .then(() => deps.budgets.look(workspace))
      .catch((error: unknown) => log(`${workspace.id}: usage was not written down: ${String(error)}`)).finally(() => opened.call.end())
  }
  // Refused, or never reached: nothing was used. Who left before the answer came has asked all the same.
  if (!answer.ok || answer.body === null) {
    const left = sent && call.request.signal.aborted
    note(left ? reader.end(true) : null, left)
    return answer
  }
  const look = (bytes: Uint8Array): Uint8Array | null => {
    reader.read(bytes)
    if (opened.accounts.length === 0) return null
    const used = reader.soFar()
    opened.call.used(used.costMicros + assumedMicros(unpriced(used)))
    const over = opened.call.over()
    const account = over === null ? undefined : opened.accounts.find(({ key: its }) => its === over.key)
    return account === undefined ? null : new TextEncoder().encode(lastWords(vendor, usedUp(account)))
  }
  return new Response(watched(answer.body, { look, ended: (broken) => note(reader.end(broken), broken) }), { status: answer.status, headers: answer.headers })
}

/** As it was used: a model may have a price, and a long request of it none. */
function unpriced({ model, inputTokens: input, outputTokens: output, cacheReadTokens: cacheRead, cacheWriteTokens: cacheWrite }: Used): number {
  return costMicrosOf(model, { input, output, cacheRead, cacheWrite }) !== null ? 0 : input + output + cacheRead + cacheWrite
}

async function withinLimits({ ledger, budgets }: Deps, { workspace, vendor }: Call, { limitMicros, asked }: { limitMicros: number | null; asked: AskedCall }): Promise<{ call: LedgerCall; accounts: readonly Account[] } | Response> {
  const accounts = await budgets.accountsOf(workspace, { micros: limitMicros, help: `a person can raise it with berth model-key add ${vendor} --limit` })
  const worst = costMicrosOf(asked.model, { input: asked.inputTokens, output: asked.maxOutputTokens, cacheRead: 0, cacheWrite: 0 }) ?? assumedMicros(asked.inputTokens + asked.maxOutputTokens)
  const opened = await ledger.open(accounts, worst)
  if ('call' in opened) return { call: opened.call, accounts }
  const account = accounts.find(({ key }) => key === opened.by.key)
  if (account === undefined || opened.refused === 'stop') return refusal(vendor, 403, account === undefined ? 'nothing may be used' : usedUp(account))
  const wait = refusal(vendor, 429, `calls under way may use what is left of ${dollars(account.limitMicros)}; ask again when they have ended`)
  wait.headers.set('retry-after', String(WAIT_S))
  return wait
}
const dollars = (micros: number): string => `$${(micros / 1e6).toFixed(2)}`
const usedUp = ({ limitMicros, whose, help }: Account): string => `${whose} what it may, ${dollars(limitMicros)}; ${help}`

/** What another key may help with. */
const NEXT_KEY = (status: number): boolean => status === 401 || status === 429 || status >= 500
/** Tries one key after the other; what the last one was told is the answer. */
async function send(deps: Deps, call: Call, keys: readonly KeptModelKey[]): Promise<Sent> {
  const { workspace, vendor } = call
  const { title } = MODEL_VENDORS[vendor]
  let last: Sent = { answer: refusal(vendor, 403, `no login of ${title} could be renewed; a person can sign in again with berth model-key add ${vendor}`), key: null, sent: false }
  for (const [at, kept] of keys.entries()) {
    const key = await deps.keys.ready(workspace.orgId, vendor, kept)
    if (key === null) continue
    await last.answer.body?.cancel()
    last = await forward(deps, call, key)
    if (!NEXT_KEY(last.answer.status) || call.request.signal.aborted) return last
    const isNews = deps.keys.refused(workspace.orgId, vendor, key, { status: last.answer.status, retryAfterS: secondsIn(last.answer.headers.get('retry-after')) })
    const next = keys[at + 1]
    if (next !== undefined && isNews) await tellNext(deps, call, { status: last.answer.status, key, next })
  }
  return last
}
/** Another key may be another account, and another price: people are told when it is used. */
async function tellNext({ store, clock, log }: Deps, { workspace, sessionId, vendor }: Call, { status, key, next }: { status: number; key: KeptModelKey; next: KeptModelKey }): Promise<void> {
  const named = ({ name }: KeptModelKey): string => (name === null ? 'the first key' : `the key ${name}`)
  const text = `${MODEL_VENDORS[vendor].title} answered ${status} to ${named(key)}; ${named(next)} is tried instead, for some minutes.`
  log(`${workspace.id}: ${text}`)
  await store.events.append(workspace.id, [{ body: { type: 'report.notice', sessionId, title: 'another model key is used', text } }], clock.now())
    .catch((cause: unknown) => { log(`${workspace.id}: nobody was told: ${String(cause)}`) })
}
const secondsIn = (text: string | null): number | null => text !== null && /^\d{1,6}$/.test(text) ? Number(text) : null

async function forward({ log }: Deps, { workspace, vendor, path, search, request, body }: Call, key: KeptModelKey): Promise<Sent> {
  const { title } = MODEL_VENDORS[vendor]
  const answer = await fetch(`${key.baseUrl}${path}${search}`, {
    method: request.method, headers: requestHeaders(vendor, request.headers, key), body: body as Uint8Array<ArrayBuffer> | null, redirect: 'manual', signal: request.signal,
  }).catch((cause: unknown) => { log(`${workspace.id}: ${title}: ${messageOf(cause)}`); return null })
  if (answer === null) return { answer: refusal(vendor, 502, `${title} cannot be reached from the server`), key, sent: true }
  if (answer.status >= 300 && answer.status < 400) return { answer: refusal(vendor, 502, `${title} led elsewhere, where the key does not go`), key, sent: false }
  return { answer: new Response(answer.body, { status: answer.status, headers: answerHeaders(answer.headers) }), key, sent: true }
}
