/** Reaching into a workspace with a person's own tools. Its daemon serves; here is who may, and with which key. */
import type { LinkStream } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { SshPublicKey } from '@berth/wire/reach'
import type { SshAccess } from '@berth/wire/reach'
import type { ServiceDeps } from './deps.ts'
import { requireRecord } from './view.ts'
import { requireCan } from './workspaces.ts'

const CALL_WITHIN_MS = 15_000
const PORT_LAST = 65_535

export async function sshAccess(deps: ServiceDeps, id: WorkspaceId): Promise<SshAccess> {
  const record = await requireRecord(deps, id)
  requireCan(deps, record, 'attach')
  return { ...(await deps.daemons.call(id, 'ssh.access', {}, { withinMs: CALL_WITHIN_MS })), host: `berth-${record.workspace.name}`, generation: record.workspace.generation }
}

/** `what`: `ssh` with the key that may sign in, or a port of the machine. */
export async function openReach(deps: ServiceDeps, id: WorkspaceId, what: { readonly ssh: string | null } | { readonly port: string }): Promise<LinkStream> {
  requireCan(deps, await requireRecord(deps, id), 'attach')
  if ('port' in what) return deps.daemons.openStream(id, { service: 'tcp', port: portOf(what.port) })
  return deps.daemons.openStream(id, { service: 'ssh', authorizedKey: keyOf(what.ssh) })
}

function keyOf(encoded: string | null): string {
  const key = SshPublicKey.safeParse(Buffer.from(encoded ?? '', 'base64url').toString('utf8'))
  if (key.success) return key.data
  throw new BerthError('bad_request', 'the key that may sign in is missing or is none', { hint: '?key= is the line of a public key in base64url' })
}

function portOf(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port >= 1 && port <= PORT_LAST) return port
  throw new BerthError('bad_request', `"${text}" is no port`, { hint: `a port is a number from 1 to ${PORT_LAST}` })
}
