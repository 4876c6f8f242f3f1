/**
 * The server's half of the link: enrols machines, takes their daemons' connections, and is the `Daemons` port.
 * Its handlers belong on the link listener only, never on the one that serves people.
 */
import { BerthError } from '@berth/wire'
import type { Egress } from '../egress/proxy.ts'
import type { WorkspaceId } from '@berth/wire'
import { ENROL_PATH, LINK_CLOSE, LINK_MESSAGE_LIMIT, LINK_PATH, PING_INTERVAL_MS } from '@berth/wire/daemon'
import type { Assignment } from '@berth/wire/daemon'
import type { LiveItem } from '@berth/wire/live'
import type { Clock, Daemons, LinkStore } from '@berth/core'
import type { Server, ServerWebSocket, WebSocketHandler } from 'bun'
import { createDaemonLink } from './daemon-link.ts'
import type { DaemonLink } from './daemon-link.ts'
import { enrol } from './enrol.ts'
import { createTurns } from './turns.ts'

export interface LinkServerDeps {
  readonly store: { readonly links: LinkStore }
  readonly clock: Clock
  readonly serverId: string
  /** What the workspace's daemon is to bring about now. */
  assignmentFor(workspaceId: WorkspaceId): Promise<Assignment>
  /** How often it is to report. Absent: the protocol's own pace. */
  reportMsFor?(workspaceId: WorkspaceId): Promise<number>
  /** Answers the daemon's requests: the hosted repository and the uploaded archive of this workspace only. */
  linkHttp(workspaceId: WorkspaceId, request: Request): Promise<Response>
  /** Connections of closed machines. Absent: there are none. */
  readonly egress?: Egress
  readonly log: (line: string) => void
  /** Daemons wait for it: a thousand that come back at once would stand between the server and the end of its own start. Absent: none waits. */
  readonly begun?: Promise<void>
  /** The daemon's program, for a machine that has none yet. Absent: machines share this host's files. */
  daemonFile?(request: Request, pathname: string): Promise<Response>
  /** What a machine that boots says. Absent: nobody listens. */
  bootLog?(request: Request): Promise<Response>
  /** A daemon dialled that is too old to be understood. */
  onIncompatible?(workspaceId: WorkspaceId, reason: string): void
  /** A daemon came or went. */
  onChange?(workspaceId: WorkspaceId): void
  /** Text as it is written. */
  onLive?(workspaceId: WorkspaceId, items: readonly LiveItem[]): void
  /** What it changed can be looked at. */
  onTurnEnded?(workspaceId: WorkspaceId): void
  /** Pings at this pace; a daemon silent for three of them is gone. */
  readonly pingMs?: number
}

/** What a socket carries; `link` is set when it opens. */
export interface LinkSocketData { identity: { workspaceId: WorkspaceId; generation: number } | null; link: DaemonLink | null }

export interface LinkServer {
  fetch(request: Request, server: Server<LinkSocketData>): Promise<Response | undefined>
  readonly websocket: WebSocketHandler<LinkSocketData>
  readonly daemons: Daemons
  /** Tells every daemon to come back later, and takes no new ones. Resolves when they are gone. */
  drain(): Promise<void>
}

/** Above what honest traffic can queue (see outbox.ts); a daemon that reads nothing is cut off here. */
const BACKPRESSURE_LIMIT = 32 * LINK_MESSAGE_LIMIT
const BOOT_LOG_PATH = '/boot-log'
/**
 * Hellos that are taken at once. Of thousands that come back together each would else wait for the first question of all others
 * before its second is asked, and be gone before its welcome; and people's own questions would wait behind all of them.
 */
const GREETED_AT_ONCE = 16
const GREETING_WAITS_MS = 10 * 60_000
/** Daemons get this long to say goodbye by themselves. */
const DRAIN_MS = 2000

export function createLinkServer(deps: LinkServerDeps): LinkServer {
  const sockets = new Set<DaemonLink>()
  const byWorkspace = new Map<WorkspaceId, DaemonLink>()
  const pingMs = deps.pingMs ?? PING_INTERVAL_MS
  const door = Promise.withResolvers<void>()
  void (deps.begun ?? Promise.resolve()).then(door.resolve)
  const greetings = createTurns({ atOnce: GREETED_AT_ONCE, waitMs: GREETING_WAITS_MS })
  let draining = false
  let emptied = (): void => {}
  const timer = setInterval(() => { for (const link of sockets) link.tick() }, pingMs)
  timer.unref()

  function takeOver(link: DaemonLink): boolean {
    const present = byWorkspace.get(link.workspaceId)
    if (present !== undefined && present.epoch > link.epoch) return false
    byWorkspace.set(link.workspaceId, link)
    present?.close(LINK_CLOSE.fenced, 'a newer link took over')
    return true
  }

  function leave(link: DaemonLink): void {
    sockets.delete(link)
    if (byWorkspace.get(link.workspaceId) === link) byWorkspace.delete(link.workspaceId)
    if (sockets.size === 0) emptied()
  }

  function ready(workspaceId: WorkspaceId): DaemonLink {
    const link = byWorkspace.get(workspaceId)
    if (link?.ready !== true) throw new BerthError('daemon_unreachable', 'the workspace is not connected now', { hint: 'it comes back by itself when its machine runs; `berth list` shows its state' })
    return link
  }

  async function connect(request: Request, server: Server<LinkSocketData>): Promise<Response | undefined> {
    await door.promise
    if (draining) return new Response('going away', { status: 503 })
    const token = request.headers.get('authorization')?.match(/^Bearer (\S{1,500})$/)?.[1]
    const identity = token === undefined ? null : await deps.store.links.authenticateLink(token)
    // A refusal is said by a close code, which a WebSocket client can read; an HTTP status it cannot.
    if (server.upgrade(request, { data: { identity, link: null } })) return undefined
    return new Response('a WebSocket is expected here', { status: 426 })
  }

  return {
    async fetch(request, server) {
      const { pathname } = new URL(request.url)
      try {
        if (pathname === ENROL_PATH && request.method === 'POST') return await enrol(deps, request)
        if (pathname === LINK_PATH) return await connect(request, server)
        if (pathname === BOOT_LOG_PATH && request.method === 'POST' && deps.bootLog !== undefined) return await deps.bootLog(request)
        if (pathname.startsWith('/toolbox/') && request.method === 'GET' && deps.daemonFile !== undefined) return await deps.daemonFile(request, pathname)
      } catch (error) {
        deps.log(`link: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
        return new Response('cannot be answered now', { status: 503 })
      }
      return new Response('not found', { status: 404 })
    },
    websocket: {
      maxPayloadLength: LINK_MESSAGE_LIMIT, backpressureLimit: BACKPRESSURE_LIMIT, closeOnBackpressureLimit: true, perMessageDeflate: false, idleTimeout: 0,
      open(socket) {
        const { identity } = socket.data
        if (identity === null) return socket.close(LINK_CLOSE.rejected, 'the link token is not known')
        if (draining) return socket.close(LINK_CLOSE.goaway, 'the server is going away')
        socket.data.link = createDaemonLink({ ...deps, socket: faceOf(socket), identity, silenceMs: 3 * pingMs, greetings, takeOver, leave, leaving: () => draining })
        sockets.add(socket.data.link)
      },
      message({ data: { link } }, message) {
        if (typeof message === 'string') link?.onText(message)
        else link?.onFrame(message)
      },
      drain(socket) { socket.data.link?.onDrain() },
      close(socket, code, reason) { socket.data.link?.onClose(code, reason) },
    },
    daemons: {
      connected: (workspaceId) => byWorkspace.get(workspaceId)?.ready === true,
      count: () => [...byWorkspace.values()].filter((link) => link.ready).length,
      call: async (workspaceId, method, params, options) => await ready(workspaceId).calls.call(method, params, options),
      openStream: async (workspaceId, open, signal) => await ready(workspaceId).mux.open(open, signal),
      reassign: async (workspaceId) => { await byWorkspace.get(workspaceId)?.reassign() },
      // Also those that said no hello yet.
      dismiss: (workspaceId) => { for (const link of sockets) if (link.workspaceId === workspaceId) link.close(LINK_CLOSE.rejected, 'its machine was stopped') },
    },
    async drain() {
      draining = true
      door.resolve()
      if (sockets.size > 0) {
        const empty = new Promise<void>((resolve) => { emptied = resolve })
        for (const link of sockets) {
          if (link.ready) link.send({ type: 'goaway' })
          else link.close(LINK_CLOSE.goaway, 'the server is going away')
        }
        const hurry = setTimeout(() => { for (const link of sockets) link.close(LINK_CLOSE.goaway, 'the server is going away') }, DRAIN_MS)
        if (sockets.size > 0) await empty
        clearTimeout(hurry)
      }
      clearInterval(timer)
      await deps.store.links.closeLinksOf(deps.serverId, deps.clock.now())
    },
  }
}

function faceOf(socket: ServerWebSocket<LinkSocketData>) {
  return {
    send: (data: string | Uint8Array) => socket.send(data as string | Uint8Array<ArrayBuffer>),
    getBufferedAmount: () => socket.getBufferedAmount(),
    cork: (work: () => void) => { socket.cork(work) },
    close: (code: number, reason: string) => { socket.close(code, reason) },
    terminate: () => { socket.terminate() },
  }
}
