/** What stands in a directory of the person's, as one commit to be sent: its worktree, and its index and HEAD where there are. */
import { BerthError } from '@berth/wire/error'
import { snapshotDirectory } from './snapshot-directory.ts'
import { takeSnapshot } from './snapshot.ts'
import { readSource } from './source.ts'

export interface Taken {
  readonly commit: string
  /** With these, git in the directory sees the commit. */
  readonly env: Readonly<Record<string, string>>
  /** Untracked files that stayed at home because of their names. */
  readonly kept: readonly string[]
  readonly notices: readonly string[]
}
/** `git`: the top of a repository; else a directory of which no repository knows. */
export interface Place { readonly path: string; readonly git: boolean }

export async function placeOf(cwd: string, signal: AbortSignal): Promise<Place> {
  const source = await readSource('.', cwd, signal)
  if (source.kind === 'directory') return { path: source.path, git: false }
  if (source.kind === 'repository' && !source.bare) return { path: source.top, git: true }
  throw new BerthError('bad_request', 'there are no files here to send, only a bare repository', { hint: 'go to a clone of it' })
}

export async function take(place: Place, work: { scratch: string; include: readonly string[]; signal: AbortSignal }): Promise<Taken> {
  if (!place.git) return snapshotDirectory(place.path, work)
  const { wip, env, kept, notices } = await takeSnapshot({ top: place.path, bare: false, always: true, ...work })
  if (wip === null) throw new BerthError('internal', 'no commit was made of the directory')
  return { commit: wip, env, kept, notices }
}
