/**
 * A workspace's work as a directory of its own: its commit checked out, its index, its uncommitted files. Whoever wrote it
 * is not trusted: objects are checked on the way in, and no hook, filter or submodule of it runs.
 */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { git, lastWords, tryGit } from './git.ts'
import { CHECKS } from './pull-into.ts'
import { hostedRemote, type Target } from './push.ts'

interface Copy { readonly dir: string; readonly name: string; readonly ref: string; readonly commit: string; readonly target: Target }
export interface Copied { readonly directory: string; readonly branch: string; /** Files that are not committed. */ readonly changes: number }

const WITHOUT_FILTERS = [['filter.lfs.smudge', ''], ['filter.lfs.process', ''], ['filter.lfs.required', 'false'], ['core.protectHFS', 'true'], ['core.protectNTFS', 'true'], ['submodule.recurse', 'false']] as const

export async function copyInto(copy: Copy, signal: AbortSignal): Promise<Copied> {
  const dir = resolve(copy.dir)
  const there = await readdir(dir).catch(() => null)
  if (there !== null && there.length > 0) throw new BerthError('conflict', `${dir} is not empty`, { hint: 'name a directory that does not exist yet' })
  try {
    return await fill({ ...copy, dir }, signal)
  } catch (error) {
    if (there === null) await rm(dir, { recursive: true, force: true })
    throw error
  }
}

async function fill({ dir, name, ref, commit, target }: Copy, signal: AbortSignal): Promise<Copied> {
  await mkdir(dir, { recursive: true })
  const options = { cwd: dir, signal, config: WITHOUT_FILTERS, env: { GIT_LFS_SKIP_SMUDGE: '1' } }
  await git(['init', '--quiet', '--template='], options)
  const remote = hostedRemote(target)
  const fetched = await tryGit(['fetch', '--quiet', '--update-shallow', '--no-tags', '--no-write-fetch-head', '--', remote.url, `+${ref}:refs/berth/save`], { ...options, config: [...remote.config, ...CHECKS] })
  if (fetched.code !== 0) throw new BerthError('clone_refused', `the work could not be fetched: ${lastWords(fetched.stderr)}`, { hint: 'see `berth server logs`' })
  if ((await git(['rev-parse', 'refs/berth/save^{commit}'], options)).trim() !== commit) throw new BerthError('conflict', 'the work was saved again in this very moment', { hint: 'try again' })
  const parents = (await git(['log', '-1', '--format=%P', commit], options)).trim().split(' ').filter(Boolean)
  const [head = commit, index = commit] = parents.length > 1 ? parents : [commit, commit]
  const branch = `berth/${name}`
  await git(['checkout', '--quiet', '--no-track', '-B', branch, head], options)
  await git(['read-tree', '-u', '-m', 'HEAD', commit], options)
  await git(['read-tree', index], options)
  // 1 only says that files differ from the index, as they do in the workspace.
  await tryGit(['update-index', '-q', '--refresh'], options)
  await git(['update-ref', '-d', 'refs/berth/save'], options)
  const changes = (await git(['status', '--porcelain', '-z'], options)).split('\0').filter(Boolean).length
  return { directory: dir, branch, changes }
}
