/** Bodies as they pass: read by one framing, written by another. */
import { BadMessage, endOfHead, HEAD_LIMIT_BYTES } from './http1.ts'
import type { Framing } from './http1.ts'

/** What is there is given at once: a large body is many pieces, and a promise for each costs more than to carry it. */
export type Awaitable<T> = T | Promise<T>

/** Bytes that come from somewhere. */
export interface ByteSource {
  /** The next bytes, null at the end; a promise only when they are not there yet. Rejects when it broke off. */
  read(): Awaitable<Buffer | null>
  /** Gives bytes back, to be read first. */
  unread(bytes: Buffer): void
}

/** The whole head of a message. Null: the end came first, cleanly. */
export async function readHead(source: ByteSource): Promise<Buffer | null> {
  let held = await source.read()
  if (held === null) return null
  for (;;) {
    const end = endOfHead(held)
    if (end >= 0 && end <= HEAD_LIMIT_BYTES) {
      if (end < held.length) source.unread(held.subarray(end))
      return end < held.length ? held.subarray(0, end) : held
    }
    if (held.length > HEAD_LIMIT_BYTES) throw new BadMessage(`headers above ${HEAD_LIMIT_BYTES / 1024} KiB`)
    const more = await source.read()
    if (more === null) throw new BadMessage('the message broke off')
    held = Buffer.concat([held, more])
  }
}

/** Pieces of a body; null after the last. Throws when it breaks off or is not well-formed. */
export type Body = () => Awaitable<Buffer | null>

export function bodyOf(source: ByteSource, framing: Framing): Body {
  switch (framing.by) {
    case 'none': return () => null
    case 'close': return () => source.read()
    case 'length': return counted(source, framing.bytes)
    case 'chunks': return chunked(source)
  }
}

/** Reads at most so many bytes. */
function take(source: ByteSource, limit: number): Awaitable<Buffer> {
  const cut = (bytes: Buffer | null): Buffer => {
    if (bytes === null) throw new BadMessage('the body broke off')
    if (bytes.length <= limit) return bytes
    source.unread(bytes.subarray(limit))
    return bytes.subarray(0, limit)
  }
  const bytes = source.read()
  return bytes instanceof Promise ? bytes.then(cut) : cut(bytes)
}

function counted(source: ByteSource, bytes: number): Body {
  let left = bytes
  const counted = (piece: Buffer): Buffer => {
    left -= piece.length
    return piece
  }
  return () => {
    if (left === 0) return null
    const piece = take(source, left)
    return piece instanceof Promise ? piece.then(counted) : counted(piece)
  }
}

const LINE_LIMIT_BYTES = 4 * 1024
const TRAILERS_LIMIT = 50

async function line(source: ByteSource): Promise<string> {
  let held: Buffer = Buffer.alloc(0)
  for (;;) {
    const at = held.indexOf('\r\n')
    if (at >= 0) {
      if (at + 2 < held.length) source.unread(held.subarray(at + 2))
      return held.toString('latin1', 0, at)
    }
    if (held.length > LINE_LIMIT_BYTES) throw new BadMessage('a chunk cannot be read')
    const more = await source.read()
    if (more === null) throw new BadMessage('the body broke off')
    held = held.length === 0 ? more : Buffer.concat([held, more])
  }
}

/** Extensions and trailers are left out: nobody uses them, and they are read differently by different servers. */
function chunked(source: ByteSource): Body {
  let left = 0
  let over = false
  let first = true
  return async () => {
    if (over) return null
    if (left === 0) {
      if (!first && (await line(source)) !== '') throw new BadMessage('a chunk has another length than it says')
      first = false
      const size = /^([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?$/.exec(await line(source))?.[1]
      if (size === undefined) throw new BadMessage('a chunk cannot be read')
      left = Number.parseInt(size, 16)
      if (left === 0) {
        for (let lines = 0; (await line(source)) !== ''; lines++) if (lines >= TRAILERS_LIMIT) throw new BadMessage('too many trailers')
        over = true
        return null
      }
    }
    const piece = await take(source, left)
    left -= piece.length
    return piece
  }
}

const CRLF = Buffer.from('\r\n')
export const LAST_CHUNK = Buffer.from('0\r\n\r\n')
export const asChunk = (piece: Buffer): Buffer => Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`, 'latin1'), piece, CRLF])
