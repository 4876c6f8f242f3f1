/** Which server the first bytes of a TLS connection ask for. Pure. */

const HANDSHAKE = 0x16
const CLIENT_HELLO = 1
const SERVER_NAME = 0

/** `more`: not all of it has come. `none`: it says no name. `other`: it is not TLS. */
export type Hello = { readonly kind: 'more' | 'none' | 'other' } | { readonly kind: 'name'; readonly name: string }

export function readHello(bytes: Uint8Array): Hello {
  if (bytes.length === 0) return { kind: 'more' }
  if (bytes[0] !== HANDSHAKE) return { kind: 'other' }
  const message = handshakeIn(bytes)
  if (message === null || message.length < 4) return { kind: 'more' }
  const view = new DataView(message.buffer, message.byteOffset, message.length)
  if (message[0] !== CLIENT_HELLO) return { kind: 'other' }
  const length = ((message[1] ?? 0) << 16) | view.getUint16(2)
  if (message.length < 4 + length) return { kind: 'more' }
  try {
    // Version, random, then three lists of their own lengths.
    let at = 4 + 2 + 32
    at += 1 + view.getUint8(at)
    at += 2 + view.getUint16(at)
    at += 1 + view.getUint8(at)
    if (at >= 4 + length) return { kind: 'none' }
    const end = at + 2 + view.getUint16(at)
    for (at += 2; at + 4 <= end;) {
      const [type, size] = [view.getUint16(at), view.getUint16(at + 2)]
      at += 4
      if (type === SERVER_NAME) {
        const nameLength = view.getUint16(at + 3)
        return { kind: 'name', name: new TextDecoder('latin1').decode(message.subarray(at + 5, at + 5 + nameLength)).toLowerCase().replace(/\.$/, '') }
      }
      at += size
    }
    return { kind: 'none' }
  } catch {
    return { kind: 'other' }
  }
}

/** Without the heads of its records. Null: not one record is whole. */
function handshakeIn(bytes: Uint8Array): Uint8Array | null {
  const parts: Uint8Array[] = []
  for (let at = 0; at + 5 <= bytes.length && bytes[at] === HANDSHAKE;) {
    const size = ((bytes[at + 3] ?? 0) << 8) | (bytes[at + 4] ?? 0)
    parts.push(bytes.subarray(at + 5, Math.min(at + 5 + size, bytes.length)))
    at += 5 + size
  }
  return parts.length === 0 ? null : new Uint8Array(Buffer.concat(parts))
}
