/** A repository of the server by its name, its id, or the workspace that it belongs to. */
import type { Client } from '@berth/client'
import type { RepositoryId, WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import type { HostedRepository, RepositoryToken } from '@berth/wire/hosted'
import { cleanLine } from '../clean.ts'

export type Task = HostedRepository & { readonly workspaceId: null; readonly id: RepositoryId }
/** One with no workspace has an id of its own. */
export const isTask = (repository: HostedRepository): repository is Task => repository.workspaceId === null

export async function findRepository(client: Client, word: string, signal: AbortSignal): Promise<HostedRepository> {
  const all = await client.listHostedRepositories(signal)
  const named = all.filter(({ id, name }) => id === word || name === word)
  const [found] = named
  if (found === undefined) throw new BerthError('not_found', `there is no repository "${cleanLine(word, 80)}"`, { hint: '`berth repos` lists them' })
  if (named.length > 1) throw new BerthError('conflict', `${named.length} repositories are called ${word}`, { hint: `give the id: ${named.map(({ id, workspaceId }) => `${id} (${workspaceId === null ? 'of its own' : 'of a workspace'})`).join(', ')}` })
  return found
}

/** Not one that comes and goes with a workspace. */
export async function findTask(client: Client, word: string, signal: AbortSignal): Promise<Task> {
  const found = (await client.listHostedRepositories(signal)).filter((each) => isTask(each)).find(({ id, name }) => id === word || name === word)
  if (found !== undefined) return found
  throw new BerthError('not_found', `there is no repository "${cleanLine(word, 80)}" of its own`, { hint: 'one of a workspace goes with it: `berth delete`. `berth repos` lists them' })
}

export function tokenOf(client: Client, repository: HostedRepository, wanted: { access: 'read' | 'write'; lastsMs?: number | undefined }, signal: AbortSignal): Promise<RepositoryToken> {
  const { access, lastsMs } = wanted
  const given = { access, ...(lastsMs === undefined ? {} : { lastsMs }) }
  return isTask(repository) ? client.createHostedToken({ repositoryId: repository.id, ...given }, signal) : client.createRepositoryToken({ id: repository.id as WorkspaceId, ...given }, signal)
}
