/**
 * The bytes of saved states: sealed on their way to where they are kept, opened on their way back. Before what the machine
 * sent stands the manifest, so that one alone is enough to make a workspace of it on another server.
 */
import { createHash } from 'node:crypto'
import { createZstdDecompress } from 'node:zlib'
import { Readable } from 'node:stream'
import type { SavedManifest, StateFiles } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { SavedId } from '@berth/wire'

export interface Sealing {
  seal(source: AsyncIterable<Uint8Array>, id: string): AsyncIterable<Uint8Array>
  /** `keys`: as a key file has them; absent: the server's own. */
  open(source: AsyncIterable<Uint8Array>, keys?: string): Promise<{ id: string; plain: AsyncIterable<Uint8Array> }>
}
export interface StateBytes {
  readonly place: string
  /** Rejects when it breaks off or is too large: then there is nothing, or what was there before. */
  receive(id: SavedId, manifest: SavedManifest, body: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<Measured>
  /** What is kept, read to its end, and the archive in it unpacked into nothing. */
  measure(id: SavedId): Promise<Measured>
  /** As the machine sent it. */
  give(id: SavedId): Promise<AsyncIterable<Uint8Array>>
  /** Of one that this server may not know. Null: there is none. */
  look(id: SavedId, keys?: string): Promise<{ manifest: SavedManifest; body: AsyncIterable<Uint8Array> } | null>
  remove(id: SavedId): Promise<void>
  tidy(before: number): Promise<void>
}
export interface Measured { readonly sha256: string; readonly sizeBytes: number }

const MANIFEST_LIMIT = 1024 * 1024
const STATE_LIMIT_BYTES = 16 * 1024 ** 3
const nameOf = (id: SavedId): string => `${id}.berth`

export function createStateBytes({ files, sealing, limitBytes = STATE_LIMIT_BYTES }: { files: StateFiles; sealing: Sealing; limitBytes?: number }): StateBytes {
  const openOf = async (id: SavedId, keys?: string) => {
    const source = await files.get(nameOf(id))
    if (source === null) return null
    const { id: named, plain } = await sealing.open(source, keys)
    if (named !== id) throw new BerthError('conflict', 'the saved state is another one than its name says')
    return splitManifest(plain)
  }
  const required = async (id: SavedId) => {
    const found = await openOf(id)
    if (found === null) throw new BerthError('not_found', `there is no saved state ${id} where it should be kept`, { hint: 'see `berth backup list`' })
    return found
  }
  return {
    place: files.place,
    async receive(id, manifest, body, signal) {
      const meter = createMeter(limitBytes)
      await files.put(nameOf(id), sealing.seal(withManifest(manifest, meter.pass(body)), id), signal)
      return meter.measured()
    },
    async measure(id) {
      const { body } = await required(id)
      const meter = createMeter(Number.POSITIVE_INFINITY)
      await unpackIntoNothing(meter.pass(body))
      return meter.measured()
    },
    give: async (id) => (await required(id)).body,
    look: openOf,
    remove: (id) => files.remove(nameOf(id)),
    tidy: (before) => files.tidy(before),
  }
}

function createMeter(limitBytes: number) {
  const hash = createHash('sha256')
  let sizeBytes = 0
  return {
    async* pass(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const piece of source) {
        hash.update(piece)
        sizeBytes += piece.length
        if (sizeBytes > limitBytes) throw new BerthError('too_large', `the workspace is larger than ${Math.round(limitBytes / 1024 ** 3)} GiB when it is packed`, { hint: 'remove what can be made again, such as build output' })
        yield piece
      }
    },
    measured: (): Measured => ({ sha256: hash.digest('hex'), sizeBytes }),
  }
}

async function* withManifest(manifest: SavedManifest, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield framed(new TextEncoder().encode(JSON.stringify(manifest)))
  yield* body
}

function framed(json: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + json.length)
  new DataView(bytes.buffer).setUint32(0, json.length)
  bytes.set(json, 4)
  return bytes
}

async function splitManifest(plain: AsyncIterable<Uint8Array>): Promise<{ manifest: SavedManifest; body: AsyncIterable<Uint8Array> }> {
  const { first, rest } = await splitFrame(plain[Symbol.asyncIterator](), MANIFEST_LIMIT)
  return { manifest: JSON.parse(new TextDecoder().decode(first)) as SavedManifest, body: rest }
}

/** `u32be length | that many bytes | the rest`. */
async function splitFrame(from: AsyncIterator<Uint8Array>, limit: number): Promise<{ first: Uint8Array; rest: AsyncIterable<Uint8Array> }> {
  let held: Uint8Array = new Uint8Array(0)
  const need = async (size: number): Promise<void> => {
    const pieces = [held]
    for (let have = held.length; have < size;) {
      const next = await from.next()
      if (next.done === true) throw new BerthError('conflict', 'the saved state ends too early')
      pieces.push(next.value)
      have += next.value.length
    }
    held = Buffer.concat(pieces)
  }
  await need(4)
  const length = new DataView(held.buffer, held.byteOffset).getUint32(0)
  if (length > limit) throw new BerthError('conflict', 'the saved state is not one that this server knows')
  await need(4 + length)
  const [first, behind] = [held.subarray(4, 4 + length), held.subarray(4 + length)]
  async function* rest(): AsyncGenerator<Uint8Array> {
    if (behind.length > 0) yield behind
    for (let next = await from.next(); next.done !== true; next = await from.next()) yield next.value
  }
  return { first, rest: rest() }
}

/** The memory of its daemon, then the archive: one that was cut off does not end as a whole one does. */
async function unpackIntoNothing(body: AsyncGenerator<Uint8Array>): Promise<void> {
  const { rest } = await splitFrame(body, Number.POSITIVE_INFINITY)
  const unzip = Readable.from(rest).pipe(createZstdDecompress())
  let plain = 0
  for await (const piece of unzip) plain += (piece as Uint8Array).length
  if (plain === 0 || plain % 512 !== 0) throw new BerthError('conflict', 'the saved state holds no whole archive')
}
