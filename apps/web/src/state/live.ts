/** Puts what the server says into the signals of the page, and keeps a stream for each workspace that is looked at. */
import { createPageSocket, type PageSocket, type PageSocketOptions } from '@berth/client/page-socket'
import { isUnanswered } from '@berth/wire/approval-rules'
import { BerthError } from '@berth/wire/error'
import type { ApprovalId, StoredEvent, WorkspaceId } from '@berth/wire'
import type { Presence } from '@berth/wire/live'
import { signal } from '@preact/signals'
import { sayAnswered } from './decide.ts'
import { approvals, client, hearTime, now, offlineSince, parseRoute, putApproval, putWorkspaces, putWorkspaceSoon, refused, route, serverNow, signedOut, socketUrl, workspaceOf } from './session.ts'
import { createStream, type Stream } from './stream.ts'

/** Clocks on the page move this often. */
const CLOCK_MS = 1000
/** Events read at once when a workspace is opened; the ones before come when somebody goes up. */
const OPEN_EVENTS = 120

export const presence = signal<ReadonlyMap<WorkspaceId, readonly Presence[]>>(new Map())
/** What is shown is what the server said lately. A page that comes back from the background, or out of the cache, asks first. */
export const fresh = signal(true)
/** Away for longer than this, somebody else may have answered. */
const AWAY_MS = 30_000
let heardAt = 0
let hiddenAt = 0
let socket: PageSocket | null = null
interface Looked { readonly stream: Stream; users: number; /** The room that is open. */ at: string | null }
const streams = new Map<WorkspaceId, Looked>()

/** The stream of a workspace. The server, and a page out of the cache, have streams that nothing feeds. */
export function streamOf(id: WorkspaceId): Stream {
  const known = streams.get(id)
  if (known) return known.stream
  const stream = createStream(id)
  streams.set(id, { stream, users: 0, at: null })
  return stream
}

/** The server draws one page after another; nothing of one may be seen in the next. */
export function forgetStreams(): void {
  streams.clear()
}

/** Out of the cache, while nothing is heard: what comes later follows on it. */
export function beginStream(id: WorkspaceId, events: readonly StoredEvent[], after: number): void {
  const stream = streamOf(id)
  stream.begin(events, after)
  const entry = streams.get(id)
  if (!entry || entry.users === 0) return
  socket?.unwatch(id)
  socket?.watch(id, after, entry)
}

/** Follows it until the last who asked for it has given it back. */
export function watchStream(id: WorkspaceId, at: string, events = OPEN_EVENTS): () => void {
  const stream = streamOf(id)
  const entry = streams.get(id)
  if (!entry) return () => undefined
  entry.users += 1
  entry.at = at
  if (stream.cursor() === 0) stream.startAt(Math.max(0, (workspaceOf(id)?.tail ?? 0) - events))
  socket?.watch(id, stream.cursor(), entry)
  return () => {
    entry.users -= 1
    if (entry.users > 0) return
    socket?.unwatch(id)
    streams.delete(id)
    stream.close()
  }
}

/** For others who look: which room is open. */
export function sayPlace(id: WorkspaceId, at: string): void {
  const entry = streams.get(id)
  if (!entry || entry.users === 0) return
  entry.at = at
  socket?.watch(id, entry.stream.cursor(), entry)
}

export function startLive(): void {
  heardAt = serverNow()
  socket = createPageSocket({
    url: socketUrl('/socket'),
    on: take,
    onEvents(id, events) {
      heardAt = serverNow()
      streams.get(id)?.stream.take(events)
    },
    onState,
    signedOut: () => client.listApprovals({}).then(() => false, (error: unknown) => error instanceof BerthError && error.code === 'unauthorized'),
  })
  socket.list()
  for (const [id, entry] of streams) if (entry.users > 0) socket.watch(id, entry.stream.cursor(), entry)
  setInterval(() => (now.value = serverNow()), CLOCK_MS)
  addEventListener('popstate', () => (route.value = parseRoute(location.pathname)))
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return void (hiddenAt = serverNow())
    now.value = serverNow()
    if (now.value - hiddenAt < AWAY_MS) return
    fresh.value = false
    socket?.list()
  })
  const touched = () => { if (route.value.at === 'workspace') socket?.input(route.value.id) }
  for (const name of ['keydown', 'pointerdown', 'wheel'] as const) addEventListener(name, touched, { passive: true })
}

/** Which question is on the screen of a focused page; others get a push for it. */
export function sayFocus(approvalId: ApprovalId | null): void {
  socket?.focus(document.hasFocus() ? approvalId : null)
}

function onState(state: 'live' | 'away' | 'signed-out'): void {
  if (state === 'signed-out') signedOut.value = true
  else if (state === 'away') {
    offlineSince.value ??= heardAt
    // Once it is heard again, what is shown is old until the list is here.
    fresh.value = false
  }
  else {
    heardAt = serverNow()
    offlineSince.value = null
  }
}

function take(message: Parameters<PageSocketOptions['on']>[0]): void {
  heardAt = serverNow()
  switch (message.type) {
    case 'list':
      // A server of a moment ago said none.
      hearTime(message.now ?? serverNow())
      putWorkspaces(message.workspaces)
      approvals.value = message.approvals.filter(isUnanswered).sort((a, b) => a.askedAt - b.askedAt)
      fresh.value = true
      // Also where the cache was read while the socket opened.
      offlineSince.value = null
      return
    case 'workspace': return putWorkspaceSoon(message.workspace)
    case 'approval':
      sayAnswered(message.approval)
      return putApproval(message.approval)
    case 'live': return streams.get(message.workspaceId)?.stream.live(message.items)
    case 'cursor-gone': {
      const entry = streams.get(message.workspaceId)
      entry?.stream.restart(message.floor)
      if (entry && entry.users > 0) socket?.watch(message.workspaceId, message.floor, entry)
      return
    }
    case 'presence':
      presence.value = new Map(presence.value).set(message.workspaceId, message.viewers)
      return
    case 'refused':
      // A workspace that does not exist says so itself.
      if (message.workspaceId === null) refused(new Error(message.message))
  }
}
