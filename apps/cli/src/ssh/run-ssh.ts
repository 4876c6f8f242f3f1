/** Runs OpenSSH's own client with everything set. */
import type { Context } from '../context.ts'
import { hostName, pinned, readHosts, writeHosts } from './hosts.ts'
import { readyWorkspace } from './ready.ts'
import { program, sshHome } from './ssh-home.ts'

export async function runSsh(context: Context, { word, rest, start }: { word: string; rest: readonly string[]; start: boolean }): Promise<number> {
  const client = program('ssh')
  const connection = await context.connect()
  const workspace = await readyWorkspace(context, connection, { word, start })
  const access = await connection.client.sshAccess({ id: workspace.id }, context.signal)
  await writeHosts(context, pinned(await readHosts(context), workspace, access))
  const child = Bun.spawn([client, '-F', sshHome(context.home).config, hostName(workspace), ...rest], { stdio: ['inherit', 'inherit', 'inherit'] })
  // Ctrl-C reaches it by itself; it says how it ended.
  return await child.exited
}
