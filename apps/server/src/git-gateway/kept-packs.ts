/**
 * Packs that were asked for before, word for word: many agents are given the same repository, and the host makes and sends
 * the same hundred megabytes for each. An answer is kept when the same is asked for the second time, and serves from then
 * on whoever was shown the same refs by the host itself, with the access that is theirs, a moment before. What is left of a
 * server before this one, what is too much, and what nobody used goes.
 */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, stat, statfs, utimes } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readShownIds } from '@berth/core'
import type { Clock, FetchCommand, RepositoryAddress } from '@berth/core'
import type { OrgId, WorkspaceId } from '@berth/wire'
import type { Log } from '../http/respond.ts'
import { watchPack } from './whole-pack.ts'

/** `own`: with the access that the workspace has, not as a stranger. */
export interface Asker extends RepositoryAddress { readonly orgId: OrgId; readonly workspaceId: WorkspaceId; readonly own: boolean }

export interface KeptPacks {
  /** The same pack, from this server's disk. Null: it is not kept, or not for this asker. */
  find(asker: Asker, command: FetchCommand): Promise<Response | null>
  /** What the host said, as it comes: refs are remembered for a moment, a pack that is asked for again is kept. */
  passing(asker: Asker, command: FetchCommand, response: Response): Promise<Response>
}

export interface KeptPacksLimits { readonly leastBytes: number; readonly mostBytes: number; readonly totalBytes: number }
/** Below it there is nothing to gain; above it one repository would push out all others. */
export const PACK_LIMITS: KeptPacksLimits = { leastBytes: 1024 * 1024, mostBytes: 2 * 1024 ** 3, totalBytes: 8 * 1024 ** 3 }
/** Of the disk, so much stays free for what cannot be asked for again. */
const FREE_SHARE = 0.1
const UNUSED_MS = 7 * 24 * 3600_000
const TIDY_MS = 3600_000
/** git asks for the pack at once after it was shown the refs. */
const SHOWN_MS = 60_000
const SHOWN_LIMIT = 100
const REFS_LIMIT_BYTES = 256 * 1024
const ASKED_MS = 24 * 3600_000
const ASKED_LIMIT = 1000
const WRITERS = 4
const PIECE_BYTES = 256 * 1024
const UNFINISHED = '.part'
const RESULT = 'application/x-git-upload-pack-result'

export function createKeptPacks({ dir, clock, log, limits = PACK_LIMITS }: { dir: string; clock: Clock; log: Log; limits?: KeptPacksLimits }): KeptPacks {
  const shown = createBook<Shown>({ clock, ms: SHOWN_MS, limit: SHOWN_LIMIT })
  const asked = createBook<true>({ clock, ms: ASKED_MS, limit: ASKED_LIMIT })
  const writing = new Set<string>()

  /** Null: the host has not just shown all of this to this asker. */
  const nameOf = (asker: Asker, command: FetchCommand): string | null => {
    if (command.kind !== 'pack') return null
    const refs = shown.get(placeOf(asker))
    if (refs === null || !command.wants.every((id) => refs.ids.has(id))) return null
    return digest([asker.orgId, asker.origin, asker.path, refs.digest, command.terms].join('\n'))
  }
  const keeping = async (name: string, response: Response): Promise<Response> => {
    if (writing.has(name) || writing.size >= WRITERS) return response
    writing.add(name)
    const aside = join(dir, `${name}.${randomUUID()}${UNFINISHED}`)
    const file = await begun(aside).catch((error: unknown) => notKept(null, error, log))
    if (file === null) {
      writing.delete(name)
      return response
    }
    const watch = watchPack()
    let size = 0
    return onTheWay(response, {
      log,
      async piece(bytes) {
        size += bytes.length
        if (size > limits.mostBytes) throw new Error('it is too large')
        watch.pass(bytes)
        for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at)).bytesWritten
      },
      async end(well) {
        try {
          await file.close()
          if (well && watch.whole && size >= limits.leastBytes) await rename(aside, join(dir, name))
          else await rm(aside, { force: true })
        } finally {
          writing.delete(name)
        }
        if (well) await tidy()
      },
    })
  }
  let tidiedAt = -Infinity
  const tidy = async (): Promise<void> => {
    tidiedAt = clock.now()
    const found = await Promise.all((await readdir(dir).catch(() => [])).map(async (name) => ({ name, ...await usedOf(join(dir, name)) })))
    let kept = 0
    for (const { name, size, usedAt } of found.toSorted((a, b) => b.usedAt - a.usedAt)) {
      if (name.endsWith(UNFINISHED)) {
        if (!writing.has(name.slice(0, name.indexOf('.')))) await rm(join(dir, name), { force: true })
        continue
      }
      kept += size
      if (kept > limits.totalBytes || usedAt < clock.now() - UNUSED_MS) await rm(join(dir, name), { force: true })
    }
  }
  return {
    async find(asker, command) {
      if (clock.now() > tidiedAt + TIDY_MS) await tidy().catch((error: unknown) => log(`packs that were kept: ${String(error)}`))
      const name = nameOf(asker, command)
      const path = name === null ? null : join(dir, name)
      const file = path === null ? null : await open(path, 'r').catch(() => null)
      if (path === null || file === null) return null
      const now = new Date(clock.now())
      await utimes(path, now, now).catch(() => {})
      return new Response(readingOf(file), { headers: { 'content-type': RESULT } })
    },
    async passing(asker, command, response) {
      if (response.status !== 200 || response.headers.get('content-type') !== RESULT) return response
      if (command.kind === 'refs') return noting(response, (refs) => { shown.put(placeOf(asker), refs) }, log)
      const name = nameOf(asker, command)
      if (name === null) return response
      if (asked.get(name) !== null) return keeping(name, response)
      asked.put(name, true)
      return response
    },
  }
}

/** The refs of a repository, as the host showed them to one asker. */
interface Shown { readonly ids: ReadonlySet<string>; readonly digest: string }
const digest = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex')
const placeOf = ({ workspaceId, own, origin, path }: Asker): string => [workspaceId, own, origin, path].join('\n')
const usedOf = async (path: string): Promise<{ size: number; usedAt: number }> => stat(path).then(({ size, mtimeMs }) => ({ size, usedAt: mtimeMs }), () => ({ size: 0, usedAt: 0 }))

/** Null: there is no room for what can be asked for again. */
async function begun(path: string): Promise<FileHandle | null> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const { bavail, blocks } = await statfs(dirname(path))
  return bavail > blocks * FREE_SHARE ? open(path, 'wx', 0o600) : null
}

/** What was said for so long, and of so many; the oldest goes first. */
function createBook<T>({ clock, ms, limit }: { clock: Clock; ms: number; limit: number }): { get(key: string): T | null; put(key: string, value: T): void } {
  const entries = new Map<string, { readonly value: T; readonly until: number }>()
  return {
    get(key) {
      const entry = entries.get(key)
      return entry === undefined || entry.until <= clock.now() ? null : entry.value
    },
    put(key, value) {
      entries.delete(key)
      entries.set(key, { value, until: clock.now() + ms })
      for (const [first, { until }] of entries) {
        if (entries.size <= limit && until > clock.now()) break
        entries.delete(first)
      }
    },
  }
}

function notKept<T>(instead: T, error: unknown, log: Log): T {
  log(`a pack is not kept: ${error instanceof Error ? error.message : String(error)}`)
  return instead
}

/** Where they are not too many, and came whole, `take` has them too. */
function noting(response: Response, take: (refs: Shown) => void, log: Log): Response {
  const pieces: Uint8Array[] = []
  let size = 0
  return onTheWay(response, {
    async piece(bytes) {
      size += bytes.length
      if (size <= REFS_LIMIT_BYTES) pieces.push(bytes.slice())
    },
    async end(well) {
      const bytes = well && size <= REFS_LIMIT_BYTES ? Buffer.concat(pieces) : null
      const ids = bytes === null ? null : readShownIds(bytes)
      if (bytes !== null && ids !== null) take({ ids, digest: digest(bytes) })
    },
    log,
  })
}

/** Each piece is looked at before it goes on; whatever goes wrong there ends the looking and not the answer. `end` is called once. */
function onTheWay(response: Response, { piece, end, log }: { piece(bytes: Uint8Array): Promise<void>; end(well: boolean): Promise<void>; log: Log }): Response {
  if (response.body === null) return response
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  let looking = true
  const look = async (work: () => Promise<void>): Promise<void> => {
    if (!looking) return
    try {
      await work()
    } catch (error) {
      await over(false)
      notKept(response, error, log)
    }
  }
  const over = async (well: boolean): Promise<void> => {
    looking = false
    await end(well).catch((error: unknown) => notKept(response, error, log))
  }
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await reader.read().catch(async (error: unknown) => {
        if (looking) await over(false)
        throw error
      })
      if (next.done) {
        if (looking) await over(true)
        return controller.close()
      }
      await look(() => piece(next.value))
      controller.enqueue(next.value)
    },
    async cancel(reason) {
      if (looking) await over(false)
      await reader.cancel(reason)
    },
  }, { highWaterMark: 0 })
  return new Response(body, { status: response.status, headers: response.headers })
}

/** The file's, which is closed afterwards. It may be deleted meanwhile. */
function readingOf(file: FileHandle): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      // A fresh one each time: whoever takes it has its memory too.
      const piece = new Uint8Array(PIECE_BYTES)
      const { bytesRead } = await file.read(piece, 0, PIECE_BYTES)
      if (bytesRead > 0) return controller.enqueue(bytesRead === PIECE_BYTES ? piece : piece.slice(0, bytesRead))
      await file.close()
      controller.close()
    },
    cancel: () => file.close(),
  }, { highWaterMark: 0 })
}
