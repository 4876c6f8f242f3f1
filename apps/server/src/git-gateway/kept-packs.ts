/**
 * Packs that were asked for before, word for word: many agents are given the same repository, and the host makes and sends
 * the same hundred megabytes for each. An answer is kept when the same is asked for the second time, and serves from then
 * on whoever was shown the same refs by the host itself, with the access that is theirs, a moment before. What the server
 * asks ahead for a workspace is kept at once, and read by who asks while it still comes.
 */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, rename, rm, stat, statfs, utimes } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readShownIds } from '@berth/core'
import type { Clock, FetchCommand, RepositoryAddress } from '@berth/core'
import type { OrgId, WorkspaceId } from '@berth/wire'
import type { Log } from '../http/respond.ts'
import { createBook } from './book.ts'
import { createExpected } from './expected-packs.ts'
import { createGrowingPacks } from './growing-packs.ts'
import type { AskedAhead, Place } from './growing-packs.ts'
import { onTheWay } from './on-the-way.ts'
import { createTidying, UNFINISHED } from './pack-tidying.ts'
import { watchPack } from './whole-pack.ts'

/** `own`: with the access that the workspace has, not as a stranger. */
export interface Asker extends RepositoryAddress { readonly orgId: OrgId; readonly workspaceId: WorkspaceId; readonly own: boolean }

export interface KeptPacks {
  /** The same pack, from this server's disk. Null: it is not kept, or not for this asker. */
  find(asker: Asker, command: FetchCommand): Promise<Response | null>
  /** What the host said, as it comes: refs are remembered for a moment, a pack that is asked for again is kept. */
  passing(asker: Asker, command: FetchCommand, response: Response): Promise<Response>
  /**
   * For a pack that the server asks ahead: written from the first time on, as fast as it comes. Null: it is here or on its way, the
   * host has not just shown its refs, or there is no room. What is given must be begun, or ended.
   */
  ahead(asker: Asker, command: FetchCommand): Promise<AskedAhead | null>
  /** Something of it is about to be asked ahead: who asks meanwhile waits for a moment, so as not to have it twice. Returns the end of that. */
  expect(repository: Repository): () => void
  /** Nothing is written after it. */
  stop(): Promise<void>
}
export type Repository = Pick<Asker, 'orgId' | 'origin' | 'path'>

export interface KeptPacksLimits { readonly leastBytes: number; readonly mostBytes: number; readonly totalBytes: number; /** What is asked ahead and nobody reads. */ readonly aheadMs: number; /** What is about to be asked ahead is waited for no longer. */ readonly expectedMs: number }
/** Below it there is nothing to gain; above it one repository would push out all others. */
export const PACK_LIMITS: KeptPacksLimits = { leastBytes: 1024 * 1024, mostBytes: 2 * 1024 ** 3, totalBytes: 8 * 1024 ** 3, aheadMs: 10 * 60_000, expectedMs: 5000 }
/** Of the disk, so much stays free for what cannot be asked for again. */
const FREE_SHARE = 0.1
/** git asks for the pack at once after it was shown the refs. */
const SHOWN_MS = 60_000
const SHOWN_LIMIT = 100
const REFS_LIMIT_BYTES = 256 * 1024
const ASKED_MS = 24 * 3600_000
const ASKED_LIMIT = 1000
const WRITERS = 4
const PIECE_BYTES = 256 * 1024
const RESULT = 'application/x-git-upload-pack-result'

export function createKeptPacks({ dir, clock, log, limits = PACK_LIMITS }: { dir: string; clock: Clock; log: Log; limits?: KeptPacksLimits }): KeptPacks {
  const shown = createBook<Shown>({ clock, ms: SHOWN_MS, limit: SHOWN_LIMIT })
  const asked = createBook<true>({ clock, ms: ASKED_MS, limit: ASKED_LIMIT })
  const writing = new Set<string>()
  const expected = createExpected(limits.expectedMs)
  let stopped = false
  const trouble = (error: unknown): null => {
    log(`a pack is not kept: ${error instanceof Error ? error.message : String(error)}`)
    return null
  }

  /** Of what was kept for these refs and these terms. Null: the host has not just shown any to this asker. */
  const nameOf = (asker: Asker, command: FetchCommand): string | null => {
    const refs = command.kind === 'pack' ? shown.get(placeOf(asker)) : null
    return refs === null || command.kind !== 'pack' ? null : digest([asker.orgId, asker.origin, asker.path, refs.digest, command.terms].join('\n'))
  }
  /** Whatever is wanted was among what was shown: of anything else nobody here knows that whoever is shown the same may have it. */
  const mayKeep = (asker: Asker, command: FetchCommand): boolean => {
    const refs = shown.get(placeOf(asker))
    return !(refs === null || command.kind !== 'pack' || !command.wants.every((id) => refs.ids.has(id)))
  }
  const bodyOf = async (name: string): Promise<ReadableStream<Uint8Array> | null> => {
    const onItsWay = await growing.read(name)
    if (onItsWay !== null) return onItsWay
    const path = join(dir, name)
    const file = await open(path, 'r').catch(() => null)
    if (file === null) return null
    const now = new Date(clock.now())
    await utimes(path, now, now).catch(() => {})
    return readingOf(file)
  }
  /** To write it. Null: somebody does already, too many do, or there is no room. */
  const placeFor = async (name: string): Promise<Place | null> => {
    if (writing.has(name) || writing.size >= WRITERS) return null
    writing.add(name)
    const aside = join(dir, `${name}.${randomUUID()}${UNFINISHED}`)
    const file = await begun(aside).catch(trouble)
    if (file !== null) return { aside, file }
    writing.delete(name)
    return null
  }
  const keeping = async (name: string, response: Response): Promise<Response> => {
    const place = await placeFor(name)
    if (place === null) return response
    const { aside, file } = place
    const watch = watchPack()
    let size = 0
    return onTheWay(response, {
      trouble,
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
  const { tidy, isDue } = createTidying({ dir, clock, limits, isWritten: (name) => writing.has(name) })
  const growing = createGrowingPacks({ dir, limits: { mostBytes: limits.mostBytes, withinMs: limits.aheadMs, room: () => hasRoom(dir) }, trouble, tidy, over: (name) => void writing.delete(name) })
  return {
    async find(asker, command) {
      if (isDue()) await tidy().catch((error: unknown) => log(`packs that were kept: ${String(error)}`))
      const name = nameOf(asker, command)
      if (name === null) return null
      const body = await bodyOf(name) ?? (await expected.waited(repositoryOf(asker)) ? await bodyOf(name) : null)
      return body === null ? null : new Response(body, { headers: { 'content-type': RESULT } })
    },
    async passing(asker, command, response) {
      if (response.status !== 200 || response.headers.get('content-type') !== RESULT) return response
      if (command.kind === 'refs') return noting(response, (refs) => { shown.put(placeOf(asker), refs) }, trouble)
      const name = mayKeep(asker, command) ? nameOf(asker, command) : null
      if (name === null) return response
      if (asked.get(name) !== null) return keeping(name, response)
      asked.put(name, true)
      return response
    },
    async ahead(asker, command) {
      const name = nameOf(asker, command)
      if (name === null || stopped || (await stat(join(dir, name)).catch(() => null)) !== null) return null
      const place = await placeFor(name)
      return place === null ? null : growing.begin(name, place)
    },
    expect: (repository) => expected.add(repositoryOf(repository)),
    async stop() {
      stopped = true
      await growing.stop()
    },
  }
}

/** The refs of a repository, as the host showed them to one asker. */
interface Shown { readonly ids: ReadonlySet<string>; readonly digest: string }
const digest = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex')
const repositoryOf = ({ orgId, origin, path }: Repository): string => [orgId, origin, path].join('\n')
const placeOf = ({ workspaceId, own, origin, path }: Asker): string => [workspaceId, own, origin, path].join('\n')

/** Null: there is no room for what can be asked for again. */
async function begun(path: string): Promise<FileHandle | null> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  return await hasRoom(dirname(path)) ? open(path, 'wx', 0o600) : null
}
async function hasRoom(dir: string): Promise<boolean> {
  const { bavail, blocks } = await statfs(dir)
  return bavail > blocks * FREE_SHARE
}

/** Where they are not too many, and came whole, `take` has them too. */
function noting(response: Response, take: (refs: Shown) => void, trouble: (error: unknown) => void): Response {
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
    trouble,
  })
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
