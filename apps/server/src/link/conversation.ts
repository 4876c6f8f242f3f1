/** What is said in texts on one link: the hello and its welcome, events and their answers, reports, results. */
import { BerthError, MINIMUM_PROTOCOL_VERSION, PROTOCOL_VERSION, VERSION } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { FromDaemon, LINK_CLOSE, LINK_MESSAGE_LIMIT } from '@berth/wire/daemon'
import type { ToDaemon } from '@berth/wire/daemon'
import type { UploadOutcome } from '@berth/core'
import { createInbox } from './inbox.ts'
import type { LinkServerDeps } from './link-server.ts'
import type { PendingCalls } from './pending-calls.ts'
import type { Reassigning } from './reassigning.ts'
import type { Turns } from './turns.ts'

/** `epoch` and `protocol`, the daemon's, 0: its hello was not taken yet. */
export interface LinkState { phase: 'new' | 'greeting' | 'ready' | 'over'; epoch: number; protocol: number }
export interface Identity { readonly workspaceId: WorkspaceId; readonly generation: number }
export interface ConversationDeps extends LinkServerDeps {
  readonly identity: Identity
  readonly state: LinkState
  readonly greetings: Turns
  /** The link is over. */
  readonly ended: AbortSignal
  readonly calls: PendingCalls
  readonly assigning: Reassigning
  send(message: ToDaemon): void
  close(code: number, reason: string): void
  guard(what: string, work: Promise<unknown>): void
  /** False: a newer link is there already. */
  takeOver(): boolean
}

/** Texts that wait for the store. The daemon sends one batch at a time, so more is not honest. */
const INBOX_LIMIT = 4 * LINK_MESSAGE_LIMIT
/** Not the daemon's fault: it comes back later and sends again. */
export const TROUBLE = 1011

export function createConversation(deps: ConversationDeps): { onText(text: string): void } {
  const { state, store, clock, send, close, identity: { workspaceId, generation } } = deps
  const over = (): boolean => state.phase === 'over'
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

  async function hello(message: FromDaemon & { type: 'hello' }): Promise<void> {
    if (over()) return
    if (state.phase !== 'new') return close(LINK_CLOSE.garbage, 'a second hello')
    const refusal = refusalOf(message, deps.identity)
    if (refusal !== null) {
      if (refusal.code === LINK_CLOSE.incompatible) deps.onIncompatible?.(workspaceId, refusal.reason)
      return close(refusal.code, refusal.reason)
    }
    state.phase = 'greeting'
    state.protocol = message.protocol
    // Who does not wait for it costs nothing more.
    const done = await deps.greetings.take(deps.ended).catch(() => null)
    if (done === null) return
    try {
      await greet(message)
    } finally {
      done()
    }
  }

  async function greet(message: FromDaemon & { type: 'hello' }): Promise<void> {
    const { boot, daemonVersion, isolation, journal: { id: journalId, lastN } } = message
    const opened = await store.links.openLink({ workspaceId, generation, journalId, lastN, boot, daemonVersion, isolation, server: deps.serverId }, clock.now())
    state.epoch = opened.epoch
    if (over()) return await store.links.closeLink(workspaceId, opened.epoch, clock.now())
    if (!deps.takeOver()) return close(LINK_CLOSE.fenced, 'a newer link is there')
    const [assignment, reportMs] = await Promise.all([deps.assignmentFor(workspaceId), deps.reportMsFor?.(workspaceId)])
    if (over()) return
    state.phase = 'ready'
    send({ type: 'welcome', protocol: PROTOCOL_VERSION, epoch: opened.epoch, serverVersion: VERSION, journal: opened.journal, assignment, ...(reportMs === undefined ? {} : { reportMs }) })
    // What changed while the assignment was being read came too early to be sent by itself.
    if (deps.assigning.owed) deps.guard('assigning', deps.assigning.changed())
    deps.onChange?.(workspaceId)
  }

  async function upload({ epoch, journalId, entries }: FromDaemon & { type: 'events' }): Promise<void> {
    if (over()) return
    if (epoch !== state.epoch) return close(LINK_CLOSE.fenced, 'events of another epoch')
    const outcome = await store.links.upload({ workspaceId, epoch, journalId, entries }, clock.now())
    if (outcome.kind === 'fenced') close(LINK_CLOSE.fenced, 'a newer link writes')
    else send(replyTo(journalId, outcome))
    if (outcome.kind === 'stored' && entries.some(({ body }) => body.type === 'turn.ended')) deps.onTurnEnded?.(workspaceId)
  }

  return {
    onText(text) {
      const message = parse(text)
      if (message === 'garbage') return close(LINK_CLOSE.garbage, 'a message cannot be understood')
      if (message.type === 'hello') return inbox.add(text.length, () => hello(message))
      if (message.type !== 'unknown' && state.phase !== 'ready') return close(LINK_CLOSE.garbage, 'spoke before its welcome')
      switch (message.type) {
        case 'events': return inbox.add(text.length, () => upload(message))
        case 'report': return inbox.add(text.length, () => store.links.report(workspaceId, state.epoch, { ...message.activity, at: clock.now() }, clock.now()))
        case 'live': return message.epoch === state.epoch ? deps.onLive?.(workspaceId, message.items) : undefined
        case 'result': return deps.calls.onResult(message)
        case 'pong': case 'unknown': return
      }
    },
  }
}

function refusalOf(hello: FromDaemon & { type: 'hello' }, identity: Identity): { code: number; reason: string } | null {
  if (hello.workspaceId !== identity.workspaceId || hello.generation !== identity.generation) return { code: LINK_CLOSE.rejected, reason: 'the token is another machine\'s' }
  if (hello.protocol < MINIMUM_PROTOCOL_VERSION) return { code: LINK_CLOSE.incompatible, reason: `protocol ${hello.protocol} is older than ${MINIMUM_PROTOCOL_VERSION}` }
  return null
}

function replyTo(journalId: string, outcome: Exclude<UploadOutcome, { kind: 'fenced' }>): ToDaemon {
  switch (outcome.kind) {
    case 'stored': return { type: 'ack', journalId, n: outcome.ackedN }
    case 'expected': return { type: 'expected', journalId, n: outcome.n }
    case 'rotate': return { type: 'rotate', journalId }
  }
}

/** `live` is not among them: an item of a new kind is left out, the link stays. */
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

export function describe(error: unknown): string {
  if (error instanceof BerthError) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
