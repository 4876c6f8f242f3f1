/**
 * One workspace's events on one page's socket, from the page's cursor on. Live and replay are the same: an append only
 * says "look again", and what is sent is read from the store.
 */
import { BerthError } from '@berth/wire'
import type { StoredEvent, WorkspaceId } from '@berth/wire'
import { fromOldestKept, readPage } from '../http/stream.ts'
import type { StreamDeps } from '../http/stream.ts'
import { createBell } from '../loops/bell.ts'
import type { Outlet } from './outlet.ts'
import { messageOf } from '../thrown.ts'

export interface WatchDeps extends StreamDeps { readonly log: (line: string) => void }
export interface Watch {
  /** Something was appended. */
  ring(): void
  stop(): void
}

/** One message: on a slow phone it takes a second, and it is what the answer to a ping waits behind. */
const SLICE_LIMIT = 64 * 1024
/** Looked at without being told, should a bell be lost. */
const LOOK_AGAIN_MS = 60_000
/** The database is away: asked again after this. */
const AFTER_ERROR_MS = 1000

export function startWatch(deps: WatchDeps, outlet: Outlet, at: { workspaceId: WorkspaceId; after: number; /** It may see this one. */ begun(): void; /** The page was told why: it may watch again. */ refused(): void }): Watch {
  const { workspaceId } = at
  const bell = createBell()
  let stopped = false

  /** False: it is over. */
  async function once(cursor: { after: number; first: boolean }): Promise<boolean> {
    if (!(await outlet.room()) || stopped) return false
    const read = await readShown(deps, workspaceId, cursor.after)
    for (const slice of read.events.length === 0 && cursor.first ? [[]] : slices(read.events)) {
      if (!(await outlet.room()) || stopped) return false
      const last = read.events.length === 0 || slice.at(-1)?.seq === read.next
      outlet.sendText(`{"type":"events","workspaceId":"${workspaceId}","events":[${slice.map(({ json }) => json).join(',')}],"upToDate":${last && read.atTail}}`)
      cursor.after = slice.at(-1)?.seq ?? cursor.after
    }
    cursor.first = false
    if (read.closed) return false
    if (read.atTail) await bell.wait(LOOK_AGAIN_MS)
    return !stopped
  }

  async function run(): Promise<void> {
    const cursor = { after: at.after, first: true }
    let begun = false
    while (!stopped) {
      try {
        if (!begun) {
          cursor.after = await beginning(deps, at)
          begun = true
          if (stopped) return
          at.begun()
        }
        if (!(await once(cursor))) return
      } catch (error) {
        if (stopped) return
        if (refused(outlet, workspaceId, error)) return at.refused()
        deps.log(`socket: ${workspaceId}: ${messageOf(error)}`)
        await bell.wait(AFTER_ERROR_MS)
      }
    }
  }
  run().catch((error: unknown) => deps.log(`socket: ${workspaceId}: ${String(error)}`))

  return {
    ring: () => bell.ring(),
    stop() {
      stopped = true
      bell.ring()
    },
  }
}

/** Throws once it was taken off the web, though a page watches it. */
async function readShown(deps: WatchDeps, id: WorkspaceId, after: number): ReturnType<typeof readPage> {
  const read = await readPage(deps, id, after)
  if (read.events.some(({ body }) => body.type === 'workspace.notice' && body['code'] === 'web_off')) await requireHere(deps, id)
  return read
}

async function requireHere({ store }: WatchDeps, id: WorkspaceId): Promise<void> {
  if ((await store.getWorkspace(id)) === null) throw new BerthError('not_found', `there is no workspace ${id}`)
}

async function beginning(deps: WatchDeps, { workspaceId, after }: { workspaceId: WorkspaceId; after: number }): Promise<number> {
  await requireHere(deps, workspaceId)
  // Ahead of what is stored: the server was restored from a backup, and what the page has is of another history.
  if (after > (await deps.store.events.tail(workspaceId))) throw new BerthError('cursor_gone', 'the cursor is ahead of what is stored', { details: { floor: 0 } })
  return fromOldestKept(deps, workspaceId, after)
}

/** What asking again does not change. */
function refused(outlet: Outlet, workspaceId: WorkspaceId, error: unknown): boolean {
  if (!(error instanceof BerthError)) return false
  const floor = error.details?.['floor']
  if (error.code === 'cursor_gone') outlet.send({ type: 'cursor-gone', workspaceId, floor: typeof floor === 'number' ? floor : 0 })
  else if (error.code === 'not_found') outlet.send({ type: 'refused', workspaceId, code: error.code, message: error.message, hint: error.hint ?? null })
  return error.code === 'cursor_gone' || error.code === 'not_found'
}

interface Piece { readonly seq: number; readonly json: string }
function slices(events: readonly StoredEvent[]): Piece[][] {
  const found: Piece[][] = []
  let size = SLICE_LIMIT
  for (const event of events) {
    const json = JSON.stringify(event)
    if (size + json.length > SLICE_LIMIT) {
      found.push([])
      size = 0
    }
    found.at(-1)?.push({ seq: event.seq, json })
    size += json.length
  }
  return found
}
