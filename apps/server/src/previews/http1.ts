/**
 * HTTP/1.1 as bytes (RFC 9112), strictly: whatever two readers could understand differently is refused, because one
 * connection to a dev server carries the requests of many visitors. Pure.
 */
import { BerthError } from '@berth/wire'

export type Headers = readonly (readonly [name: string, value: string])[]
export interface RequestHead { readonly method: string; readonly target: string; readonly minor: 0 | 1; /** Names in lower case. */ readonly headers: Headers }
export interface ResponseHead { readonly status: number; readonly reason: string; readonly minor: 0 | 1; readonly headers: Headers }
export type Framing = { readonly by: 'none' } | { readonly by: 'length'; readonly bytes: number } | { readonly by: 'chunks' } | { readonly by: 'close' }

export const HEAD_LIMIT_BYTES = 64 * 1024
export const HEADERS_LIMIT = 200

const REQUEST_LINE = /^([A-Z][A-Z-]{0,19}) (\/[\x21-\x7e\x80-\xff]*) HTTP\/1\.([01])$/
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const NOT_IN_LINE = /[\0-\x08\x0a-\x1f\x7f]/

export class BadMessage extends BerthError {
  constructor(what: string) { super('bad_request', what) }
}

/** Where the head ends, after its empty line; -1: not yet. */
export function endOfHead(bytes: Buffer): number {
  const at = bytes.indexOf('\r\n\r\n')
  return at < 0 ? -1 : at + 4
}

export function parseRequestHead(bytes: Buffer): RequestHead {
  const { first, headers } = linesOf(bytes)
  const match = REQUEST_LINE.exec(first)
  if (match === null) throw new BadMessage('the request line cannot be read')
  const minor = match[3] === '0' ? 0 : 1
  if (valuesOf(headers, 'host').length !== 1) throw new BadMessage('a request names one host')
  return { method: match[1] ?? '', target: match[2] ?? '', minor, headers }
}

export function parseResponseHead(bytes: Buffer): ResponseHead {
  const { first, headers } = linesOf(bytes)
  const match = STATUS_LINE.exec(first)
  if (match === null) throw new BadMessage('the answer does not begin as HTTP')
  return { status: Number(match[2]), reason: match[3] ?? '', minor: match[1] === '0' ? 0 : 1, headers }
}

/** As they are written, and in lower case: the same few are sent again and again. */
const names = new Map<string, string>()
const NAMES_LIMIT = 1000

function nameOf(written: string): string {
  const known = names.get(written)
  if (known !== undefined) return known
  if (!TOKEN.test(written)) throw new BadMessage('a header cannot be read')
  const name = written.toLowerCase()
  if (names.size < NAMES_LIMIT) names.set(written, name)
  return name
}

function linesOf(bytes: Buffer): { first: string; headers: Headers } {
  const text = bytes.toString('latin1', 0, bytes.length - 4)
  const [first = '', ...lines] = text.split('\r\n')
  if (lines.length > HEADERS_LIMIT) throw new BadMessage(`more than ${HEADERS_LIMIT} headers`)
  const headers: [string, string][] = []
  for (const line of lines) {
    const colon = line.indexOf(':')
    // A line that continues the one before has no name here, and so is refused too.
    if (colon < 1 || NOT_IN_LINE.test(line)) throw new BadMessage('a header cannot be read')
    headers.push([nameOf(line.slice(0, colon)), withoutSpace(line.slice(colon + 1))])
  }
  return { first, headers }
}

/** Only what HTTP calls so: `trim` takes more, and what we read as a length would be none to another reader. */
function withoutSpace(value: string): string {
  let start = 0
  let end = value.length
  while (start < end && isSpace(value.charCodeAt(start))) start++
  while (end > start && isSpace(value.charCodeAt(end - 1))) end--
  return value.slice(start, end)
}
const isSpace = (code: number): boolean => code === 0x20 || code === 0x09

export function valuesOf(headers: Headers, name: string): string[] {
  const values: string[] = []
  for (const header of headers) if (header[0] === name) values.push(header[1])
  return values
}
export function valueOf(headers: Headers, name: string): string | null {
  for (const header of headers) if (header[0] === name) return header[1]
  return null
}
/** The comma-separated words of a header, in lower case. */
export function wordsOf(headers: Headers, name: string): string[] {
  const words: string[] = []
  for (const header of headers) if (header[0] === name) for (const word of header[1].toLowerCase().split(',')) words.push(word.trim())
  return words
}

export function framingOfRequest({ headers, minor }: RequestHead): Framing {
  const lengths = valuesOf(headers, 'content-length')
  const codings = valuesOf(headers, 'transfer-encoding')
  if (codings.length > 0) {
    if (lengths.length > 0 || minor === 0 || codings.length > 1 || codings[0]?.toLowerCase() !== 'chunked') throw new BadMessage('the length of the body is not clear')
    return { by: 'chunks' }
  }
  return lengths.length === 0 ? { by: 'none' } : { by: 'length', bytes: lengthOf(lengths) }
}

export function framingOfResponse({ status, headers }: ResponseHead, method: string): Framing {
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return { by: 'none' }
  const codings = valuesOf(headers, 'transfer-encoding')
  if (codings.length > 0) {
    if (codings.length > 1 || codings[0]?.toLowerCase() !== 'chunked') throw new BadMessage('the answer has a coding that is not known')
    return { by: 'chunks' }
  }
  const lengths = valuesOf(headers, 'content-length')
  return lengths.length === 0 ? { by: 'close' } : { by: 'length', bytes: lengthOf(lengths) }
}

function lengthOf(lengths: readonly string[]): number {
  const [length = ''] = lengths
  if (lengths.length > 1 || !/^\d{1,15}$/.test(length)) throw new BadMessage('the length of the body is not clear')
  return Number(length)
}

/** May the connection carry another exchange? */
export function staysOpen({ minor, headers }: Pick<RequestHead, 'minor' | 'headers'>): boolean {
  const words = wordsOf(headers, 'connection')
  return minor === 1 ? !words.includes('close') : words.includes('keep-alive')
}

export function encodeHead(first: string, headers: Headers): Buffer {
  let text = `${first}\r\n`
  for (const [name, value] of headers) text += `${name}: ${value}\r\n`
  return Buffer.from(`${text}\r\n`, 'latin1')
}
