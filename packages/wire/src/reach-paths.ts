/** Where a workspace is reached (`reach.ts`). Without run-time dependencies: each ssh connection starts a program that needs only this. */
import type { WorkspaceId } from './ids.ts'

/** WebSocket. `key`: the public key that may sign in on this one connection, base64url of its line. */
export const SSH_STREAM_PATH = (id: WorkspaceId, key: string) => `/api/v1/workspaces/${id}/ssh/stream?key=${key}`
/** WebSocket to a port on the machine's loopback. */
export const PORT_STREAM_PATH = (id: WorkspaceId, port: number) => `/api/v1/workspaces/${id}/ports/${port}/stream`
