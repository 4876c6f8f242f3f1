/**
 * Events: what happened in a workspace, append-only, numbered per workspace without holes.
 *
 * A body is at most EVENT_BODY_LIMIT bytes of JSON; larger text is cut to head and tail by whoever makes it.
 * A peer that is newer may send types not listed here: they are stored and passed on as they are, and readers
 * ignore what they do not know.
 */
import { z } from 'zod'
import { ApprovalAsk, DecidedBy, Decision } from './approval.ts'
import { ApprovalId, EventId, PromptId, SessionId, WorkspaceId } from './ids.ts'
import { AgentState, StepState, WorkspacePhase } from './workspace.ts'

export const EVENT_BODY_LIMIT = 32 * 1024

const body = <const T extends string, S extends z.ZodRawShape>(type: T, shape: S) => z.object({ type: z.literal(type), ...shape })
const session = { sessionId: SessionId }

export const FileDiff = z.object({ path: z.string(), added: z.number().int(), removed: z.number().int(), patch: z.string().nullable() })
export type FileDiff = z.infer<typeof FileDiff>

/** Bodies this version knows. */
export const KnownEventBody = z.discriminatedUnion('type', [
  // The workspace: written by the server together with the change they announce.
  body('workspace.phase', { phase: WorkspacePhase, step: z.string().nullable(), reason: z.string().nullable(), statusMessage: z.string().nullable() }),
  body('workspace.step', {
    step: z.string(), title: z.string(), state: StepState, durationMs: z.number().nullable(), detail: z.string().nullable(),
    /** With `failed`: why, in the words and codes that every client knows. */
    error: z.object({ code: z.string().max(100), message: z.string(), hint: z.string().nullable() }).optional(),
  }),
  body('workspace.notice', { level: z.enum(['info', 'warning', 'error']), code: z.string(), message: z.string(), hint: z.string().nullable() }),
  body('daemon.connected', { version: z.string(), generation: z.number().int(), boot: z.string() }),
  // The agent: written by the daemon.
  body('session.started', { ...session, agent: z.string(), driver: z.string(), resumed: z.boolean(), agentVersion: z.string().nullable() }),
  /** `wantsLogin`: an error only because nobody is signed in. */
  body('session.state', { ...session, state: AgentState, detail: z.string().nullable(), wantsLogin: z.boolean().optional() }),
  /** A session was added or ended by a person, or goes on in another mode. */
  body('session.changed', { ...session, what: z.enum(['added', 'forked', 'handed-over', 'ended']), agent: z.string(), title: z.string().max(200), by: z.string().max(200) }),
  /** Somebody signed an agent in, in its machine; or its login is gone. */
  body('login', { agent: z.string().max(40), state: z.enum(['signed-in', 'failed']) }),
  /** A whole message; deltas are live only and are not events. */
  body('message', { ...session, messageId: z.string(), role: z.enum(['user', 'agent', 'thought', 'system']), text: z.string() }),
  /** Upserted by `toolCallId`; a later event replaces the fields it carries. */
  body('tool', {
    ...session, toolCallId: z.string(), name: z.string(), title: z.string(), status: z.enum(['pending', 'running', 'completed', 'failed', 'denied']),
    input: z.record(z.string(), z.unknown()).nullable(), output: z.string().nullable(), diffs: z.array(FileDiff), durationMs: z.number().nullable(),
  }),
  body('plan', { ...session, entries: z.array(z.object({ text: z.string(), status: z.enum(['pending', 'in_progress', 'completed']) })) }),
  body('prompt', { promptId: PromptId, sessionId: SessionId.nullable(), text: z.string(), status: z.enum(['queued', 'sent', 'accepted', 'ambiguous', 'refused']), detail: z.string().nullable() }),
  body('turn.started', { ...session, turnId: z.string() }),
  body('turn.ended', { ...session, turnId: z.string(), outcome: z.enum(['done', 'interrupted', 'error']), message: z.string().nullable(), background: z.number().int(), durationMs: z.number().nullable() }),
  body('usage', { ...session, inputTokens: z.number(), outputTokens: z.number(), model: z.string().nullable(), costMicros: z.number().int().nullable(), contextPercent: z.number().nullable() }),
  body('approval.asked', { ask: ApprovalAsk }),
  body('approval.decided', { approvalId: ApprovalId, decision: Decision, by: DecidedBy }),
  /** The daemon's word: what the agent was really told, and by whom. */
  body('approval.applied', { approvalId: ApprovalId, behavior: z.enum(['allow', 'deny']), via: DecidedBy.shape.via }),
  body('approval.orphaned', { approvalId: ApprovalId, why: z.string() }),
  body('approval.superseded', { approvalId: ApprovalId, by: ApprovalId }),
  // What the agent says to its person through our own MCP server.
  /** Where it is in the whole task; empty: it says nothing any more. */
  body('report.status', { ...session, text: z.string().max(200) }),
  body('report.notice', { ...session, title: z.string().max(100), text: z.string().max(400) }),
  body('report.preview', { ...session, port: z.number().int(), label: z.string().max(60).nullable(), url: z.string().max(2048) }),
  body('port', { port: z.number().int(), state: z.enum(['open', 'closed']), process: z.string().nullable() }),
  body('service', { name: z.string(), state: z.enum(['started', 'exited', 'restarting']), exitCode: z.number().int().nullable() }),
  body('terminal', { terminalId: z.string(), title: z.string(), state: z.enum(['open', 'closed']) }),
  body('checkpoint', { commit: z.string(), ref: z.string(), reason: z.string(), files: z.number().int() }),
  /** Marks, comments or the reviewed tree are others now: whoever shows the review reads it again. */
  body('review.changed', { by: z.string().max(200), what: z.enum(['marks', 'edit', 'comment', 'applied', 'sent', 'commit', 'rewind']), detail: z.string().max(2000).nullable(), /** Of a rewind: the checkpoint that the agent's conversation went back to with the files; absent: it stayed. */ conversation: z.string().max(64).optional() }),
  /** Something is missing here and cannot be filled. Said aloud, never silently skipped. */
  body('gap', { from: z.number().int(), to: z.number().int(), why: z.string() }),
])
export type EventBody = z.infer<typeof KnownEventBody>

const known = new Set<string>(KnownEventBody.options.map((option) => option.shape.type.value))
/** Narrowing for readers. A body of a known type that does not parse is treated as unknown. */
export function knownBody(value: unknown): EventBody | null {
  if (typeof value !== 'object' || value === null || !known.has((value as { type?: string }).type ?? '')) return null
  const parsed = KnownEventBody.safeParse(value)
  return parsed.success ? parsed.data : null
}

export const StoredEvent = z.object({
  workspaceId: WorkspaceId,
  /** 1, 2, 3 … per workspace, no holes. */
  seq: z.number().int(),
  id: EventId,
  /** ms since the epoch by the database's clock. */
  at: z.number(),
  source: z.enum(['daemon', 'server']),
  body: z.looseObject({ type: z.string() }),
})
export type StoredEvent = z.infer<typeof StoredEvent>
