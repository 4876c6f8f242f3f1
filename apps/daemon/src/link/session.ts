/** One connection to the server, from `hello` to its end. What outlives it is in `link.ts`. */
import { BerthError, PAYLOADS_APART_SINCE, PROTOCOL_VERSION, VERSION } from '@berth/wire'
import { LINK_CLOSE, LINK_MESSAGE_LIMIT, StreamOpen, ToDaemon } from '@berth/wire/daemon'
import type { FromDaemon, Hello } from '@berth/wire/daemon'
import type { LiveItem } from '@berth/wire/live'
import { createMux } from '@berth/wire/mux'
import type { Mux, MuxOptions } from '@berth/wire/mux'
import type { DaemonContext, LinkHandlers, LinkStream } from '../contracts.ts'
import type { UploadJournal } from '../journal/journal.ts'
import { ownToolboxHash } from '../self.ts'
import { secretsOf } from '../services/home-files.ts'
import { createCalls } from './calls.ts'
import { connectSocket } from './socket.ts'
import type { LinkSocket } from './socket.ts'
import type { LinkTimings } from './timings.ts'
import { createUploader } from './uploader.ts'

export interface SessionDeps {
  readonly context: DaemonContext
  readonly journal: UploadJournal
  readonly handlers: LinkHandlers
  readonly platform: Hello['platform']
  readonly boot: string
  readonly url: string
  readonly token: string
  readonly timings: LinkTimings
  onWelcome(): void
  onProgress(): void
}
/** `again`: whoever ended it wants a new connection at once. */
export interface SessionEnd { readonly code: number; readonly reason: string; readonly again: boolean; readonly livedMs: number }
export interface Session {
  readonly welcomed: boolean
  readonly ended: Promise<SessionEnd>
  openStream(open: StreamOpen, signal?: AbortSignal): Promise<LinkStream>
  report(): void
  /** Now or never: nothing waits for it. */
  live(items: LiveItem[]): void
  close(reason: string): void
}

/** Above it text of the moment would come late, and hold up what is not of the moment. */
const LIVE_WATER = 64 * 1024
/** Whatever the server asks for. */
const SHORTEST_REPORT_MS = 1000

export function startSession(deps: SessionDeps): Session {
  const { context, journal, handlers, timings } = deps
  const ended = Promise.withResolvers<SessionEnd>()
  const abort = new AbortController()
  let epoch: number | null = null
  let protocol = 0
  let heardAt = performance.now()
  let welcomedAt: number | null = null
  let again = false

  const socket = connectSocket(deps.url, deps.token, {
    onOpen() { send(helloOf(deps)) },
    onText(text) {
      heardAt = performance.now()
      const message = parse(text)
      if (message === null) return
      if (message === 'garbage') return leave(LINK_CLOSE.garbage, 'a message cannot be understood')
      dispatch(message)
    },
    onFrame(frame) {
      heardAt = performance.now()
      if (epoch !== null) mux.receive(frame)
    },
    onClose(code, reason) {
      clearInterval(watch)
      hurry.stop()
      reports.stop()
      stopKicks()
      uploader.stop()
      mux.close(reason === '' ? `code ${code}` : reason)
      abort.abort()
      ended.resolve({ code, reason, again, livedMs: welcomedAt === null ? 0 : performance.now() - welcomedAt })
    },
  })
  const mux = muxOf(handlers, socket, { apart: () => protocol >= PAYLOADS_APART_SINCE, onFault(reason) { leave(LINK_CLOSE.garbage, reason) } })
  const uploader = createUploader({
    journal, log: context.log, onProgress: deps.onProgress,
    send(journalId, entries) { if (epoch !== null) send({ type: 'events', epoch, journalId, entries: [...entries] }) },
    reconnect(reason) { again = true; leave(1000, reason) },
  })
  const calls = createCalls({ handlers: handlers.calls, send: sendText, signal: abort.signal, log: context.log })
  const stopKicks = journal.onAppend(() => { uploader.kick() })
  const hurry = createPace(() => { if (epoch === null) leave(1000, 'no welcome') }, timings.welcomeMs)
  const watch = setInterval(() => { if (performance.now() - heardAt > timings.silenceMs) leave(1000, 'the server fell silent') }, timings.silenceMs / 9)
  const reports = createPace(() => { report() }, timings.reportMs)

  function sendText(text: string): void {
    socket.sendText(text).catch((error: unknown) => { leave(1000, String(error)) })
  }
  const send = (message: Exclude<FromDaemon, { type: 'unknown' }>): void => { sendText(JSON.stringify(message)) }
  function leave(code: number, reason: string): void {
    if (reason !== '') context.log(`link: ${reason}`)
    socket.close(code, reason.slice(0, 100))
  }
  const report = (): void => { if (epoch !== null) send({ type: 'report', epoch, activity: handlers.activity() }) }

  function dispatch(message: ToDaemon): void {
    if (message.type === 'welcome') return welcome(message)
    if (message.type === 'queued') return epoch === null ? hurry.every(timings.welcomeMs) : undefined
    if (epoch === null) return leave(LINK_CLOSE.garbage, 'the server spoke before its welcome')
    switch (message.type) {
      case 'assign': return assign(message.assignment)
      case 'ack': return uploader.onAck(message.journalId, message.n)
      case 'expected': return uploader.onExpected(message.journalId, message.n)
      case 'rotate': return uploader.onRotate(message.journalId)
      case 'call': return calls.answer(message)
      case 'ping': return send({ type: 'pong' })
      case 'goaway':
        again = true
        return leave(1000, 'the server is going away')
    }
  }

  function welcome(message: ToDaemon & { type: 'welcome' }): void {
    if (epoch !== null) return leave(LINK_CLOSE.garbage, 'welcomed twice')
    epoch = message.epoch
    protocol = message.protocol
    welcomedAt = performance.now()
    hurry.stop()
    if (message.reportMs !== undefined) reports.every(Math.max(message.reportMs, SHORTEST_REPORT_MS))
    deps.onWelcome()
    uploader.begin(message.journal)
    assign(message.assignment)
    report()
  }

  function assign(assignment: Parameters<LinkHandlers['onAssignment']>[0]): void {
    journal.mask(secretsOf(assignment))
    try { handlers.onAssignment(assignment) } catch (error) { context.log(`assignment: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`) }
  }

  return {
    get welcomed() { return epoch !== null && !abort.signal.aborted },
    ended: ended.promise,
    openStream: (open, signal) => epoch === null ? Promise.reject(new BerthError('server_unreachable', 'the link is not up yet')) : mux.open(open, signal),
    report,
    live(items) { if (epoch !== null && socket.bufferedAmount <= LIVE_WATER) send({ type: 'live', epoch, items }) },
    close(reason) { socket.close(1000, reason) },
  }
}

function createPace(work: () => void, firstMs: number): { every(ms: number): void; stop(): void } {
  let timer = setInterval(work, firstMs)
  return {
    every(ms) {
      clearInterval(timer)
      timer = setInterval(work, ms)
    },
    stop: () => clearInterval(timer),
  }
}

function muxOf(handlers: LinkHandlers, socket: LinkSocket, options: Pick<MuxOptions, 'apart' | 'onFault'>): Mux {
  return createMux({
    role: 'daemon', ...options, send: (frame) => { socket.sendFrame(frame) }, bufferedAmount: () => socket.bufferedAmount,
    onOpen(open, stream) {
      const parsed = StreamOpen.safeParse(open)
      if (!parsed.success || parsed.data.service === 'http') return stream.abort('this daemon does not serve that')
      handlers.onStream(parsed.data, stream)
    },
  })
}

function helloOf({ context, journal, platform, boot }: SessionDeps): Hello {
  const { workspaceId, generation, isolation } = context.boot
  return {
    type: 'hello', protocol: PROTOCOL_VERSION, daemonVersion: daemonVersion(), workspaceId, generation, boot, machineBoot: context.machineBoot,
    journal: { id: journal.id, firstN: journal.firstN, lastN: journal.lastN }, platform, isolation,
  }
}

/** The toolbox's name goes along as build metadata: the server upgrades a machine whose daemon is not the one it carries. */
function daemonVersion(): string {
  const hash = ownToolboxHash()
  return hash === null ? VERSION : `${VERSION}+${hash}`
}

const KNOWN = new Set<string>(ToDaemon.options.map((option) => option.shape.type.value))

/** Null: a newer server's message that is not for us. */
function parse(text: string): ToDaemon | 'garbage' | null {
  if (text.length > LINK_MESSAGE_LIMIT) return 'garbage'
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'garbage'
  }
  const message = ToDaemon.safeParse(value)
  if (message.success) return message.data
  const type = typeof value === 'object' && value !== null ? (value as { type?: unknown }).type : undefined
  return typeof type === 'string' && !KNOWN.has(type) ? null : 'garbage'
}
