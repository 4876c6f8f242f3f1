/**
 * Reaching into a workspace with a person's own tools: ssh and plain TCP, each a WebSocket to the server whose binary
 * messages are the bytes and whose close is the end. No port of the machine is ever open to anybody else.
 *
 * An empty binary message says that no more bytes come this way; the other way stays open. A text message is a decimal
 * number: how many bytes its sender has taken in all. Whoever has REACH_WINDOW bytes under way that were not yet taken
 * waits; who does not is cut off. So neither end holds more than that, however slow the other is (`reach-pipe.ts`).
 */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { WorkspaceId } from './ids.ts'
import { AccountName, MachinePath, SshPublicKey } from './reach-methods.ts'

export { SshPublicKey, sshMethods } from './reach-methods.ts'
export { PORT_STREAM_PATH, SSH_STREAM_PATH } from './reach-paths.ts'

/** What the client needs to be sure that it speaks with this workspace, and as whom. */
export const SshAccess = z.object({
  user: AccountName,
  hostKey: SshPublicKey,
  /** The name of its entry in a person's ssh configuration. */
  host: z.string(),
  /** Where the code is, for editors that open a directory. */
  workDir: MachinePath,
  /** A new machine has a new host key; within one generation it never changes. */
  generation: z.number().int(),
})
export type SshAccess = z.infer<typeof SshAccess>

/** Spread into `api`. */
export const reachApi = {
  sshAccess: oc.route({ method: 'GET', path: '/workspaces/{id}/ssh', summary: 'Host key and user for ssh', tags: ['reach'] }).input(z.object({ id: WorkspaceId })).output(SshAccess),
}
