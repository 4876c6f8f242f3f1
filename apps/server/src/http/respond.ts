/** Answers: JSON, and refusals in the one form that every client branches on. */
import { BerthError, HTTP_STATUS } from '@berth/wire'
import { ValidationError } from '@orpc/contract'
import { ORPCError } from '@orpc/server'

export type Log = (line: string) => void

/** On every answer. A page adds its own content policy. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
}
const NOTHING_LOADS = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"

export function secured(response: Response): Response {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.headers.set(name, value)
  if (!response.headers.has('content-security-policy')) response.headers.set('content-security-policy', NOTHING_LOADS)
  if (!response.headers.has('cache-control')) response.headers.set('cache-control', 'no-store')
  return response
}

export function refusal(error: BerthError): Response {
  const headers: Record<string, string> = error.code === 'unauthorized' ? { 'www-authenticate': 'Bearer' } : {}
  return Response.json(error.toBody(), { status: HTTP_STATUS[error.code], headers })
}

/** What was thrown, as something a client may see. A bug is logged whole and told to nobody. */
export function asBerthError(thrown: unknown, log: Log): BerthError {
  if (thrown instanceof BerthError) return thrown
  if (thrown instanceof ORPCError) return fromContract(thrown, log)
  if (isDatabaseAway(thrown)) return new BerthError('database_unavailable', 'the database does not answer now', { hint: 'try again in a moment; see `berth server logs`', cause: thrown })
  if (thrown instanceof URIError) return new BerthError('bad_request', 'the address holds a broken % sequence', { hint: 'encode it as UTF-8', cause: thrown })
  if (isUnstorable(thrown)) return new BerthError('bad_request', 'a text holds characters that cannot be kept, such as a zero byte', { hint: 'leave them out', cause: thrown })
  if (isAbort(thrown)) return new BerthError('cancelled', 'the request was cancelled')
  log(`bug: ${wholeOf(thrown)}`)
  return new BerthError('internal', 'something went wrong inside the server', { hint: 'see `berth server logs`' })
}

function fromContract(error: ORPCError<string, unknown>, log: Log): BerthError {
  if (error.code === 'BAD_REQUEST' && error.cause instanceof ValidationError) return invalidInput(error.cause)
  if (error.status === 400) return new BerthError('bad_request', 'the request cannot be read', { hint: 'send JSON as openapi.json describes' })
  log(`bug: ${error.stack ?? error.message} ${error.cause instanceof ValidationError ? JSON.stringify(error.cause.issues) : String(error.cause ?? '')}`)
  return new BerthError('internal', 'something went wrong inside the server', { hint: 'see `berth server logs`' })
}

function invalidInput(error: ValidationError): BerthError {
  const issues = error.issues.map((issue) => ({
    field: (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.') || 'body',
    message: wordsOf(issue),
  }))
  const first = issues[0] ?? { field: 'body', message: 'not valid' }
  return new BerthError('bad_request', `${first.field}: ${first.message}`, { hint: `correct \`${first.field}\``, details: { issues: issues.slice(0, 20) } })
}

/** The schema's own words are for programmers; this one is what people run into. */
function wordsOf(issue: ValidationError['issues'][number]): string {
  const { code, origin, maximum } = issue as { code?: unknown; origin?: unknown; maximum?: unknown }
  return code === 'too_big' && origin === 'string' ? `longer than ${String(maximum)} characters` : issue.message
}

const DATABASE_AWAY = /^(CONNECTION_(CLOSED|ENDED|DESTROYED)|CONNECT_TIMEOUT|57P0[1-3]|08...|53300)$/

/** What the database's driver throws while its server is away, starts or ends. */
function isDatabaseAway(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false
  const { code, syscall } = thrown as { code?: unknown; syscall?: unknown }
  if (typeof code !== 'string') return false
  return DATABASE_AWAY.test(code) || (syscall === 'connect' && /^E(NOENT|CONNREFUSED|CONNRESET|PIPE)$/.test(code)) || code === 'ECONNRESET' || code === 'EPIPE'
}

/** PostgreSQL keeps every text but those with a zero character. */
function isUnstorable(thrown: unknown): boolean {
  const code = thrown instanceof Error ? (thrown as { code?: unknown }).code : null
  return code === '22P05' || code === '22021'
}

/** With the errors that one error stands for. */
function wholeOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  const parts = thrown instanceof AggregateError ? thrown.errors.map((part) => `\n  ${String(part)}`).join('') : ''
  return `${thrown.stack ?? thrown.message}${parts}`
}

function isAbort(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === 'AbortError'
}
