/** The workspace a command means: the one that is named, or the only one whose code came from here. */
import type { Client } from '@berth/client'
import type { Workspace } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { resolveWorkspace } from '../resolve.ts'

export async function workspaceOfHere(client: Client, where: { word: string | undefined; path: string; verb: string }, signal: AbortSignal): Promise<Workspace> {
  const { word, path, verb } = where
  if (word !== undefined) return resolveWorkspace(client, word, signal)
  const found = (await client.listWorkspaces({}, signal)).filter(({ repository, phase }) => repository === path && phase !== 'deleting' && phase !== 'deleted')
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  if (only === undefined) throw new BerthError('bad_request', 'no workspace has its code from here', { hint: `berth ${verb} <workspace>; \`berth list\` shows them` })
  throw new BerthError('ambiguous_name', `${found.length} workspaces have their code from here: ${found.slice(0, 8).map(({ name }) => name).join(', ')}`, { hint: `berth ${verb} <workspace>` })
}
