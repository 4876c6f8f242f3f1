/** An agent's question that blocks it until somebody answers, or until its asker is gone. */
import { z } from 'zod'
import { ApprovalId, SessionId, WorkspaceId } from './ids.ts'

/**
 * `open`: asked, nobody decided. `decided`: one decision won. `applied`: the agent has it.
 * `orphaned`: the asker died before it got an answer; a decision now wakes the agent, and the same request,
 * asked again within an hour, is answered with it once.
 */
export const ApprovalState = z.enum(['open', 'decided', 'applied', 'orphaned', 'superseded'])
export type ApprovalState = z.infer<typeof ApprovalState>

export const Decision = z.object({
  behavior: z.enum(['allow', 'deny']),
  /** `session`: also allow the agent's own suggestion of a rule until the session ends. */
  scope: z.enum(['once', 'session']).default('once'),
  /** Told to the agent on deny. */
  message: z.string().max(4000).optional(),
  /** Replaces the tool's input (edit the command, answers to a question). */
  updatedInput: z.record(z.string(), z.unknown()).optional(),
})
export type Decision = z.infer<typeof Decision>

/** Where an answer came from, shown as "answered by … on …". */
export const DecidedBy = z.object({ who: z.string(), via: z.enum(['cli', 'web', 'terminal', 'push', 'api', 'rule']), at: z.number() })
export type DecidedBy = z.infer<typeof DecidedBy>

/** Names of tools that only the server asks for: `berth:push`, `berth:host`. */
export const RESERVED_TOOL = /^\s*berth\s*:/i

export const ApprovalKind = z.enum(['permission', 'question', 'plan'])
export type ApprovalKind = z.infer<typeof ApprovalKind>

export const ApprovalAsk = z.object({
  approvalId: ApprovalId,
  sessionId: SessionId,
  kind: ApprovalKind,
  tool: z.string().max(200),
  /** One line a person can answer. */
  title: z.string().max(500),
  toolCallId: z.string().max(200).nullable(),
  input: z.record(z.string(), z.unknown()),
  cwd: z.string().max(4096).nullable(),
  /** sha-256 over {session, tool, input, cwd}: a decision is bound to it. */
  contentHash: z.string(),
  /** Only where the server itself asks, with a tool of RESERVED_TOOL: nobody's answer by then is a no. A machine's ask that has it is not believed. */
  expiresAt: z.number().optional(),
})
export type ApprovalAsk = z.infer<typeof ApprovalAsk>

export const Approval = ApprovalAsk.extend({
  workspaceId: WorkspaceId,
  state: ApprovalState,
  askedAt: z.number(),
  decision: Decision.nullable(),
  decidedBy: DecidedBy.nullable(),
  appliedAt: z.number().nullable(),
  /** What to notice before saying yes: a hint, not a boundary. Absent from an older server. */
  risk: z.object({ level: z.enum(['low', 'notice', 'high']), text: z.string().nullable(), /** The parts of the command that say so. */ marks: z.array(z.string()).optional() }).optional(),
})
export type Approval = z.infer<typeof Approval>
