/** A directory that is in no repository, as a commit of its files alone, made in a repository of ours. */
import { join } from 'node:path'
import { textOf } from '@berth/wire/git-bytes'
import { sentMessage } from '@berth/wire/sent-message'
import { listDirectory } from './archive.ts'
import { cloneId } from './clone-id.ts'
import { fieldsFor, git } from './git.ts'
import { IDENTITY } from './snapshot.ts'
import type { Taken } from './take.ts'

export async function snapshotDirectory(path: string, work: { scratch: string; include: readonly string[]; signal: AbortSignal }): Promise<Taken> {
  const { scratch, signal } = work
  const listing = await listDirectory(path, work)
  // The repository that `listDirectory` made to read what is ignored.
  const env = { ...IDENTITY, GIT_DIR: join(scratch, 'ignore.git'), GIT_WORK_TREE: path, GIT_INDEX_FILE: join(scratch, 'index') }
  const options = { cwd: path, signal, env, config: [['core.bare', 'false']] as const }
  await git(['update-index', '--add', '--remove', '-z', '--stdin'], { ...options, input: fieldsFor(listing.files) })
  const tree = (await git(['write-tree'], options)).trim()
  const message = sentMessage({ from: await cloneId(path), included: listing.included })
  const commit = (await git(['commit-tree', tree, '-F', '-'], { ...options, input: message })).trim()
  return { commit, env, kept: listing.kept, notices: listing.nested.length === 0 ? [] : [`left at home, repositories of their own: ${listing.nested.slice(0, 5).map(textOf).join(', ')}`] }
}
