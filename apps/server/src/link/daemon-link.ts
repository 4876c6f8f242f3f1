/** The server's end of one daemon's connection, from its `hello` to its end. */
import { BerthError, MINIMUM_PROTOCOL_VERSION, PROTOCOL_VERSION, VERSION } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { FromDaemon, LINK_CLOSE, LINK_MESSAGE_LIMIT, StreamOpen } from '@berth/wire/daemon'
import type { ToDaemon } from '@berth/wire/daemon'
import { serveHttp } from '@berth/wire/http-stream'
import { createMux } from '@berth/wire/mux'
import type { Mux } from '@berth/wire/mux'
import { createInbox } from './inbox.ts'
import type { LinkServerDeps } from './link-server.ts'
import { createOutbox } from './outbox.ts'
import type { Outbox, OutboxSocket } from './outbox.ts'
import { createPendingCalls } from './pending-calls.ts'
import type { PendingCalls } from './pending-calls.ts'
import { createReassigning } from './reassigning.ts'

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
  /** Takes the workspace over from an older link. False: a newer one is there already. */
  takeOver(link: DaemonLink): boolean
  leave(link: DaemonLink): void
}

/** Texts that wait for the store. The daemon sends one batch at a time, so more is not honest. */
const INBOX_LIMIT = 4 * LINK_MESSAGE_LIMIT
/** The store cannot be reached, or a bug: the daemon comes back later and sends again. */
const TROUBLE = 1011

export function createDaemonLink(deps: DaemonLinkDeps): DaemonLink {
  const { socket, identity: { workspaceId, generation }, store, clock } = deps
  const outbox = createOutbox(socket)
  let epoch = 0
  let phase: 'new' | 'greeting' | 'ready' | 'over' = 'new'
  let heardAt = performance.now()
  let toldAt = heardAt
  const over = (): boolean => phase === 'over'

  const calls = createPendingCalls(sendText)
  const mux = muxOf(deps, outbox, (reason) => { close(LINK_CLOSE.garbage, reason) })
  const assigning = createReassigning({ ready: () => phase === 'ready', read: () => deps.assignmentFor(workspaceId), send: (assignment) => { send({ type: 'assign', assignment }) } })
  const inbox = createInbox({
    limitBytes: INBOX_LIMIT,
    onOverflow() { close(LINK_CLOSE.garbage, 'too much at once') },
    onError(error) {
      deps.log(`link ${workspaceId}: ${describe(error)}`)
      // The store's word for a machine that was replaced or deleted since its token was checked.
      if (error instanceof BerthError && error.code === 'conflict') close(LINK_CLOSE.rejected, 'the machine is no longer wanted')
      else close(TROUBLE, 'the server cannot take it now')
    },
  })

  function sendText(text: string): void {
    if (!over() && !outbox.text(text)) close(TROUBLE, 'the daemon does not keep up')
  }
  function send(message: ToDaemon): void {
    const text = JSON.stringify(message)
    // An assignment too large for a message would be refused by every daemon for ever; the log says which.
    if (Buffer.byteLength(text) > LINK_MESSAGE_LIMIT) deps.log(`link ${workspaceId}: a ${message.type} of ${Buffer.byteLength(text)} bytes is too large to send`)
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
    const wasKnown = epoch > 0
    phase = 'over'
    calls.fail(reason)
    mux.close(reason)
    deps.leave(link)
    if (wasKnown) guard('closing', store.links.closeLink(workspaceId, epoch, clock.now()).then(() => { deps.onChange?.(workspaceId) }))
  }

  function guard(what: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => { deps.log(`link ${workspaceId}: ${what}: ${describe(error)}`) })
  }

  async function hello(message: FromDaemon & { type: 'hello' }): Promise<void> {
    if (over()) return
    if (phase !== 'new') return close(LINK_CLOSE.garbage, 'a second hello')
    const refusal = refusalOf(message, deps.identity)
    if (refusal !== null) return close(refusal.code, refusal.reason)
    phase = 'greeting'
    const opened = await store.links.openLink({ workspaceId, generation, journalId: message.journal.id, lastN: message.journal.lastN, boot: message.boot, daemonVersion: message.daemonVersion, isolation: message.isolation, server: deps.serverId }, clock.now())
    epoch = opened.epoch
    if (over()) return await store.links.closeLink(workspaceId, epoch, clock.now())
    if (!deps.takeOver(link)) return close(LINK_CLOSE.fenced, 'a newer link is there')
    const assignment = await deps.assignmentFor(workspaceId)
    if (over()) return
    phase = 'ready'
    send({ type: 'welcome', protocol: PROTOCOL_VERSION, epoch, serverVersion: VERSION, journal: opened.journal, assignment })
    // What changed while the assignment was being read came too early to be sent by itself.
    if (assigning.owed) guard('assigning', assigning.changed())
    deps.onChange?.(workspaceId)
  }

  async function upload(message: FromDaemon & { type: 'events' }): Promise<void> {
    if (over()) return
    if (message.epoch !== epoch) return close(LINK_CLOSE.fenced, 'events of another epoch')
    const { journalId, entries } = message
    const outcome = await store.links.upload({ workspaceId, epoch, journalId, entries }, clock.now())
    switch (outcome.kind) {
      case 'stored': return send({ type: 'ack', journalId, n: outcome.ackedN })
      case 'expected': return send({ type: 'expected', journalId, n: outcome.n })
      case 'rotate': return send({ type: 'rotate', journalId })
      case 'fenced': return close(LINK_CLOSE.fenced, 'a newer link writes')
    }
  }

  function onText(text: string): void {
    if (over()) return
    heardAt = performance.now()
    const message = parse(text)
    if (message === 'garbage') return close(LINK_CLOSE.garbage, 'a message cannot be understood')
    if (message.type === 'hello') return inbox.add(text.length, () => hello(message))
    if (message.type !== 'unknown' && phase !== 'ready') return close(LINK_CLOSE.garbage, 'spoke before its welcome')
    switch (message.type) {
      case 'events': return inbox.add(text.length, () => upload(message))
      case 'report': return inbox.add(text.length, () => store.links.report(workspaceId, epoch, { ...message.activity, at: clock.now() }, clock.now()))
      case 'result': return calls.onResult(message)
      case 'pong': case 'unknown': return
    }
  }

  const link: DaemonLink = {
    workspaceId, calls, mux, send, close, onText, reassign: assigning.changed,
    get epoch() { return epoch },
    get ready() { return phase === 'ready' },
    tick() {
      if (performance.now() - heardAt > deps.silenceMs) {
        end('the daemon fell silent')
        return socket.terminate()
      }
      if (phase !== 'ready') return
      send({ type: 'ping' })
      if (heardAt > toldAt) guard('seen', store.links.seen(workspaceId, epoch, clock.now()))
      toldAt = heardAt
    },
    onFrame(frame) {
      if (over()) return
      heardAt = performance.now()
      if (phase === 'ready') mux.receive(frame)
      else close(LINK_CLOSE.garbage, 'spoke before its welcome')
    },
    onDrain() { if (!over() && outbox.drained()) mux.drained() },
    onClose(code, reason) { end(reason === '' ? `closed with ${code}` : reason) },
  }
  return link
}

/** Streams the daemon opens: its requests to the hosted repository and the archive, nothing else. */
function muxOf(deps: DaemonLinkDeps, outbox: Outbox, onFault: (reason: string) => void): Mux {
  return createMux({
    role: 'server', onFault, send: (frame) => outbox.frame(frame),
    onOpen(open, stream) {
      const parsed = StreamOpen.safeParse(open)
      if (!parsed.success || parsed.data.service !== 'http') return stream.abort('the server does not serve that')
      void serveHttp(stream, (request) => deps.linkHttp(deps.identity.workspaceId, request))
    },
  })
}

function refusalOf(hello: FromDaemon & { type: 'hello' }, identity: DaemonLinkDeps['identity']): { code: number; reason: string } | null {
  if (hello.workspaceId !== identity.workspaceId || hello.generation !== identity.generation) return { code: LINK_CLOSE.rejected, reason: 'the token is another machine\'s' }
  if (hello.protocol < MINIMUM_PROTOCOL_VERSION) return { code: LINK_CLOSE.incompatible, reason: `protocol ${hello.protocol} is older than ${MINIMUM_PROTOCOL_VERSION}` }
  return null
}

const KNOWN = new Set(['hello', 'events', 'report', 'result', 'pong'])

function parse(text: string): FromDaemon | 'garbage' {
  try {
    const value: unknown = JSON.parse(text)
    const message = FromDaemon.safeParse(value)
    if (!message.success) return 'garbage'
    // A type we know that does not parse is a fault; one we do not know comes from a newer daemon.
    return message.data.type === 'unknown' && KNOWN.has((value as { type: string }).type) ? 'garbage' : message.data
  } catch {
    return 'garbage'
  }
}

function describe(error: unknown): string {
  if (error instanceof BerthError) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
