/**
 * What the agent asks a person through our tools: questions it waits for, and reviews it does not wait for. Both are
 * approvals in a book of their own, so that they outlive daemon and machine as every question does.
 */
import { PromptId, type Decision, type SessionId } from '@berth/wire'
import type { DaemonResult } from '@berth/wire/daemon'
import type { McpAnswer } from '@berth/wire/mcp-server'
import type { AgentDriver, Journal } from '../../contracts.ts'
import { createApprovalBook, type ApprovalRecord } from '../agents/approval-book.ts'
import { takeDecision, type GivenDecision } from '../agents/take-decision.ts'
import type { ArgumentsOf } from './arguments.ts'
import type { Answered } from './shim-door.ts'

const ASK = 'ask_user'
const REVIEW = 'request_review'
const REVIEW_QUESTION = 'How is it?'
/** A shim tries again every second: one that has not said its question again by then is gone. */
const COME_BACK_MS = 10_000
/** What waits for a person at once, of one session. */
export const WAITING_LIMIT = 20

interface Waiting { readonly answer: PromiseWithResolvers<Decision>; readonly delivered: PromiseWithResolvers<void> }
export interface Person {
  /** Resolves when a person has answered; with null when nobody waits for it any more. */
  ask(requestId: string, question: ArgumentsOf<'ask_user'>, signal: AbortSignal): Promise<Answered | null>
  /** Returns at once; what is said to it is a prompt. */
  review(requestId: string, summary: string): void
  /** Null: it is no question of ours. */
  decide(given: GivenDecision): Promise<DaemonResult<'approval.decide'>> | null
  /** The agent waits for a person. */
  asks(): boolean
  waiting(): number
  close(): void
}

export function createPerson(deps: {
  journal: Journal; sessionId: SessionId; machineBoot: string; now: () => number
  say: AgentDriver['prompt']
  changed: () => void
}): Person {
  const { journal, sessionId, machineBoot, now } = deps
  const book = createApprovalBook({ journal, sessionId, now, of: 'mcp' })
  const waiting = new Map<string, Waiting>()
  const asking = new Set<string>()
  let closed = false

  const settle = (record: ApprovalRecord, behavior: 'allow' | 'deny', via: string): void => {
    book.applied(record.approvalId, behavior, via)
    asking.delete(record.approvalId)
    waiting.get(record.approvalId)?.delivered.resolve()
    waiting.delete(record.approvalId)
    deps.changed()
  }
  const orphan = (record: ApprovalRecord, why: string): void => {
    asking.delete(record.approvalId)
    waiting.delete(record.approvalId)
    book.orphan(record.approvalId, why)
    deps.changed()
  }
  /** Said to the agent as words, once however often the decision arrives. */
  const tell = async (record: ApprovalRecord, decision: Decision): Promise<void> => {
    const text = record.tool === REVIEW ? reviewWords(record, decision) : questionWords(record, decision)
    await deps.say({ promptId: PromptId.parse(record.approvalId.replace(/^apr_/, 'prm_')), text })
    settle(record, decision.behavior, record.via ?? 'api')
  }
  const answered = (record: ApprovalRecord, decision: Decision): Answered => ({
    answer: answerTo(decision),
    onDelivered: () => { if (book.get(record.approvalId)?.state === 'decided') settle(record, decision.behavior, record.via ?? 'api') },
  })

  for (const record of book.open()) if (record.run !== machineBoot && record.tool === ASK) orphan(record, 'the machine ended before it got an answer')
  const comeBack = setTimeout(() => {
    for (const record of book.open()) if (record.tool === ASK && !waiting.has(record.approvalId)) orphan(record, 'the agent ended before it got an answer')
  }, COME_BACK_MS)
  comeBack.unref()

  return {
    async ask(requestId, question, signal) {
      const record = book.ask({ run: machineBoot, requestId, tool: ASK, input: inputOf(question), cwd: null, toolUseId: null, kind: 'question', title: question.question })
      if (record.state === 'decided' && record.decision !== null) return answered(record, record.decision)
      if (record.state !== 'open') return null
      const mine: Waiting = { answer: Promise.withResolvers(), delivered: Promise.withResolvers() }
      waiting.set(record.approvalId, mine)
      asking.add(record.approvalId)
      deps.changed()
      const gone = Promise.withResolvers<null>()
      const onGone = (): void => {
        // The daemon goes, not the agent: the shim says it again to the next one.
        const still = !closed && waiting.get(record.approvalId) === mine && book.get(record.approvalId)?.state === 'open'
        if (still && signal.reason === 'withdrawn') settle(record, 'deny', 'terminal')
        else if (still) orphan(record, 'the agent ended before it got an answer')
        gone.resolve(null)
      }
      signal.addEventListener('abort', onGone, { once: true })
      const decision = await Promise.race([mine.answer.promise, gone.promise])
      return decision === null ? null : answered(book.get(record.approvalId) ?? record, decision)
    },
    review(requestId, summary) {
      // The newest says all of it.
      for (const record of book.open()) if (record.tool === REVIEW && record.requestId !== requestId) orphan(record, 'a newer review was asked for')
      book.ask({ run: machineBoot, requestId, tool: REVIEW, input: { ...reviewInput(), summary }, cwd: null, toolUseId: null, kind: 'question', title: 'Review what was done' })
      deps.changed()
    },
    decide(given) {
      if (book.get(given.approvalId) === null) return null
      return takeDecision(given, {
        book, now,
        wake: (record, decision) => { void tell({ ...record, via: given.via }, decision) },
        bring(record, decision) {
          if (record.tool === REVIEW) return tell(record, decision)
          const mine = waiting.get(record.approvalId)
          mine?.answer.resolve(decision)
          return mine?.delivered.promise ?? null
        },
      })
    },
    asks: () => asking.size > 0,
    waiting: () => book.open().length,
    close() {
      closed = true
      clearTimeout(comeBack)
    },
  }
}

/** As the form of a question is drawn from: the agent's choices, or words of one's own. */
function inputOf({ question, options = [], multiple = false }: ArgumentsOf<'ask_user'>): Record<string, unknown> {
  return { questions: [{ question, header: '', multiSelect: multiple, options: options.map(({ label, description = '' }) => ({ label, description })) }] }
}
function reviewInput(): Record<string, unknown> {
  return { questions: [{ question: REVIEW_QUESTION, header: '', multiSelect: false, options: [{ label: 'It is good', description: '' }, { label: 'It needs changes', description: '' }] }] }
}
const answersOf = ({ updatedInput }: Decision): readonly string[] => {
  const answers = updatedInput?.['answers']
  return typeof answers === 'object' && answers !== null ? Object.values(answers).map(String) : []
}
const saidIn = (decision: Decision): string => [...answersOf(decision), ...(decision.message === undefined ? [] : [decision.message])].join('; ')

function answerTo(decision: Decision): McpAnswer {
  const said = saidIn(decision)
  if (decision.behavior === 'deny') return { text: `The person does not answer this.${said === '' ? '' : ` They said: ${said}`}` }
  return { text: said === '' ? 'The person agrees.' : `The person answered: ${said}` }
}
function questionWords({ title }: ApprovalRecord, decision: Decision): string {
  return `You asked a person before this session was interrupted: ${title}\n${answerTo(decision).text}`
}
function reviewWords(_record: ApprovalRecord, decision: Decision): string {
  const said = saidIn(decision)
  return decision.behavior === 'deny' ? `The review you asked for was declined.${said === '' ? '' : ` They said: ${said}`}` : `Your work was reviewed by a person: ${said === '' ? 'it is good' : said}.`
}
