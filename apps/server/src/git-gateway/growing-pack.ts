/**
 * A pack on its way from the host to this server's disk. It is written as fast as it comes, whoever reads it; who reads has it
 * from its first byte, waits for more, and ends with it. What does not fit on the disk any more is handed to those who read,
 * without being kept: no clone fails since a limit of this server's was reached.
 */
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { watchPack } from './whole-pack.ts'

export interface GrowingPack {
  /** Null: nothing has come, and nothing will; or it grows without being kept. */
  read(): Promise<ReadableStream<Uint8Array> | null>
  /** What the host said. Resolves when all of it was taken: whether it lies on the disk to its end, without an error of the host's. */
  fill(response: Response): Promise<boolean>
  /** Nothing comes of it any more, whoever reads. May be called twice. */
  end(why: Error): void
}
export interface GrowingLimits {
  readonly mostBytes: number
  /** While nobody reads. */
  readonly withinMs: number
  /** Looked at each time so many bytes more were written. */
  room(): Promise<boolean>
}

const LOOK_EVERY_BYTES = 64 * 1024 * 1024
const PIECE_BYTES = 256 * 1024

/** What the writing and those who read have in common. */
interface Growth {
  state: 'growing' | 'over' | 'failed'
  failure: Error
  /** Bytes on the disk, and all that went by. */
  filed: number
  passed: number
  /** What goes by without being kept. */
  beyond: Uint8Array | null
  full: boolean
  readonly readers: Set<{ at: number }>
  /** Something of this is another. */
  next(): Promise<void>
  changed(): void
}

export function growPack(path: string, file: FileHandle, limits: GrowingLimits): GrowingPack {
  const it = createGrowth()
  let late = false
  let cancel: (() => void) | null = null
  const end = (why: Error): void => {
    if (it.state !== 'growing') return
    it.state = 'failed'
    it.failure = why
    clearTimeout(timer)
    cancel?.()
    it.changed()
  }
  const endIfUseless = (): void => { if ((late || it.full) && it.readers.size === 0) end(new Error(it.full ? 'there is no room for it' : 'it took too long')) }
  const timer = setTimeout(() => {
    late = true
    endIfUseless()
  }, limits.withinMs)

  /** To everybody who reads. They have what is on the disk before. */
  const handOn = async (piece: Uint8Array): Promise<void> => {
    endIfUseless()
    const all = async (at: number): Promise<void> => { while (it.state === 'growing' && [...it.readers].some((reader) => reader.at < at)) await it.next() }
    await all(it.passed)
    it.beyond = piece
    it.changed()
    await all(it.passed + piece.length)
    it.passed += piece.length
    it.beyond = null
  }
  const fits = async (bytes: number): Promise<boolean> => it.filed + bytes <= limits.mostBytes && (Math.floor(it.filed / LOOK_EVERY_BYTES) === Math.floor((it.filed + bytes) / LOOK_EVERY_BYTES) || await limits.room().catch(() => false))
  const take = async (piece: Uint8Array): Promise<void> => {
    it.full ||= !await fits(piece.length) || !await written(file, piece, it.filed)
    if (it.full) return handOn(piece)
    it.filed += piece.length
    it.passed = it.filed
    it.changed()
  }
  return {
    end,
    async fill(response) {
      const watch = watchPack()
      const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader()
      cancel = () => void reader?.cancel().catch(() => {})
      try {
        for (let piece = await reader?.read(); piece?.done === false && it.state === 'growing'; piece = await reader?.read()) {
          watch.pass(piece.value)
          await take(piece.value)
        }
      } catch (error) {
        end(error instanceof Error ? error : new Error(String(error)))
      }
      clearTimeout(timer)
      if (it.state !== 'growing') cancel()
      else it.state = 'over'
      it.changed()
      await file.close()
      return it.state === 'over' && !it.full && watch.whole
    },
    async read() {
      // Who only waits for the first byte holds nothing up: there is still the host to be asked.
      while (it.filed === 0 && it.state === 'growing' && !it.full) await it.next()
      if (it.filed === 0 || it.full || it.state === 'failed') return null
      const mine = { at: 0 }
      it.readers.add(mine)
      const left = (): void => {
        it.readers.delete(mine)
        endIfUseless()
        it.changed()
      }
      const own = await open(path, 'r').catch(() => null)
      if (own !== null) return following(it, mine, own, left)
      left()
      return null
    },
  }
}

function createGrowth(): Growth {
  let next = Promise.withResolvers<void>()
  return {
    state: 'growing', failure: new Error('it broke off'), filed: 0, passed: 0, beyond: null, full: false, readers: new Set(),
    next: () => next.promise,
    changed() {
      next.resolve()
      next = Promise.withResolvers()
    },
  }
}

function following(it: Growth, mine: { at: number }, file: FileHandle, left: () => void): ReadableStream<Uint8Array> {
  let isGone = false
  const gone = async (): Promise<void> => {
    if (isGone) return
    isGone = true
    left()
    await file.close()
  }
  /** Null: no more will come. */
  const more = async (): Promise<Uint8Array | null> => {
    for (;;) {
      if (mine.at < it.filed) {
        // A fresh one each time: whoever takes it has its memory too.
        const bytes = new Uint8Array(Math.min(PIECE_BYTES, it.filed - mine.at))
        const { bytesRead } = await file.read(bytes, 0, bytes.length, mine.at)
        if (bytesRead === 0) throw new Error('it was taken away')
        return bytesRead === bytes.length ? bytes : bytes.subarray(0, bytesRead)
      }
      if (it.beyond !== null && mine.at === it.passed) return it.beyond.slice()
      if (it.state === 'failed') throw it.failure
      if (it.state === 'over' || isGone) return null
      await it.next()
    }
  }
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const bytes = await more()
        if (isGone) return
        if (bytes !== null) {
          mine.at += bytes.length
          it.changed()
          return controller.enqueue(bytes)
        }
        await gone()
        controller.close()
      } catch (error) {
        await gone()
        throw error
      }
    },
    cancel: gone,
  }, { highWaterMark: 0 })
}

/** False: not all of it. */
async function written(file: FileHandle, bytes: Uint8Array, position: number): Promise<boolean> {
  try {
    for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at, bytes.length - at, position + at)).bytesWritten
    return true
  } catch {
    return false
  }
}
