/**
 * The page's socket: `GET /api/v1/socket` (WebSocket, the session cookie or a bearer token), JSON text frames.
 * One for a page, whatever it shows. It carries what follows of the watched workspaces' events from the page's own
 * cursor, what has no seq (text as it is written, who is looking), and the list. A page whose socket was cut connects
 * again and says its cursors: nothing is lost and nothing comes twice.
 */
import { z } from 'zod'
import type { Approval } from './approval.ts'
import type { StoredEvent } from './events.ts'
import { ApprovalId, SessionId, WorkspaceId } from './ids.ts'
import type { Workspace } from './workspace.ts'

export const SOCKET_PATH = '/api/v1/socket'
export const SOCKET_MESSAGE_LIMIT = 64 * 1024
/** Workspaces one page may watch at once (a grid of live tiles). */
export const WATCH_LIMIT = 24

/**
 * Text as the agent's channel gives it. Never stored: the `message` event of the same messageId replaces it. `at` is
 * the offset in UTF-16 units where `append` belongs, so a viewer that missed a part knows it and waits for the event.
 */
export const LiveText = z.object({ kind: z.literal('text'), sessionId: SessionId, messageId: z.string().max(200), role: z.enum(['agent', 'thought']), at: z.number().int().min(0), append: z.string().max(16 * 1024) })
/** Output of a call that still runs, where the agent's channel has it. */
export const LiveOutput = z.object({ kind: z.literal('output'), sessionId: SessionId, toolCallId: z.string().max(200), at: z.number().int().min(0), append: z.string().max(16 * 1024) })
export const LiveItem = z.discriminatedUnion('kind', [LiveText, LiveOutput])
export type LiveItem = z.infer<typeof LiveItem>

export const Presence = z.object({
  viewerId: z.string(), who: z.string(), client: z.enum(['web', 'cli', 'desktop']),
  /** What they have open: a pane's name, and the hunk they read. */
  at: z.string().max(40).nullable(), hunkId: z.string().max(64).nullable(),
})
export type Presence = z.infer<typeof Presence>

/** From the page. */
export const FromPage = z.discriminatedUnion('type', [
  /** Sends the list, and each workspace of it again whenever it changes. */
  z.object({ type: z.literal('list') }),
  /** Watch from this cursor on; a second one for the same workspace moves nothing but `at`. Makes the page a viewer. */
  z.object({ type: z.literal('watch'), workspaceId: WorkspaceId, after: z.number().int().min(0), at: z.string().max(40).nullable().default(null), hunkId: z.string().max(64).nullable().default(null) }),
  z.object({ type: z.literal('unwatch'), workspaceId: WorkspaceId }),
  /** A person did something in this workspace: activity (X31). At most one a minute is worth sending. */
  z.object({ type: z.literal('input'), workspaceId: WorkspaceId }),
  /** The card that is on the screen of a focused page, for the rule of who gets a push. Null: none. */
  z.object({ type: z.literal('focus'), approvalId: ApprovalId.nullable() }),
  z.object({ type: z.literal('ping') }),
])
export type FromPage = z.infer<typeof FromPage>

/** To the page. */
export type ToPage =
  | { type: 'list'; workspaces: Workspace[]; approvals: Approval[]; /** The server's clock: a device's may be wrong by hours. */ now?: number }
  /** One changed, or is new. */
  | { type: 'workspace'; workspace: Workspace }
  | { type: 'approval'; approval: Approval }
  /** In order, without a hole, `seq > after` of the watch. `upToDate`: nothing more is stored now. */
  | { type: 'events'; workspaceId: WorkspaceId; events: StoredEvent[]; upToDate: boolean }
  /** The cursor is below what is kept: begin anew at `floor`. */
  | { type: 'cursor-gone'; workspaceId: WorkspaceId; floor: number }
  | { type: 'live'; workspaceId: WorkspaceId; items: LiveItem[] }
  | { type: 'presence'; workspaceId: WorkspaceId; viewers: Presence[] }
  | { type: 'refused'; workspaceId: WorkspaceId | null; code: string; message: string; hint: string | null }
  | { type: 'pong' }
  /** The server goes away: connect again. */
  | { type: 'goaway' }
