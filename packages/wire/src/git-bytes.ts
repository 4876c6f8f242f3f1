/**
 * What git prints is bytes: file names and contents of any encoding. Inside, bytes travel as strings of one character
 * (0-255) each, so that a patch can be cut and joined as text and still goes back to git as it came.
 */
import { promisify } from 'node:util'
import { deflateRaw, inflateRaw } from 'node:zlib'
import { BerthError } from './berth-error.ts'

/** One character a byte. */
export type Bytes = string

const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const LOOSE = new TextDecoder('utf-8', { ignoreBOM: true })
// eslint-disable-next-line no-control-regex
const ASCII = /^[\u0000-\u007f]*$/

export const bytesOf = (text: string): Bytes => (ASCII.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1'))
/** For people: what is no UTF-8 becomes U+FFFD. */
export const textOf = (bytes: Bytes): string => (ASCII.test(bytes) ? bytes : LOOSE.decode(Buffer.from(bytes, 'latin1')))

/**
 * A file name as text that can be turned back: as it is when it is UTF-8, else with `\xNN` for each byte that is not
 * (and for each backslash, so that no two names become one).
 */
export function pathText(bytes: Bytes): string {
  if (ASCII.test(bytes) && !bytes.includes('\\x')) return bytes
  const raw = Buffer.from(bytes, 'latin1')
  const whole = decoded(raw)
  return whole === null || whole.includes('\\x') ? escaped(raw) : whole
}

export function pathBytes(text: string): Bytes {
  if (!text.includes('\\x')) return bytesOf(text)
  return bytesOf(text).replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

function decoded(raw: Uint8Array): string | null {
  try {
    return STRICT.decode(raw)
  } catch {
    return null
  }
}

function escaped(raw: Buffer): string {
  let out = ''
  for (let at = 0; at < raw.length;) {
    const length = [1, 2, 3, 4].find((size) => at + size <= raw.length && decoded(raw.subarray(at, at + size)) !== null)
    const piece = raw.subarray(at, at + (length ?? 1))
    out += length === undefined || piece[0] === 0x5c ? `\\x${(piece[0] ?? 0).toString(16).padStart(2, '0')}` : LOOSE.decode(piece)
    at += piece.length
  }
  return out
}

const deflate = promisify(deflateRaw)
const inflate = promisify(inflateRaw)

/** Deflated, in base64: a patch of megabytes fits one message of the link. */
export async function pack(bytes: Bytes): Promise<string> {
  return (await deflate(Buffer.from(bytes, 'latin1'), { level: 6 })).toString('base64')
}

/** Throws on what is not packed, and on what would be larger than `limitBytes` when unpacked. */
export async function unpack(packed: string, limitBytes: number): Promise<Bytes> {
  try {
    return (await inflate(Buffer.from(packed, 'base64'), { maxOutputLength: limitBytes })).toString('latin1')
  } catch (cause) {
    throw new BerthError('bad_request', 'what was packed cannot be unpacked, or is too large', { cause })
  }
}
