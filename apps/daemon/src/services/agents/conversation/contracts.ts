/**
 * Between an agent that is spoken to by a protocol and the driver: the agent's part (`Voice`) knows the protocol and
 * nothing of journals or prompts; the driver's part (`Ear`) knows nothing of protocols. What the voice reports may be
 * reported again after the daemon was away: all of it has ids or keys, and counts once.
 */
import type { Decision, EventBody, FileDiff, PromptId } from '@berth/wire'
import type { ApprovalRecord } from '../approval-book.ts'

type Body<T extends EventBody['type']> = Extract<EventBody, { type: T }>
export type ToolReport = { readonly toolCallId: string } & Partial<Pick<Body<'tool'>, 'name' | 'title' | 'status' | 'input' | 'output' | 'diffs'>>
export type PlanEntries = Body<'plan'>['entries']
export type Outcome = Body<'turn.ended'>['outcome']
export interface UsageReport { readonly inputTokens: number; readonly outputTokens: number; readonly model: string | null; readonly costMicros: number | null; readonly contextPercent: number | null }
export interface AskReport {
  /** The protocol's own id of the request, unique in one run of the program. */
  readonly requestId: string
  readonly tool: string
  readonly input: Record<string, unknown>
  readonly toolCallId: string | null
  readonly cwd: string | null
  readonly kind?: 'permission' | 'question' | 'plan'
  readonly title?: string
}

export interface Ear {
  /** The conversation is open. */
  ready(session: { resumed: boolean; agentVersion: string | null }): void
  /** The agent has these words of ours. */
  took(promptId: PromptId, text: string): void
  /** It will not have them. */
  refused(promptId: PromptId, detail: string): void
  /** Somebody's words, ours or typed at the terminal, stand in the conversation. */
  userSaid(messageId: string, text: string): void
  turnStarted(turnId: string): void
  turnEnded(turnId: string, outcome: Outcome, message?: string | null): void
  /** A piece of a message as it is written. */
  writes(messageId: string, role: 'agent' | 'thought', append: string): void
  /** The message is whole; `text` if the agent says it again. */
  wrote(messageId: string, role: 'agent' | 'thought' | 'system', text?: string): void
  tool(report: ToolReport): void
  toolWrites(toolCallId: string, append: string): void
  plan(key: string, entries: PlanEntries): void
  usage(key: string, report: UsageReport): void
  asks(report: AskReport): void
  /** The agent has an answer, ours or one given in its terminal. */
  answered(requestId: string, behavior: 'allow' | 'deny', by: 'us' | 'terminal'): void
  /** It is not asked any more, without an answer. */
  withdrawn(requestId: string): void
  /** Asked in this life and not answered yet. */
  openAsks(): readonly { requestId: string; toolCallId: string | null }[]
  /** Nobody is signed in; `hint` says what to do. */
  noLogin(hint: string): void
  /** It answers, and cannot be spoken to. */
  unusable(why: string): void
  notice(text: string): void
  /** The program has ended, or its server does not answer. */
  ended(end: { code: number | null; why: string }): void
  /** What must be known in the next life, in the daemon's journal. */
  remember(name: string, value: string | null): void
  recall(name: string): string | null
  /** What the session that this one begins from remembers; null: it begins from none, or has begun. */
  recallOrigin(name: string): string | null
  /** A line typed at our own viewer. */
  typed(text: string): void
  pressedBreak(): void
}

export interface Voice {
  /** As in `session.started`. */
  readonly driver: string
  /** It may be told more while a turn is under way. */
  readonly steers: boolean
  /** The reason of a denial goes with the answer; else it is told as words afterwards. */
  readonly saysWhy: boolean
  /** A prompt said again with the same id, after the daemon was away, is told once. */
  readonly tellsOnce: boolean
  /** Adopts the program that lives or starts it, and opens or resumes the conversation; `ready` follows. */
  open(life: { run: string; adopt: boolean }, signal: AbortSignal): Promise<void>
  /** The program lives in this machine boot and can be adopted. */
  lives(run: string): Promise<boolean>
  /** `took` or `refused` follows. Said twice with the same id it is told once. */
  prompt(prompt: { promptId: PromptId; text: string }): void
  interrupt(): void
  /** `answered` follows. */
  answer(asked: Pick<ApprovalRecord, 'requestId'>, decision: Decision): void
  /** For the terminal, when it is our own viewer. */
  show?(text: string): void
  end(): Promise<void>
  release(): Promise<void>
}
export type { FileDiff }
