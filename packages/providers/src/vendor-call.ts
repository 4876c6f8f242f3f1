/** One HTTP call to a vendor: within a time, without redirects, its answer read with a limit, and each failure a ProviderFault that says whether the change may have happened all the same. */
import { ProviderFault, type FaultCategory } from '@berth/core'

/** What a refusal means to people. */
export interface Meaning { readonly category: FaultCategory; readonly hint: string }
/** `what`: what is being done, for messages: `making the server`. `committed`: of a call whose answer is lost. */
export interface Doing { readonly what: string; readonly committed: 'no' | 'unknown' }
export interface Vendor {
  /** As people call it, at the beginning of a message. */
  readonly name: string
  /** Where they say that they have trouble. */
  readonly trouble: string
  refusal(answer: Response, text: string, doing: Doing): ProviderFault
  /** For a failure that is none of the network's. Null: it is. */
  otherwise?(cause: unknown): ProviderFault | null
}
export interface VendorCall<T> extends Doing {
  /** Made anew for each call: what it is signed with may have been replaced. Throws a ProviderFault where there is nothing. */
  send(options: Pick<RequestInit, 'redirect' | 'signal'>): Promise<Response>
  /** Throws for what is not as described. */
  read(text: string): T
}

const CALL_TIMEOUT_MS = 30_000
/** No list of machines is longer. */
const ANSWER_LIMIT = 16 * 1024 * 1024

export async function askVendor<T>(vendor: Vendor, { what, committed, send, read }: VendorCall<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const limit = AbortSignal.timeout(CALL_TIMEOUT_MS)
  try {
    const answer = await send({ redirect: 'error', signal: AbortSignal.any([signal, limit]) })
    const text = await readText(answer)
    if (!answer.ok) throw vendor.refusal(answer, text, { what, committed })
    return read(text)
  } catch (cause) {
    if (cause instanceof ProviderFault) throw cause
    signal.throwIfAborted()
    throw vendor.otherwise?.(cause) ?? new ProviderFault('transient', `${vendor.name} ${limit.aborted ? 'took too long' : 'broke off'} (${what})`, { committed, hint: `it is tried again; ${vendor.trouble}`, cause })
  }
}

async function readText(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > ANSWER_LIMIT) throw new Error('the answer is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** What a call in JSON is asked with. */
export interface JsonCall<M extends string = 'GET' | 'POST' | 'DELETE'> {
  readonly method?: M
  readonly query?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly what: string
}
/** `type`: of the body. `headers`: who asks, and what else the vendor wants. */
export function jsonRequest(url: string, { method = 'GET', query, body }: Omit<JsonCall<string>, 'what'>, { headers, type = 'application/json', ...options }: Pick<RequestInit, 'redirect' | 'signal'> & { headers: Readonly<Record<string, string>>; type?: string }): Request {
  return new Request(`${url}${query === undefined ? '' : `?${new URLSearchParams(query)}`}`, {
    method, ...options, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: { 'user-agent': 'berth', ...headers, ...(body === undefined ? {} : { 'content-type': type }) },
  })
}
/** A change whose answer is lost may have been made. */
export const committedBy = (method: string | undefined): 'no' | 'unknown' => (method === undefined || method === 'GET' ? 'no' : 'unknown')
