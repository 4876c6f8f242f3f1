/**
 * Sessions: the agent conversations of a workspace. Each has an agent of its own, in a terminal of its own or without
 * one; all work on the same tree. Where a call names no session, the first one is meant.
 */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { SessionId, WorkspaceId } from './ids.ts'
import { SESSION_TITLE_LIMIT } from './session-rules.ts'
import { AgentKind, Session, SessionMode } from './workspace.ts'

const ById = z.object({ id: WorkspaceId })
const BySession = ById.extend({ session: SessionId })
const Title = z.string().trim().min(1).max(SESSION_TITLE_LIMIT)
const Prompt = z.string().min(1).max(256 * 1024)
const tag = { tags: ['sessions'] }

/** Spread into `api`. */
export const sessionsApi = {
  listSessions: oc.route({ method: 'GET', path: '/workspaces/{id}/sessions', summary: 'Agent conversations, the main one first', ...tag }).input(ById).output(z.array(Session)),
  /** With `sessionId` a repeated request is the same session. The agent's program is fetched first where it is not there. */
  addSession: oc.route({ method: 'POST', path: '/workspaces/{id}/sessions', summary: 'Begin another conversation', ...tag })
    .input(ById.extend({ sessionId: SessionId.optional(), agent: AgentKind, command: z.string().max(8192).optional(), mode: SessionMode.optional(), title: Title.optional(), prompt: Prompt.optional() })).output(Session),
  forkSession: oc.route({ method: 'POST', path: '/workspaces/{id}/sessions/{session}/fork', summary: 'Begin another conversation that knows what was said in this one', ...tag })
    .input(BySession.extend({ sessionId: SessionId.optional(), title: Title.optional(), prompt: Prompt.optional() })).output(Session),
  /** The conversation goes on; a turn that is under way is finished first. */
  handOverSession: oc.route({ method: 'POST', path: '/workspaces/{id}/sessions/{session}/hand-over', summary: 'Go on with a screen, or without one', ...tag })
    .input(BySession.extend({ to: SessionMode })).output(Session),
  endSession: oc.route({ method: 'DELETE', path: '/workspaces/{id}/sessions/{session}', summary: 'End a conversation and its agent', ...tag }).input(BySession).output(z.object({ ended: z.boolean() })),
}
