/**
 * The page's one connection (contract: `live.ts` of the wire), small enough for the first load. It connects again by
 * itself, says its cursors, and gives every event once and in order. Somebody who comes back to the page sees no
 * "disconnected" before three seconds of trying.
 */
import type { ApprovalId, StoredEvent, WorkspaceId } from '@berth/wire'
import type { FromPage, LiveItem, Presence, ToPage } from '@berth/wire/live'

export interface PageSocketOptions {
  /** `wss://…/api/v1/socket`. */
  readonly url: string
  on(message: Exclude<ToPage, { type: 'events' | 'pong' | 'goaway' }>): void
  /** In order, without a hole, each once. */
  onEvents(workspaceId: WorkspaceId, events: StoredEvent[], upToDate: boolean): void
  /** `away` only after some seconds of failure. `signed-out` is the end. */
  onState(state: 'live' | 'away' | 'signed-out'): void
  /** Asked when a connection was refused before it opened: a page is not told why. True: there is no session any more. */
  signedOut?(): Promise<boolean>
}
export interface PageSocket {
  list(): void
  /** `after`: the seq that is shown already. Called again it moves `at` and `hunkId` only. */
  watch(workspaceId: WorkspaceId, after: number, place?: { at?: string | null; hunkId?: string | null }): void
  unwatch(workspaceId: WorkspaceId): void
  /** A person did something; most of the calls are not sent. */
  input(workspaceId: WorkspaceId): void
  focus(approvalId: ApprovalId | null): void
  close(): void
}
export type { LiveItem, Presence }

const AWAY_AFTER_MS = 3000
/** A timer that comes so much later than it was due slept, with its page or its machine. */
const LATE_MS = 1000
const FIRST_RETRY_MS = 200
const LAST_RETRY_MS = 5000
const PING_MS = 15_000
/** Something is heard so soon after a ping; behind a slow network an answer waits for what was sent before it. */
const PONG_WITHIN_MS = 4000
/** Of a socket that slept with its phone, which is dead more often than not. */
const WAKING_MS = 1200
const OPEN_WITHIN_MS = 10_000
/** A connection that lasted is begun again at once. */
const LASTED_MS = 5000
const INPUT_EVERY_MS = 60_000
const SIGNED_OUT = 4401

interface Watched { cursor: number; at: string | null; hunkId: string | null; inputAt: number }

export function createPageSocket(options: PageSocketOptions): PageSocket {
  const watched = new Map<WorkspaceId, Watched>()
  let listing = false
  let focused: ApprovalId | null = null
  const connection = createConnection(options, {
    opened() {
      if (listing) connection.send({ type: 'list' })
      for (const entry of watched) sendWatch(...entry)
      if (focused !== null) sendFocus()
    },
    took: take,
    seen: () => sendFocus(),
  })
  const sendWatch = (workspaceId: WorkspaceId, { cursor, at, hunkId }: Watched): void => connection.send({ type: 'watch', workspaceId, after: cursor, at, hunkId })
  const sendFocus = (): void => connection.send({ type: 'focus', approvalId: hidden() ? null : focused })

  function take(message: Exclude<ToPage, { type: 'pong' | 'goaway' }>): void {
    if (message.type !== 'events') {
      // What was refused, or begins anew, is watched again by whoever wants it.
      if (message.type === 'cursor-gone' || (message.type === 'refused' && message.workspaceId !== null)) watched.delete(message.workspaceId as WorkspaceId)
      return options.on(message)
    }
    const entry = watched.get(message.workspaceId)
    if (entry === undefined) return
    const events = message.events.filter(({ seq }) => seq > entry.cursor)
    // Sent before an `unwatch` that was followed by another `watch`: what belongs here comes after it.
    if (entry.cursor > 0 && events[0] !== undefined && events[0].seq !== entry.cursor + 1) return
    entry.cursor = events.at(-1)?.seq ?? entry.cursor
    options.onEvents(message.workspaceId, events, message.upToDate)
  }

  return {
    list() {
      listing = true
      connection.send({ type: 'list' })
    },
    watch(workspaceId, after, place = {}) {
      const entry = watched.get(workspaceId) ?? { cursor: after, at: null, hunkId: null, inputAt: 0 }
      entry.at = place.at ?? null
      entry.hunkId = place.hunkId ?? null
      watched.set(workspaceId, entry)
      sendWatch(workspaceId, entry)
    },
    unwatch(workspaceId) {
      watched.delete(workspaceId)
      connection.send({ type: 'unwatch', workspaceId })
    },
    input(workspaceId) {
      const entry = watched.get(workspaceId)
      if (entry === undefined || Date.now() - entry.inputAt < INPUT_EVERY_MS) return
      entry.inputAt = Date.now()
      connection.send({ type: 'input', workspaceId })
    },
    focus(approvalId) {
      focused = approvalId
      sendFocus()
    },
    close: connection.close,
  }
}

const page = (): Document | undefined => globalThis.document
const hidden = (): boolean => page()?.visibilityState === 'hidden'

interface Heard {
  /** A new connection stands: everything is to be asked for again. */
  opened(): void
  took(message: Exclude<ToPage, { type: 'pong' | 'goaway' }>): void
  /** The page came into view, or left it. */
  seen(): void
}

/** One socket after the other, and what is to be thought of them. */
function createConnection(options: PageSocketOptions, heard: Heard) {
  let socket: WebSocket | null = null
  let closed = false
  let failures = 0
  let state: 'live' | 'away' | null = null
  let [retry, silence]: (ReturnType<typeof setTimeout> | undefined)[] = []

  const send = (message: FromPage): void => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
  }
  const show = (next: 'live' | 'away'): void => {
    grace.stop()
    if (state !== next) options.onState((state = next))
  }
  const grace = createGrace(() => show('away'))

  function connect(): void {
    clearTimeout(retry)
    if (closed) return
    const mine = new WebSocket(options.url)
    let openedAt = 0
    socket = mine
    waitFor(OPEN_WITHIN_MS)
    grace.begin()
    mine.onopen = () => {
      openedAt = Date.now()
      heard.opened()
      probe()
    }
    mine.onmessage = ({ data }) => {
      if (socket !== mine) return
      clearTimeout(silence)
      show('live')
      const message = JSON.parse(String(data)) as ToPage
      if (message.type === 'goaway') drop()
      else if (message.type !== 'pong') return heard.took(message)
      if (socket === null) void lost(0, openedAt)
    }
    mine.onclose = ({ code }) => {
      if (socket === mine) void lost(code, openedAt)
    }
  }

  async function lost(code: number, openedAt: number): Promise<void> {
    socket = null
    clearTimeout(silence)
    if (code === SIGNED_OUT || (openedAt === 0 && (await options.signedOut?.().catch(() => false)) === true)) {
      close()
      return options.onState('signed-out')
    }
    if (closed || socket !== null) return
    grace.begin()
    clearTimeout(retry)
    if (openedAt > 0 && Date.now() - openedAt > LASTED_MS) failures = 0
    retry = setTimeout(connect, failures === 0 ? Math.random() * FIRST_RETRY_MS : Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures) * (0.5 + Math.random()))
    failures += 1
  }

  /** Is anybody there? If not, a new connection at once, without waiting for this one to notice. */
  function probe(withinMs = PONG_WITHIN_MS): void {
    if (socket?.readyState !== WebSocket.OPEN) return
    send({ type: 'ping' })
    waitFor(withinMs)
  }
  function waitFor(withinMs: number): void {
    clearTimeout(silence)
    silence = setTimeout(() => {
      drop()
      connect()
    }, withinMs)
  }
  function drop(): void {
    const old = socket
    socket = null
    old?.close()
  }

  const look = (): void => {
    heard.seen()
    if (hidden()) return
    grace.beginAnew()
    if (socket?.readyState === WebSocket.OPEN) return probe(WAKING_MS)
    // What was begun before may wait for a network that is gone, and its next try for seconds.
    failures = 0
    drop()
    connect()
  }
  // Pages in the background are not asked: their timers sleep, and a phone is to sleep too.
  const pings = setInterval(() => { if (!hidden()) probe() }, PING_MS)
  const unlisten = listen(look)
  connect()
  function close(): void {
    closed = true
    grace.stop()
    for (const timer of [retry, silence, pings]) clearTimeout(timer)
    unlisten()
    drop()
  }
  return { send, close }
}

/** The seconds of trying before a word is said. While nobody looks, and while the machine sleeps, nothing is missed: they count from then on. */
function createGrace(over: () => void) {
  let timer: ReturnType<typeof setTimeout> | undefined
  const grace = {
    begin(): void {
      if (timer !== undefined) return
      const dueAt = Date.now() + AWAY_AFTER_MS
      timer = setTimeout(() => {
        timer = undefined
        if (hidden() || Date.now() - dueAt > LATE_MS) grace.begin()
        else over()
      }, AWAY_AFTER_MS)
    },
    beginAnew(): void {
      if (timer === undefined) return
      grace.stop()
      grace.begin()
    },
    stop(): void {
      clearTimeout(timer)
      timer = undefined
    },
  }
  return grace
}

function listen(look: () => void): () => void {
  page()?.addEventListener('visibilitychange', look)
  globalThis.addEventListener?.('online', look)
  return () => {
    page()?.removeEventListener('visibilitychange', look)
    globalThis.removeEventListener?.('online', look)
  }
}
