/**
 * Why there is no connection, said as an ssh server would: OpenSSH and editors show it, while they throw away what a
 * ProxyCommand writes to standard error as soon as connections are shared.
 */

const SSH_MSG_DISCONNECT = 1
const BY_APPLICATION = 11
/** Before keys are exchanged packets come in blocks of eight, with at least four bytes of padding (RFC 4253 §6). */
const BLOCK = 8
const PADDING_LEAST = 4
/** OpenSSH shows 400. */
const WORDS_LIMIT = 400

export function disconnect(words: string): Uint8Array {
  const text = Buffer.from(words.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, WORDS_LIMIT))
  const payload = Buffer.concat([Buffer.from([SSH_MSG_DISCONNECT]), uint32(BY_APPLICATION), uint32(text.length), text, uint32(0)])
  const unpadded = 4 + 1 + payload.length + PADDING_LEAST
  const padding = PADDING_LEAST + ((BLOCK - (unpadded % BLOCK)) % BLOCK)
  return Buffer.concat([Buffer.from('SSH-2.0-berth\r\n'), uint32(1 + payload.length + padding), Buffer.from([padding]), payload, Buffer.alloc(padding)])
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
