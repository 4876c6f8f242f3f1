/** OpenSSH's entries follow the workspaces once somebody asked for them; nobody else pays for it. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import type { Connection, Context } from './context.ts'

/** `workspaces`: all of this server, as just read; absent: they are asked for. */
export async function refreshSsh(context: Context, connection: Connection, workspaces?: readonly Workspace[]): Promise<void> {
  if (!existsSync(join(context.home, 'ssh', 'config'))) return
  const { keepFresh } = await import('./ssh/hosts.ts')
  const all = workspaces ?? (await connection.client.listWorkspaces({}, context.signal).catch(() => null))
  if (all !== null) await keepFresh(context, connection, all)
}
