/** Holds the agent's questions until somebody answers: from afar (`decide`) or in the terminal. */
import type { Decision } from '@berth/wire'
import type { DaemonResult } from '@berth/wire/daemon'
import { deferred, type Deferred } from './deferred.ts'
import type { ApprovalBook, ApprovalRecord } from '../approval-book.ts'
import type { HookAnswer, HookAsk } from '../hook-server.ts'
import { takeDecision, type GivenDecision } from '../take-decision.ts'
import { permissionAnswer } from './permission-answer.ts'

const NO_OPINION: HookAnswer = { output: {} }

interface Held { readonly answer: Deferred<HookAnswer>; readonly delivered: Deferred<void>; readonly ask: HookAsk }
export interface Permissions {
  handle(ask: HookAsk, toolUseId: string | null, signal: AbortSignal): Promise<HookAnswer>
  decide(given: GivenDecision): Promise<DaemonResult<'approval.decide'>>
  /** The call has a result, so it was answered: by us, or in the terminal. */
  toolEnded(toolUseId: string, outcome: 'completed' | 'failed' | 'denied'): void
  /** Everything held was turned down in the terminal. */
  turnedDown(): void
  /** The only question held was answered with yes in the terminal. */
  answeredYes(approvalId: string): void
  /** The agent is gone: its questions stay, without an asker. */
  orphanAll(why: string): void
  waiting(): readonly ApprovalRecord[]
}

export function createPermissions(deps: {
  book: ApprovalBook; run: () => string; changed: () => void; now: () => number
  /** One question less is open. */
  settled: (record: ApprovalRecord) => void
  /** The hook was ended by somebody: is the agent alive and past the dialog? */
  confirmTurnedDown: (record: ApprovalRecord) => Promise<boolean>
  wake: (record: ApprovalRecord, decision: Decision) => void
}): Permissions {
  const { book } = deps
  const held = new Map<string, Held>()

  const settle = (record: ApprovalRecord, behavior: 'allow' | 'deny', via: string): void => {
    book.applied(record.approvalId, behavior, via)
    held.get(record.approvalId)?.answer.resolve(NO_OPINION)
    held.get(record.approvalId)?.delivered.resolve()
    deps.settled(record)
    deps.changed()
  }
  const answerOf = (record: ApprovalRecord, decision: Decision, ask: HookAsk): HookAnswer => ({
    output: { hookSpecificOutput: { hookEventName: 'PermissionRequest', decision: permissionAnswer(decision, { tool: ask.payload.tool_name, input: ask.payload.tool_input ?? {}, suggestions: ask.payload.permission_suggestions ?? [] }) } },
    onDelivered: () => { if (book.get(record.approvalId)?.state === 'decided') settle(record, decision.behavior, record.via ?? 'api') },
  })

  return {
    async handle(ask, toolUseId, signal) {
      if (ask.run !== deps.run()) return NO_OPINION
      const record = book.ask({ run: ask.run, requestId: ask.requestId, tool: ask.payload.tool_name ?? 'unknown', input: ask.payload.tool_input ?? {}, cwd: ask.payload.cwd ?? null, toolUseId })
      deps.changed()
      if (record.state === 'decided' && record.decision !== null) return answerOf(record, record.decision, ask)
      if (record.state !== 'open') return NO_OPINION
      const waiting: Held = { answer: deferred(), delivered: deferred(), ask }
      held.set(record.approvalId, waiting)
      const onGone = (): void => {
        held.delete(record.approvalId)
        waiting.answer.resolve(NO_OPINION)
        if (signal.reason !== 'withdrawn') return
        void deps.confirmTurnedDown(record).then((turnedDown) => {
          if (turnedDown && book.get(record.approvalId)?.state === 'open') settle(record, 'deny', 'terminal')
        })
      }
      signal.addEventListener('abort', onGone, { once: true })
      return waiting.answer.promise
    },

    decide: (given) => takeDecision(given, {
      book, now: deps.now, wake: deps.wake,
      bring(record, decision) {
        const waiting = held.get(record.approvalId)
        if (waiting === undefined) return null
        waiting.answer.resolve(answerOf(record, decision, waiting.ask))
        return waiting.delivered.promise
      },
    }),

    toolEnded(toolUseId, outcome) {
      const record = book.open().find((candidate) => candidate.toolUseId === toolUseId)
      if (record !== undefined) settle(record, record.decision?.behavior ?? (outcome === 'denied' ? 'deny' : 'allow'), record.decision === null ? 'terminal' : (record.via ?? 'api'))
    },
    turnedDown() { for (const record of book.open()) if (record.decision === null) settle(record, 'deny', 'terminal') },
    answeredYes(approvalId) {
      const record = book.get(approvalId)
      if (record?.state === 'open') settle(record, 'allow', 'terminal')
    },
    orphanAll(why) {
      for (const record of book.open()) {
        book.orphan(record.approvalId, why)
        held.get(record.approvalId)?.answer.resolve(NO_OPINION)
        held.delete(record.approvalId)
      }
      deps.changed()
    },
    waiting: () => book.open().filter((record) => record.state === 'open'),
  }
}
