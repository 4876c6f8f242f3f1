/**
 * Reaching into a workspace with a person's own tools: ssh and plain TCP, each a WebSocket to the server whose binary
 * messages are the bytes and whose close is the end. No port of the machine is ever open to anybody else.
 */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { WorkspaceId } from './ids.ts'
import { SshPublicKey } from './reach-methods.ts'

export { SshPublicKey, sshMethods } from './reach-methods.ts'

/** What the client needs to be sure that it speaks with this workspace, and as whom. */
export const SshAccess = z.object({ user: z.string(), hostKey: SshPublicKey, host: z.string() })
export type SshAccess = z.infer<typeof SshAccess>

/** Spread into `api`. */
export const reachApi = {
  sshAccess: oc.route({ method: 'GET', path: '/workspaces/{id}/ssh', summary: 'Host key and user for ssh', tags: ['reach'] }).input(z.object({ id: WorkspaceId })).output(SshAccess),
}

/** WebSocket. `key`: the public key that may sign in on this one connection, base64url of its line. */
export const SSH_STREAM_PATH = (id: WorkspaceId, key: string) => `/api/v1/workspaces/${id}/ssh/stream?key=${key}`
/** WebSocket to a port on the machine's loopback. */
export const PORT_STREAM_PATH = (id: WorkspaceId, port: number) => `/api/v1/workspaces/${id}/ports/${port}/stream`
