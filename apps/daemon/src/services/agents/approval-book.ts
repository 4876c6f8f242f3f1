/**
 * The approvals of one session, kept in the journal's own store so that they outlive daemon and machine. Every change
 * is written together with the event that announces it. Who waits for the answer is not known here.
 */
import { ApprovalId, ApprovalKind, Decision, randomIds, type ApprovalAsk, type SessionId } from '@berth/wire'
import { z } from 'zod'
import type { Journal } from '../../contracts.ts'
import { contentHash } from './content-hash.ts'
import { cutInput, titleOf } from './event-text.ts'

/** Applied and superseded approvals are remembered so long, to answer `already` to a late decision. */
const SETTLED_KEPT = 100
/** An answer to an orphan counts for the same request for an hour (deadlines.approvalPreapproval). */
export const PREAPPROVAL_MS = 60 * 60_000

const StoredApproval = z.object({
  approvalId: ApprovalId,
  requestId: z.string(),
  run: z.string(),
  state: z.enum(['open', 'decided', 'orphaned', 'applied', 'superseded']),
  kind: ApprovalKind,
  tool: z.string(),
  title: z.string(),
  toolUseId: z.string().nullable(),
  contentHash: z.string(),
  decision: Decision.nullable(),
  via: z.string().nullable(),
  /** Until when a decision that came after the asker died answers the same request. By this machine's clock. */
  preapprovedUntil: z.number().nullable(),
})
export type ApprovalRecord = z.infer<typeof StoredApproval>
type Via = 'cli' | 'web' | 'terminal' | 'push' | 'api' | 'rule'
const viaOf = (via: string | null): Via => (['cli', 'web', 'terminal', 'push', 'api', 'rule'].includes(via ?? '') ? (via as Via) : 'api')

export interface AskRequest { readonly run: string; readonly requestId: string; readonly tool: string; readonly input: Record<string, unknown>; readonly cwd: string | null; readonly toolUseId: string | null; /** Absent: told by the tool's name and input. */ readonly kind?: ApprovalKind | undefined; readonly title?: string | undefined }
export interface ApprovalBook {
  all(): readonly ApprovalRecord[]
  get(approvalId: string): ApprovalRecord | null
  open(): readonly ApprovalRecord[]
  orphans(): readonly ApprovalRecord[]
  /** The record of a request: the same one for a retry; a new one is journaled before this returns. */
  ask(request: AskRequest): ApprovalRecord
  decide(approvalId: string, decision: Decision, via: string): void
  applied(approvalId: string, behavior: 'allow' | 'deny', via: string): void
  orphan(approvalId: string, why: string): void
  preapprove(approvalId: string, answer: { decision: Decision; via: string; until: number }): void
}

export function createApprovalBook(deps: { journal: Journal; sessionId: SessionId; now: () => number; /** One of several of a session; absent: that of its driver. */ of?: string }): ApprovalBook {
  const { journal, sessionId } = deps
  const name = deps.of === undefined ? `approvals.${sessionId}` : `approvals.${sessionId}.${deps.of}`
  const stored = journal.get(name)
  let records: ApprovalRecord[] = stored === null ? [] : z.array(StoredApproval).parse(JSON.parse(stored))
  const live = (record: ApprovalRecord): boolean => record.state !== 'applied' && record.state !== 'superseded'
  const save = (): void => {
    const settled = records.filter((record) => !live(record)).slice(-SETTLED_KEPT)
    records = records.filter((record) => live(record) || settled.includes(record))
    journal.set(name, JSON.stringify(records))
  }
  const change = (approvalId: string, fields: Partial<ApprovalRecord>): void => {
    records = records.map((record) => (record.approvalId === approvalId ? { ...record, ...fields } : record))
    save()
  }

  /** A decided orphan answers the same request once; every other request makes the orphans a thing of the past. */
  const answerOrSupersede = (made: ApprovalRecord & { ask: ApprovalAsk }): ApprovalRecord => {
    const same = records.find((record) => record.state === 'orphaned' && record.contentHash === made.contentHash && record.decision !== null && (record.preapprovedUntil ?? 0) > deps.now())
    if (same !== undefined) {
      change(same.approvalId, { state: 'decided', run: made.run, requestId: made.requestId, toolUseId: made.toolUseId, preapprovedUntil: null })
      return { ...same, state: 'decided', run: made.run, requestId: made.requestId, toolUseId: made.toolUseId }
    }
    journal.append({ type: 'approval.asked', ask: made.ask }, { key: `asked.${made.approvalId}` })
    for (const orphan of records.filter((record) => record.state === 'orphaned')) {
      journal.append({ type: 'approval.superseded', approvalId: orphan.approvalId, by: made.approvalId }, { key: `superseded.${orphan.approvalId}` })
      change(orphan.approvalId, { state: 'superseded' })
    }
    const { ask: _ask, ...record } = made
    records = [...records, record]
    save()
    return record
  }

  return {
    all: () => records,
    get: (approvalId) => records.find((record) => record.approvalId === approvalId) ?? null,
    open: () => records.filter((record) => record.state === 'open' || record.state === 'decided'),
    orphans: () => records.filter((record) => record.state === 'orphaned'),
    ask: (request) => {
      const known = records.find((record) => record.run === request.run && record.requestId === request.requestId)
      if (known !== undefined) return known
      const kind = request.kind ?? (request.tool === 'AskUserQuestion' ? 'question' : request.tool === 'ExitPlanMode' ? 'plan' : 'permission')
      const hash = contentHash({ sessionId, tool: request.tool, input: request.input, cwd: request.cwd })
      const approvalId = randomIds.approval()
      const title = request.title?.slice(0, 300) ?? titleOf(request.tool, request.input)
      const ask = { approvalId, sessionId, kind, tool: request.tool, title, toolCallId: request.toolUseId, input: cutInput(request.input), cwd: request.cwd, contentHash: hash } as const
      return journal.transaction(() => answerOrSupersede({
        approvalId, requestId: request.requestId, run: request.run, state: 'open', kind, tool: request.tool, title, toolUseId: request.toolUseId,
        contentHash: hash, decision: null, via: null, preapprovedUntil: null, ask,
      }))
    },
    decide: (approvalId, decision, via) => { journal.transaction(() => { change(approvalId, { state: 'decided', decision, via }) }) },
    applied: (approvalId, behavior, via) => {
      journal.transaction(() => {
        journal.append({ type: 'approval.applied', approvalId: ApprovalId.parse(approvalId), behavior, via: viaOf(via) }, { key: `applied.${approvalId}` })
        change(approvalId, { state: 'applied' })
      })
    },
    orphan: (approvalId, why) => {
      journal.transaction(() => {
        const record = records.find((candidate) => candidate.approvalId === approvalId)
        // One orphaned twice (its second asker died too) says so again.
        journal.append({ type: 'approval.orphaned', approvalId: ApprovalId.parse(approvalId), why }, { key: `orphaned.${approvalId}.${record?.requestId ?? ''}` })
        change(approvalId, { state: 'orphaned', preapprovedUntil: (record?.decision ?? null) === null ? null : deps.now() + PREAPPROVAL_MS })
      })
    },
    preapprove: (approvalId, { decision, via, until }) => { journal.transaction(() => { change(approvalId, { decision, via, preapprovedUntil: until }) }) },
  }
}
