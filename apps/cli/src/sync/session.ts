/**
 * One `berth sync`: first everything by a push that keeps what the agent changed, then each file as it changes, over one
 * stream. A lost connection begins it anew, so nothing is believed that was not heard.
 */
import { watch } from 'node:fs'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Output } from '@berth/client'
import type { Workspace } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import type { SyncEntry, SyncResult } from '@berth/wire/sync-frames'
import type { Connection } from '../context.ts'
import { onAbort } from '../on-abort.ts'
import { pause } from '../pause.ts'
import { fieldsOf, git, tryGit } from '../source/git.ts'
import type { Place, Taken } from '../source/take.ts'
import { openLocalFiles, type LocalFiles } from './local-files.ts'
import { isGits } from './paths.ts'
import { pushCode } from './push-code.ts'
import { openSyncStream, type Outgoing, type SyncStream } from './sync-stream.ts'
import { watchTree, type TreeWatch } from './watch-tree.ts'

export interface SyncDeps {
  readonly connection: Connection
  /** After a connection was lost: the one to try next. */
  readonly findAgain: (before: Connection) => Promise<Connection>
  readonly workspace: Workspace
  readonly place: Place
  readonly include: readonly string[]
  readonly signal: AbortSignal
  readonly told: SyncTold
}
export interface SyncTold {
  /** Everything is there, but what was kept. */
  caughtUp(outcome: Output<'pushCode'> & { readonly taken: Taken }): void
  /** `sinceMs`: from the first change that was noticed to the last that was written. */
  sent(results: readonly SyncResult[], sinceMs: number): void
  /** The connection is gone, or there is none; it is tried again. */
  lost(why: string): void
}

/** Editors write in several steps; they are one change. */
const SETTLE_MS = 15
/** A commit touches many files of git's. */
const HEAD_SETTLE_MS = 300
const AGAIN_MS = [200, 500, 1000, 2000, 5000] as const

export async function runSync(deps: SyncDeps): Promise<void> {
  const { signal, place, include } = deps
  const scratch = await realpath(await mkdtemp(join(tmpdir(), 'berth-sync-')))
  const files = await openLocalFiles(place, { scratch, include, signal })
  const changes = createChanges()
  const broken = Promise.withResolvers<never>()
  broken.promise.catch(() => {})
  const tree = watchTree({ top: place.path, ignored: files.ignored, onDirty: changes.add, onError: broken.reject })
  const heads = place.git ? await watchHead(place.path, { signal, onChange: changes.commit }) : null
  try {
    await Promise.race([broken.promise, again(deps, (connection) => session({ ...deps, connection }, { files, changes, tree }))])
  } finally {
    tree.close();
    heads?.close()
    await rm(scratch, { recursive: true, force: true })
  }
}

/** What cannot become better by trying again. */
const FINAL = new Set(['unsupported', 'not_found', 'unauthorized', 'forbidden', 'bad_request', 'conflict'])

async function again({ connection: first, findAgain, workspace: { id }, signal, told }: SyncDeps, work: (connection: Connection) => Promise<'new push'>): Promise<void> {
  let connection = first
  for (let tries = 0; !signal.aborted;) {
    try {
      if (tries > 0) {
        connection = await findAgain(connection)
        refuseDeleted(await connection.client.getWorkspace({ id }, signal))
      }
      await work(connection)
      tries = 0
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof BerthError) || FINAL.has(error.code)) throw error
      told.lost(error.code === 'workspace_not_running' && error.hint !== undefined ? `${error.message}; ${error.hint}` : error.message)
      await pause(AGAIN_MS[Math.min(tries++, AGAIN_MS.length - 1)] ?? 0, signal)
    }
  }
}

/** git would say of it that it cannot be reached. */
function refuseDeleted({ name, phase }: Workspace): void {
  if (phase === 'deleting' || phase === 'deleted') throw new BerthError('not_found', `${name} is deleted`, { hint: 'see `berth list`' })
}

interface Parts { readonly files: LocalFiles; readonly changes: Changes; readonly tree: TreeWatch }

async function session(deps: SyncDeps, { files, changes, tree }: Parts): Promise<'new push'> {
  const { connection, workspace, place, include, signal, told } = deps
  let known = new Map<string, SyncEntry>()
  // Each time anew: directories may have come while nobody listened.
  await tree.add([''])
  changes.begin()
  const outcome = await pushCode(deps, connection, { workspace, place, include, strategy: 'keep', onProgress: () => {}, onTaken: async (taken) => { known = await entriesOf(place, taken, signal) } })
  const stream = await openSyncStream(connection.endpoint, { id: workspace.id, top: place.path, signal })
  const listenNoMore = onAbort(signal, stream.close)
  try {
    told.caughtUp(outcome)
    for (;;) {
      const next = await Promise.race([changes.next(), stream.ended])
      if (typeof next === 'string') throw new BerthError('daemon_unreachable', next || 'the connection was lost')
      if (next.commit) return 'new push'
      await tree.add([...next.paths].filter((path) => path !== '' && !path.endsWith('/')))
      const results = await sendChanges(stream, { files, paths: next.paths, known })
      if (results.length > 0) told.sent(results, performance.now() - next.since)
    }
  } finally {
    listenNoMore()
    stream.close()
  }
}

async function sendChanges(stream: SyncStream, { files, paths, known }: { files: LocalFiles; paths: ReadonlySet<string>; known: Map<string, SyncEntry> }): Promise<SyncResult[]> {
  const found = await files.look(paths, known)
  const batch: Outgoing[] = []
  for (const [path, now] of found) {
    const was = known.get(path) ?? null
    if (now === null ? was === null : was !== null && was.mode === now.mode && was.oid === now.oid) continue
    batch.push({ path, was, now, content: now === null ? null : await files.content(path, now).catch(() => null) })
  }
  if (batch.length === 0) return []
  // What goes, goes first, the deepest before: a file may take the place of a directory.
  batch.sort((a, b) => Number(a.now !== null) - Number(b.now !== null) || (a.now === null ? b.path.length - a.path.length : 0))
  const results = await stream.send(batch)
  for (const { path, what, entry } of results) {
    if (what !== 'written' && what !== 'already') continue
    if (entry) known.set(path, entry)
    else known.delete(path)
  }
  return results
}

async function entriesOf(place: Place, taken: Taken, signal: AbortSignal): Promise<Map<string, SyncEntry>> {
  const listed = fieldsOf(await git(['ls-tree', '-r', '-z', '--full-tree', taken.commit], { cwd: place.path, env: taken.env, signal, bytes: true }))
  return new Map(listed.flatMap((line) => {
    const [, mode = '', oid = '', path = ''] = /^([0-7]{6}) blob ([0-9a-f]{40})\t([\s\S]+)$/.exec(line) ?? []
    return path === '' ? [] : [[path, { mode, oid }]]
  }))
}

interface Next { readonly paths: ReadonlySet<string>; readonly since: number; readonly commit: boolean }
interface Changes {
  add(path: string): void
  /** The person's HEAD is another commit. */
  commit(): void
  /** A push takes it all in; what changes from now on counts. */
  begin(): void
  /** When something changed and came to rest. */
  next(): Promise<Next>
}

function createChanges(): Changes {
  let paths = new Set<string>()
  let since = 0
  let commit = false
  let waiter: PromiseWithResolvers<void> | null = null
  const wake = (): void => {
    waiter?.resolve()
    waiter = null
  }
  return {
    add(path) {
      if (isGits(path)) return
      if (paths.size === 0) since = performance.now()
      paths.add(path)
      wake()
    },
    commit() {
      commit = true
      wake()
    },
    begin() {
      paths = new Set()
      commit = false
    },
    async next() {
      while (paths.size === 0 && !commit) {
        waiter ??= Promise.withResolvers<void>()
        await waiter.promise
      }
      for (let before = -1; before !== paths.size;) {
        before = paths.size
        await Bun.sleep(SETTLE_MS)
      }
      const taken = { paths, since, commit }
      paths = new Set()
      commit = false
      return taken
    },
  }
}

/** Says when another commit is checked out, or made. */
async function watchHead(top: string, { signal, onChange }: { signal: AbortSignal; onChange: () => void }): Promise<{ close(): void }> {
  const options = { cwd: top, signal }
  const head = async (): Promise<string> => (await tryGit(['rev-parse', '--verify', '--quiet', 'HEAD'], options)).stdout.trim()
  const dir = (await git(['rev-parse', '--absolute-git-dir'], options)).replace(/\n$/, '')
  let last = await head()
  let timer: ReturnType<typeof setTimeout> | null = null
  const look = (): void => {
    timer = null
    head().then((now) => {
      if (now !== last) onChange()
      last = now
    }, () => {})
  }
  const watcher = watch(dir, () => { timer ??= setTimeout(look, HEAD_SETTLE_MS) })
  watcher.on('error', () => {})
  return {
    close() {
      if (timer !== null) clearTimeout(timer)
      watcher.close()
    },
  }
}
