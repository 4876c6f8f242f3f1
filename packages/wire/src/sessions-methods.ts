/** What the server asks of a daemon about the sessions beside the main one. */
import { z } from 'zod'
import { PromptId, SessionId } from './ids.ts'

/** Spread into `daemonMethods`. The main session is spoken to by `session.prompt` and `session.interrupt`, which every daemon knows. */
export const sessionsMethods = {
  'sessions.prompt': { params: z.object({ sessionId: SessionId, promptId: PromptId, text: z.string() }), result: z.object({ status: z.enum(['accepted', 'held', 'ambiguous', 'refused']), detail: z.string().nullable() }) },
  'sessions.interrupt': { params: z.object({ sessionId: SessionId }), result: z.object({ interrupted: z.boolean() }) },
  /** The daemon knows of sessions; an older one refuses the call. */
  'sessions.known': { params: z.object({}), result: z.object({ sessions: z.array(SessionId) }) },
} as const
