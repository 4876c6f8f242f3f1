/** The agent's questions: kept until somebody answers, from afar or in its terminal. */
import type { Decision, SessionId } from '@berth/wire'
import type { DaemonResult } from '@berth/wire/daemon'
import type { Journal } from '../../../contracts.ts'
import { createApprovalBook, type ApprovalBook, type ApprovalRecord } from '../approval-book.ts'
import { takeDecision, type GivenDecision } from '../take-decision.ts'
import type { AskReport, Ear } from './contracts.ts'

const YES: Decision = { behavior: 'allow', scope: 'once' }
const isPermission = ({ kind, tool }: AskReport): boolean => (kind ?? 'permission') === 'permission' && tool !== 'AskUserQuestion' && tool !== 'ExitPlanMode'

export interface Asks {
  asks(report: AskReport): void
  answered(requestId: string, behavior: 'allow' | 'deny', by: 'us' | 'terminal'): void
  withdrawn(requestId: string): void
  decide(given: GivenDecision): Promise<DaemonResult<'approval.decide'>>
  /** A person at the terminal answers it. */
  answerHere(record: ApprovalRecord, decision: Decision): void
  /** Everybody who waits is refused: the turn was interrupted. */
  refuseAll(): void
  orphanAll(why: string): void
  orphans(): readonly ApprovalRecord[]
  waiting(): readonly ApprovalRecord[]
  titleOf(approvalId: string): string
  openAsks: Ear['openAsks']
}

export function createAsks(deps: {
  journal: Journal; sessionId: SessionId; now: () => number; run: () => string
  /** Nobody is to be asked for permission: the answer is yes, and nobody hears of it. */
  skips: boolean
  tell: (asked: Pick<ApprovalRecord, 'requestId'>, decision: Decision) => void
  wake: (record: ApprovalRecord, decision: Decision) => void
  changed: () => void
}): Asks {
  const book: ApprovalBook = createApprovalBook(deps)
  const delivered = new Map<string, () => void>()
  /** Told in this life of the daemon; after a restart it is told again, once for the agent. */
  const told = new Set<string>()
  const here = (requestId: string): ApprovalRecord | undefined => book.open().find((record) => record.run === deps.run() && record.requestId === requestId)
  const tell = (record: ApprovalRecord, decision: Decision): void => {
    if (told.has(record.approvalId)) return
    told.add(record.approvalId)
    deps.tell(record, decision)
  }
  const settle = (record: ApprovalRecord, behavior: 'allow' | 'deny', via: string): void => {
    book.applied(record.approvalId, behavior, via)
    delivered.get(record.approvalId)?.()
    delivered.delete(record.approvalId)
    deps.changed()
  }
  return {
    asks(report) {
      if (deps.skips && isPermission(report)) { deps.tell({ requestId: report.requestId }, YES); return }
      const record = book.ask({ run: deps.run(), requestId: report.requestId, tool: report.tool, input: report.input, cwd: report.cwd, toolUseId: report.toolCallId, kind: report.kind, title: report.title })
      if (record.state === 'decided' && record.decision !== null) {
        // Decided before the agent's question was known again after a restart: nothing was told then.
        told.delete(record.approvalId)
        tell(record, record.decision)
      }
      deps.changed()
    },
    answered(requestId, behavior, by) {
      const record = here(requestId)
      if (record === undefined) return
      settle(record, behavior, by === 'terminal' && record.decision === null ? 'terminal' : (record.via ?? 'api'))
    },
    withdrawn(requestId) {
      const record = here(requestId)
      if (record !== undefined) settle(record, record.decision?.behavior ?? 'deny', record.via ?? 'terminal')
    },
    decide: (given) => takeDecision(given, {
      book, now: deps.now, wake: deps.wake,
      bring(record, decision) {
        const done = Promise.withResolvers<void>()
        delivered.set(record.approvalId, done.resolve)
        tell(record, decision)
        return done.promise
      },
    }),
    answerHere(record, decision) {
      book.decide(record.approvalId, decision, 'terminal')
      tell(record, decision)
    },
    refuseAll() {
      for (const record of book.open()) {
        if (record.state === 'open') book.decide(record.approvalId, { behavior: 'deny', scope: 'once', message: 'the turn was interrupted' }, 'api')
      }
    },
    orphanAll(why) {
      for (const record of book.open()) book.orphan(record.approvalId, why)
      deps.changed()
    },
    orphans: () => book.orphans(),
    openAsks: () => book.open().filter((record) => record.run === deps.run()).map(({ requestId, toolUseId }) => ({ requestId, toolCallId: toolUseId })),
    titleOf: (approvalId) => book.get(approvalId)?.title ?? '',
    waiting: () => book.open().filter((record) => record.state === 'open'),
  }
}
