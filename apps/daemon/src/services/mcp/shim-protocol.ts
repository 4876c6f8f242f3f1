/** What the shim beside the agent and the daemon say to each other: JSON lines over a unix socket in `runDir`, one connection for each call. */
import type { McpAnswer } from '@berth/wire/mcp-server'

/** Shim → daemon. A call said again after the daemon was away carries the same `requestId`: it is the same call. */
export type FromShim =
  | { readonly say: 'call'; readonly session: string; readonly requestId: string; readonly tool: string; readonly args: Readonly<Record<string, unknown>> }
  /** The agent does not wait for it any more. */
  | { readonly say: 'withdrawn' }
  | { readonly say: 'delivered' }
/** Daemon → shim. */
export interface ToShim { readonly answer: McpAnswer }

export const SHIM_LINE_LIMIT = 256 * 1024
export const SHIM_SOCKET = 'mcp.sock'
