/** The server's end of one daemon's connection, from its `hello` to its end. */
import { PAYLOADS_APART_SINCE } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { LINK_CLOSE, LINK_HTTP, LINK_MESSAGE_LIMIT, StreamOpen } from '@berth/wire/daemon'
import type { ToDaemon } from '@berth/wire/daemon'
import { serveHttp } from '@berth/wire/http-stream'
import { createMux } from '@berth/wire/mux'
import type { Mux, MuxOptions, MuxStream } from '@berth/wire/mux'
import { createConversation, describe, TROUBLE } from './conversation.ts'
import type { LinkState } from './conversation.ts'
import { createHeartbeat } from './heartbeat.ts'
import type { LinkServerDeps } from './link-server.ts'
import { createOutbox } from './outbox.ts'
import type { Outbox, OutboxSocket } from './outbox.ts'
import { createPendingCalls } from './pending-calls.ts'
import type { PendingCalls } from './pending-calls.ts'
import { createReassigning } from './reassigning.ts'
import { createTurns } from './turns.ts'
import type { Turns } from './turns.ts'

export interface LinkSocket extends OutboxSocket {
  close(code: number, reason: string): void
  terminate(): void
}
export interface DaemonLink {
  readonly workspaceId: WorkspaceId
  /** 0 before its hello was taken. */
  readonly epoch: number
  /** Welcomed and not over. */
  readonly ready: boolean
  readonly calls: PendingCalls
  readonly mux: Mux
  reassign(): Promise<void>
  send(message: ToDaemon): void
  close(code: number, reason: string): void
  /** Every PING_INTERVAL_MS. */
  tick(): void
  // From the socket.
  onText(text: string): void
  onFrame(frame: Uint8Array): void
  onDrain(): void
  onClose(code: number, reason: string): void
}
export interface DaemonLinkDeps extends LinkServerDeps {
  readonly socket: LinkSocket
  readonly identity: { readonly workspaceId: WorkspaceId; readonly generation: number }
  readonly silenceMs: number
  readonly greetings: Turns
  /** Takes the workspace over from an older link. False: a newer one is there already. */
  takeOver(link: DaemonLink): boolean
  leave(link: DaemonLink): void
  /** The server goes away and closes all of them in the store at once. */
  leaving(): boolean
}

export function createDaemonLink(deps: DaemonLinkDeps): DaemonLink {
  const { socket, identity: { workspaceId }, store, clock } = deps
  const outbox = createOutbox(socket, () => { if (!over()) mux.drained() })
  const state: LinkState = { phase: 'new', epoch: 0, protocol: 0 }
  const heartbeat = createHeartbeat(deps.silenceMs)
  const ended = new AbortController()
  const over = (): boolean => state.phase === 'over'

  const calls = createPendingCalls(sendText)
  const mux = muxOf(deps, outbox, { apart: () => state.protocol >= PAYLOADS_APART_SINCE, onFault(reason) { close(LINK_CLOSE.garbage, reason) } })
  const assigning = createReassigning({ ready: () => state.phase === 'ready', read: () => deps.assignmentFor(workspaceId), send: (assignment) => { send({ type: 'assign', assignment }) } })
  const conversation = createConversation({ ...deps, state, ended: ended.signal, calls, assigning, send, close, guard, takeOver: () => deps.takeOver(link) })

  function sendText(text: string): void {
    if (!over() && !outbox.text(text)) close(TROUBLE, 'the daemon does not keep up')
  }
  function send(message: ToDaemon): void {
    const text = encode(message)
    if (text === null) deps.log(`link ${workspaceId}: a ${message.type} is too large to send`)
    else sendText(text)
  }

  function close(code: number, reason: string): void {
    if (over()) return
    if (code !== LINK_CLOSE.goaway) deps.log(`link ${workspaceId}: closing with ${code}: ${reason}`)
    socket.close(code, reason.slice(0, 100))
    end(reason)
  }

  function end(reason: string): void {
    if (over()) return
    state.phase = 'over'
    ended.abort()
    calls.fail(reason)
    mux.close(reason)
    deps.leave(link)
    if (state.epoch > 0 && !deps.leaving()) guard('closing', store.links.closeLink(workspaceId, state.epoch, clock.now()).then(() => { deps.onChange?.(workspaceId) }))
  }

  function guard(what: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => { deps.log(`link ${workspaceId}: ${what}: ${describe(error)}`) })
  }

  const link: DaemonLink = {
    workspaceId, calls, mux, send, close, reassign: assigning.changed,
    get epoch() { return state.epoch },
    get ready() { return state.phase === 'ready' },
    tick() {
      // It has said all that it may say before its welcome.
      if (state.phase === 'greeting') return send({ type: 'queued' })
      const heard = heartbeat.look()
      if (heard === 'silent') {
        end('the daemon fell silent')
        return socket.terminate()
      }
      if (state.phase !== 'ready') return
      send({ type: 'ping' })
      if (heard === 'news') guard('seen', store.links.seen(workspaceId, state.epoch, clock.now()))
    },
    onText(text) {
      if (over()) return
      heartbeat.heard()
      conversation.onText(text)
    },
    onFrame(frame) {
      if (over()) return
      heartbeat.heard()
      if (state.phase === 'ready') mux.receive(frame)
      else close(LINK_CLOSE.garbage, 'spoke before its welcome')
    },
    onDrain() { if (!over() && outbox.drained()) mux.drained() },
    onClose(code, reason) { end(reason === '' ? `closed with ${code}` : reason) },
  }
  return link
}

/** Packs of git hosts on their way at once, to one machine: the runtime keeps some megabytes of each that is taken slowly. */
const PACKS_AT_ONCE = 6
const PACK_WAIT_MS = 60_000
const isPack = ({ method, url }: Request): boolean => method === 'POST' && url.endsWith('/git-upload-pack') && new URL(url).pathname.startsWith(`${LINK_HTTP.upstream}/`)

/** Streams the daemon opens: its requests to the hosted repository and the archive, nothing else. */
function muxOf(deps: DaemonLinkDeps, outbox: Outbox, options: Pick<MuxOptions, 'apart' | 'onFault'>): Mux {
  const packs = createTurns({ atOnce: PACKS_AT_ONCE, waitMs: PACK_WAIT_MS })
  async function serve(stream: MuxStream): Promise<void> {
    let end = (): void => {}
    await serveHttp(stream, async (request) => {
      if (isPack(request)) end = await packs.take(request.signal)
      return await deps.linkHttp(deps.identity.workspaceId, request)
    })
    end()
  }
  return createMux({
    role: 'server', ...options, send: (frame) => outbox.frame(frame),
    onOpen(open, stream) {
      const parsed = StreamOpen.safeParse(open)
      if (parsed.success && parsed.data.service === 'egress' && deps.egress !== undefined) return void deps.egress(deps.identity.workspaceId, stream)
      if (!parsed.success || parsed.data.service !== 'http') return stream.abort('the server does not serve that')
      void serve(stream)
    },
  })
}

/** Null: too large for a message; every daemon would refuse it for ever. */
function encode(message: ToDaemon): string | null {
  const text = JSON.stringify(message)
  return Buffer.byteLength(text) > LINK_MESSAGE_LIMIT ? null : text
}
