/**
 * Saved states as they leave the server: sealed, so that whoever keeps them reads nothing, changes nothing and cuts nothing
 * off unseen. A line of JSON with the state's own key, sealed under the master key; then pieces of AES-256-GCM, each bound
 * to its place, the last one marked as such.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { BerthError } from '@berth/wire'
import { z } from 'zod'
import { seal, unseal } from '../crypto.ts'
import type { MasterKey, Random } from '../crypto.ts'

const PIECE_BYTES = 256 * 1024
const TAG_BYTES = 16
const HEADER_LIMIT = 4096
const LAST = 0x8000_0000
const Header = z.object({ berthState: z.literal(1), id: z.string().max(64), key: z.string().max(1024) })
const subjectOf = (id: string): string => `saved state ${id}`

export async function* sealed(source: AsyncIterable<Uint8Array>, { id, masterKey, random }: { id: string; masterKey: MasterKey; random: Random }): AsyncGenerator<Uint8Array> {
  const key = random(32)
  yield Buffer.from(`${JSON.stringify({ berthState: 1, id, key: seal(Buffer.from(key).toString('base64url'), { key: masterKey, subject: subjectOf(id), random }) })}\n`)
  let held: Uint8Array = new Uint8Array(0)
  let n = 0
  for await (const piece of source) {
    held = held.length === 0 ? piece : Buffer.concat([held, piece])
    for (; held.length > PIECE_BYTES; held = held.subarray(PIECE_BYTES)) yield sealPiece(held.subarray(0, PIECE_BYTES), { key, id, n: n++, last: false })
  }
  yield sealPiece(held, { key, id, n, last: true })
}

/** Throws `config_invalid` where the key is another one, `conflict` where the bytes are not what was sealed. */
export async function opened(source: AsyncIterable<Uint8Array>, masterKey: MasterKey): Promise<{ id: string; plain: AsyncGenerator<Uint8Array> }> {
  const input = createInput(source)
  const { id, key } = await headerOf(input)
  const own = Buffer.from(unseal(key, { key: masterKey, subject: subjectOf(id) }), 'base64url')
  return { id, plain: pieces(input, { key: own, id }) }
}

interface Piece { readonly key: Uint8Array; readonly id: string; readonly n: number; readonly last: boolean }
const nonceOf = (n: number): Buffer => { const nonce = Buffer.alloc(12); nonce.writeBigUInt64BE(BigInt(n), 4); return nonce }
const boundTo = ({ id, n, last }: Omit<Piece, 'key'>): Buffer => Buffer.from(`${id} ${n} ${last ? 'last' : 'more'}`)

function sealPiece(plain: Uint8Array, piece: Piece): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', piece.key, nonceOf(piece.n)).setAAD(boundTo(piece))
  const body = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
  const head = Buffer.alloc(4)
  head.writeUInt32BE((body.length | (piece.last ? LAST : 0)) >>> 0)
  return Buffer.concat([head, body])
}

async function* pieces(input: Input, { key, id }: { key: Uint8Array; id: string }): AsyncGenerator<Uint8Array> {
  for (let n = 0; ; n += 1) {
    const head = Buffer.from(await input.exactly(4)).readUInt32BE()
    const last = head >= LAST
    const length = last ? head - LAST : head
    if (length < TAG_BYTES || length > PIECE_BYTES + TAG_BYTES) throw damaged()
    const body = await input.exactly(length)
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(n)).setAAD(boundTo({ id, n, last }))
    decipher.setAuthTag(body.subarray(length - TAG_BYTES))
    let plain: Buffer
    try {
      plain = Buffer.concat([decipher.update(body.subarray(0, length - TAG_BYTES)), decipher.final()])
    } catch {
      throw damaged()
    }
    if (plain.length > 0) yield plain
    if (last) return
  }
}

const damaged = (): BerthError => new BerthError('conflict', 'the saved state is damaged or cut off', { hint: 'use another one; see `berth backup list`' })

interface Input { exactly(size: number): Promise<Uint8Array>; line(limit: number): Promise<string> }
function createInput(source: AsyncIterable<Uint8Array>): Input {
  const from = source[Symbol.asyncIterator]()
  let held: Uint8Array = new Uint8Array(0)
  const more = async (): Promise<void> => {
    const next = await from.next()
    if (next.done === true) throw damaged()
    held = held.length === 0 ? next.value : Buffer.concat([held, next.value])
  }
  const exactly = async (size: number): Promise<Uint8Array> => {
    while (held.length < size) await more()
    const bytes = held.subarray(0, size)
    held = held.subarray(size)
    return bytes
  }
  return {
    exactly,
    async line(limit) {
      while (!held.includes(10)) {
        if (held.length > limit) throw damaged()
        await more()
      }
      return Buffer.from(await exactly(held.indexOf(10) + 1)).toString('utf8')
    },
  }
}

async function headerOf(input: Input): Promise<z.infer<typeof Header>> {
  const line = await input.line(HEADER_LIMIT)
  try {
    return Header.parse(JSON.parse(line))
  } catch {
    throw damaged()
  }
}
