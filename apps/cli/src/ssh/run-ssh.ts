/** Runs OpenSSH's own client with everything set. */
import type { Workspace } from '@berth/wire'
import type { Connection, Context } from '../context.ts'
import { pinned, readHosts, serverKey, writeHosts } from './hosts.ts'
import type { Host } from './hosts.ts'
import { readyWorkspace, whenLinked } from './ready.ts'
import { hostNames } from './render.ts'
import { program, sshHome } from './ssh-home.ts'

export async function runSsh(context: Context, { word, rest, start, forwardAgent }: { word: string; rest: readonly string[]; start: boolean; forwardAgent: boolean }): Promise<number> {
  const client = program('ssh')
  const connection = await context.connect()
  const workspace = await readyWorkspace(context, connection, { word, start, verb: 'ssh' })
  const { alias } = await meet(context, connection, workspace)
  if (forwardAgent) context.io.note(`${context.io.noteStyle.yellow('⚠')} whatever runs in ${workspace.name} can sign with your keys until this connection ends`)
  // Not through the shared channel: that one stays when this is over, and the agent with it.
  const agent = forwardAgent ? ['-A', '-S', 'none'] : []
  const child = Bun.spawn([client, '-F', sshHome(context.home).config, ...agent, alias, ...rest], { stdio: ['inherit', 'inherit', 'inherit'] })
  // Ctrl-C reaches it by itself; it says how it ended.
  return await child.exited
}

/** A machine, and what ssh calls it here. */
export type Known = Host & { readonly alias: string }

/** Asks the machine who it is, and writes its entry. */
export async function meet(context: Context, connection: Connection, workspace: Workspace): Promise<Known> {
  const access = await whenLinked(context.signal, () => connection.client.sshAccess({ id: workspace.id }, context.signal))
  const hosts = pinned(await readHosts(context), { ...workspace, server: serverKey(context, connection) }, access)
  await writeHosts(context, hosts)
  // Just put there.
  return { ...hosts[workspace.id] as Host, alias: hostNames(hosts).get(workspace.id) ?? workspace.id }
}
