/** Git's lines on the wire, one after the other, read as git reads them (gitprotocol-common, "pkt-line Format"). Pure. */

/** What git's own buffer holds. */
const PAYLOAD_LIMIT = 65_520
/** One letter for each byte. What the platform calls latin1 is another table, in which some bytes are other letters. */
export const LATIN = { decode: (bytes: Uint8Array): string => { let text = ''; for (const byte of bytes) text += String.fromCharCode(byte); return text } }

/** `more`: it is not whole yet. `end`: where the next begins. */
export type Packet = { readonly kind: 'line'; readonly payload: Uint8Array; readonly end: number } | { readonly kind: 'flush' | 'delimiter' | 'response-end'; readonly end: number } | { readonly kind: 'more' } | { readonly kind: 'broken'; readonly why: string }

export function readPacket(bytes: Uint8Array, at: number): Packet {
  if (bytes.length - at < 4) return { kind: 'more' }
  const digits = LATIN.decode(bytes.subarray(at, at + 4))
  if (!/^[0-9a-fA-F]{4}$/.test(digits)) return { kind: 'broken', why: 'bad line length' }
  const length = Number.parseInt(digits, 16)
  if (length === 0) return { kind: 'flush', end: at + 4 }
  if (length === 1) return { kind: 'delimiter', end: at + 4 }
  if (length === 2) return { kind: 'response-end', end: at + 4 }
  if (length === 3 || length - 4 >= PAYLOAD_LIMIT) return { kind: 'broken', why: 'bad line length' }
  if (bytes.length - at < length) return { kind: 'more' }
  return { kind: 'line', payload: bytes.subarray(at + 4, at + length), end: at + length }
}
