/**
 * Asks an authority for one certificate (RFC 8555). The library speaks the protocol; it is loaded by servers that
 * have an authority only. Its own repetitions are off: whoever keeps the certificates decides when to ask again.
 */
import type * as Acme from 'acme-client'
import { AcmeProblem } from './problem.ts'
import type { Wanted } from './settings.ts'
import { messageOf } from '../thrown.ts'

/** Puts what the authority looks for; what it gives back takes it away. */
export interface ChallengeSolver {
  put(challenge: { readonly name: string; readonly token: string; readonly answer: string }, signal: AbortSignal): Promise<() => Promise<void>>
}
export interface Issued { readonly pem: string; readonly key: string }
export interface Authority { order(wanted: Wanted, signal: AbortSignal): Promise<Issued> }

export interface AuthorityDeps {
  readonly directory: string
  readonly email: string | null
  /** Of the authority's own certificate; null: the ones that everybody knows. */
  readonly ca: string | null
  readonly externalAccount: { readonly kid: string; readonly key: string } | null
  /** The account's key; made when there is none. A secret. */
  accountKey(make: () => Promise<string>): Promise<string>
  readonly solvers: Readonly<Partial<Record<Wanted['challenge'], ChallengeSolver>>>
}

const REQUEST_WITHIN_MS = 30_000
/** The whole of one: a TXT record may need two minutes to be seen. */
const ORDER_WITHIN_MS = 5 * 60_000
const POLLS = { backoffAttempts: 60, backoffMin: 500, backoffMax: 4000 }

export function createAuthority(deps: AuthorityDeps): Authority {
  return {
    async order(wanted, signal) {
      const within = AbortSignal.any([signal, AbortSignal.timeout(ORDER_WITHIN_MS)])
      const acme = await import('acme-client')
      // The library has one connection for all; orders are made one after the other.
      const told = listenIn(acme.axios, { ca: deps.ca, signal: within })
      try {
        return await unlessAborted(orderBy(acme, deps, { wanted, signal: within, forget: () => told.forget() }), within)
      } catch (thrown) {
        signal.throwIfAborted()
        throw told.problem(thrown)
      }
    },
  }
}

async function orderBy(acme: typeof Acme, deps: AuthorityDeps, { wanted, signal, forget }: { wanted: Wanted; signal: AbortSignal; forget(): void }): Promise<Issued> {
  const accountKey = await deps.accountKey(async () => (await acme.crypto.createPrivateEcdsaKey()).toString())
  const binding = deps.externalAccount === null ? {} : { externalAccountBinding: { kid: deps.externalAccount.kid, hmacKey: deps.externalAccount.key } }
  const client = new acme.Client({ directoryUrl: deps.directory, accountKey, ...POLLS, ...binding })
  await findAccount(client, deps.email)
  forget()
  const order = await client.createOrder({ identifiers: wanted.names.map((value) => ({ type: 'dns', value })) })
  // One after the other: a name and its wildcard have their records at the same place.
  for (const authorization of await client.getAuthorizations(order)) {
    signal.throwIfAborted()
    if (authorization.status !== 'valid') await prove(client, deps, { authorization, challenge: wanted.challenge, signal })
  }
  const [key, request] = await acme.crypto.createCsr({ altNames: [...wanted.names] }, await acme.crypto.createPrivateEcdsaKey())
  const finalized = await client.finalizeOrder(order, request)
  return { pem: await client.getCertificate(finalized), key: key.toString() }
}

/** Of an account that is there the library changes what it was given, which an authority may refuse: then it is there. */
async function findAccount(client: Acme.Client, email: string | null): Promise<void> {
  try {
    await client.createAccount({ termsOfServiceAgreed: true, ...(email === null ? {} : { contact: [`mailto:${email}`] }) })
  } catch (error) {
    if (!hasAccount(client)) throw error
  }
}
function hasAccount(client: Acme.Client): boolean {
  try {
    return client.getAccountUrl() !== ''
  } catch {
    return false
  }
}

async function prove(client: Acme.Client, { solvers }: AuthorityDeps, at: { authorization: Acme.Authorization; challenge: Wanted['challenge']; signal: AbortSignal }): Promise<void> {
  const { value: name } = at.authorization.identifier
  const challenge = at.authorization.challenges.find(({ type }) => type === at.challenge)
  const solver = solvers[at.challenge]
  if (challenge === undefined || solver === undefined) throw new AcmeProblem('malformed', `the authority does not take ${at.challenge} for ${name}`, { hint: 'set tls.acme.dns, or leave it out' })
  const answer = await client.getChallengeKeyAuthorization(challenge)
  const takeAway = await solver.put({ name, token: challenge.token, answer }, at.signal)
  try {
    await client.completeChallenge(challenge)
    await client.waitForValidStatus(challenge)
  } finally {
    await takeAway()
  }
}

/** What it says of a refusal is kept, because the library passes on the text only. */
function listenIn(axios: typeof Acme.axios, { ca, signal }: { ca: string | null; signal: AbortSignal }): { forget(): void; problem(thrown: unknown): AcmeProblem } {
  let last: { kind: string; detail: string; retryAfterMs: number | null } | null = null
  // By the runtime's own client, as everything here; it takes an authority of one's own for each request.
  axios.defaults.adapter = 'fetch'
  // The library's own waits minutes and hours, and hides what the network said.
  axios.interceptors.request.clear()
  axios.interceptors.response.clear()
  axios.interceptors.request.use((config) => ({ ...config, validateStatus: () => true, signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_WITHIN_MS)]), ...(ca === null ? {} : { fetchOptions: { tls: { ca } } }) }))
  axios.interceptors.response.use((response) => {
    const body = response.data as { type?: unknown; detail?: unknown; error?: { type?: unknown; detail?: unknown } } | null
    const said = body?.error ?? body
    const kind = /^urn:ietf:params:acme:error:(\w+)$/.exec(String(said?.type))?.[1]
    if (kind !== undefined && kind !== 'badNonce') last = { kind, detail: String(said?.detail ?? ''), retryAfterMs: retryAfter(String(response.headers['retry-after'] ?? '')) }
    else if (response.status >= 500) last = { kind: 'serverInternal', detail: `HTTP ${response.status}`, retryAfterMs: retryAfter(String(response.headers['retry-after'] ?? '')) }
    return response
  })
  return {
    forget() { last = null },
    problem(thrown) {
      if (thrown instanceof AcmeProblem) return thrown
      if (last !== null) return new AcmeProblem(last.kind, `the authority refused: ${lineOf(last.detail)} (${last.kind})`, { retryAfterMs: last.retryAfterMs, cause: thrown })
      if ((thrown as { name?: unknown } | null)?.name === 'TimeoutError') return new AcmeProblem('late', 'the order was not done within five minutes', { cause: thrown })
      const said = messageOf(thrown)
      const network = (thrown as { isAxiosError?: unknown } | null)?.isAxiosError === true
      return new AcmeProblem(network ? 'unreachable' : 'malformed', network ? `the authority does not answer: ${lineOf(said)}` : lineOf(said), { cause: thrown })
    },
  }
}

/** Foreign text in one line of the log. */
const lineOf = (text: string): string => text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 400)

function retryAfter(text: string): number | null {
  const ms = /^\d{1,7}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return Number.isFinite(ms) && ms > 0 ? Math.min(ms, 7 * 24 * 3600_000) : null
}

/** The library sleeps between two looks at an order whatever happens: nobody waits for it. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal.reason instanceof Error ? signal.reason : new Error('stopped'))
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  return Promise.race([work, aborted.promise]).finally(() => signal.removeEventListener('abort', abort))
}
