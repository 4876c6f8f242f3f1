/**
 * What the server itself asks of a person: to let a push through, or an unknown host. An approval of the main session
 * with a reserved tool, so it stands on every screen and in every notification as the agent's do; a machine can
 * neither ask, answer nor withdraw one. Nobody's answer in time is a no.
 *
 * Asked again with the same content it is the same question: many may wait for one, and an answer that came while
 * nobody waited (the server was started again, git was cut off) is given to the next who asks, once, for an hour.
 */
import { createHash } from 'node:crypto'
import { deadlines } from '@berth/core'
import type { Clock, Store } from '@berth/core'
import { BerthError, randomIds } from '@berth/wire'
import type { Approval, ApprovalId, DecidedBy, Decision, WorkspaceId } from '@berth/wire'
import { contentHashOf } from '@berth/wire/approval-rules'
import { startPeriodic } from '../loops/periodic.ts'

export interface ServerAsk {
  readonly workspaceId: WorkspaceId
  readonly tool: 'berth:push' | 'berth:host'
  /** One line a person can answer. What a workspace made up in it is cut and cleaned by whoever asks. */
  readonly title: string
  /** What the decision is bound to: all that matters, no times and no secrets. A few kilobytes at most. */
  readonly input: Readonly<Record<string, unknown>>
  /** Absent: deadlines.serverAsk. */
  readonly forMs?: number
}
export interface ServerDecision {
  readonly approvalId: ApprovalId
  readonly behavior: Decision['behavior']
  /** `session`: the person wants it so for what is like it, too, as far as whoever asked can tell. */
  readonly scope: Decision['scope']
  /** The person's words, or that nobody answered. */
  readonly message: string | null
  readonly by: DecidedBy
}
export interface WaitingAsk {
  readonly approvalId: ApprovalId
  readonly expiresAt: number
  /** Rejects when the signal fires; the question stays, for whoever asks it again. */
  decided(signal: AbortSignal): Promise<ServerDecision>
}
export interface ServerAsks {
  /** Throws `too_many` where a workspace asks too much of its person. */
  begin(ask: ServerAsk): Promise<WaitingAsk>
  ask(ask: ServerAsk, signal: AbortSignal): Promise<ServerDecision>
  stop(): Promise<void>
}
export interface ServerAsksDeps { readonly store: Pick<Store, 'serverAsks' | 'approvals' | 'events' | 'getWorkspace'>; readonly clock: Clock; readonly log: (line: string) => void; /** Tests look sooner. */ readonly expireEveryMs?: number }

/** A hostile agent must not bury a person's phone: so many wait at once, and are asked in an hour. */
export const OPEN_LIMIT = 8
export const HOURLY_LIMIT = 60
const HOUR_MS = 3600_000
const INPUT_LIMIT_BYTES = 16 * 1024
const EXPIRE_EVERY_MS = 5000

export function createServerAsks(deps: ServerAsksDeps): ServerAsks {
  const { store, clock } = deps
  const stopping = new AbortController()
  const expire = () => store.serverAsks.expire('nobody answered in time', clock.now())
  const every = deps.expireEveryMs ?? EXPIRE_EVERY_MS
  const expiring = startPeriodic({ name: 'questions of the server', everyMs: every, firstAfterMs: every, log: deps.log, run: expire })

  const decisionOf = async (id: ApprovalId): Promise<ServerDecision | null> => {
    const approval = await store.approvals.get(id)
    if (approval === null) throw new BerthError('not_found', 'the question is gone')
    if (approval.state === 'decided') await store.serverAsks.take(id, clock.now())
    return givenIn(approval)
  }
  const decided = async (workspaceId: WorkspaceId, id: ApprovalId, signal: AbortSignal): Promise<ServerDecision> => {
    const ended = AbortSignal.any([signal, stopping.signal])
    let lookAgain = () => {}
    const remove = store.events.onAppend((moved) => { if (moved === workspaceId) lookAgain() })
    const onAbort = () => lookAgain()
    ended.addEventListener('abort', onAbort)
    try {
      for (;;) {
        // Armed before the look, so that a decision between the two is not missed.
        const moved = new Promise<void>((resolve) => { lookAgain = resolve })
        ended.throwIfAborted()
        const decision = await decisionOf(id)
        if (decision !== null) return decision
        await moved
      }
    } finally {
      remove()
      ended.removeEventListener('abort', onAbort)
    }
  }
  const begin = async ({ workspaceId, tool, title, input, forMs }: ServerAsk): Promise<WaitingAsk> => {
    if (Buffer.byteLength(JSON.stringify(input)) > INPUT_LIMIT_BYTES) throw new BerthError('bad_request', 'that is too much to ask a person at once')
    const now = clock.now()
    const record = await store.getWorkspace(workspaceId)
    if (record === null) throw new BerthError('not_found', `there is no workspace ${workspaceId}`)
    const contentHash = contentHashOf({ sessionId: record.workspace.sessionId, tool, input, cwd: null }, (text) => createHash('sha256').update(text).digest('hex'))
    const { approvalId, expiresAt } = await store.serverAsks.ask(
      { approvalId: randomIds.approval(), workspaceId, tool, title: title.slice(0, 500), input, contentHash, expiresAt: now + (forMs ?? deadlines.serverAsk) },
      { answeredSince: now - deadlines.approvalPreapproval, open: OPEN_LIMIT, lately: HOURLY_LIMIT, since: now - HOUR_MS }, now,
    )
    return { approvalId, expiresAt: expiresAt ?? now, decided: (signal) => decided(workspaceId, approvalId, signal) }
  }
  return {
    begin,
    ask: async (ask, signal) => (await begin(ask)).decided(signal),
    async stop() {
      stopping.abort(new BerthError('network_unreachable', 'the server stops; the question stays', { hint: 'ask again' }))
      await expiring.stop()
    },
  }
}

function givenIn({ approvalId, state, decision, decidedBy }: Approval): ServerDecision | null {
  if (state === 'open' || state === 'orphaned') return null
  if (decision === null || decidedBy === null) throw new BerthError('internal', `the question ${approvalId} is ${state} without a decision`)
  return { approvalId, behavior: decision.behavior, scope: decision.scope, message: decision.message ?? null, by: decidedBy }
}
