/**
 * A repository as it stands (head, index, worktree) as two commits, made without touching it: the index is a copy and
 * new objects go to a directory of ours that borrows from the repository's own.
 */
import { copyFile, mkdir, stat, utimes } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { textOf } from '@berth/wire/git-bytes'
import { cleanLine } from '../clean.ts'
import { sentMessage } from '@berth/wire/sent-message'
import { fieldsFor, fieldsOf, git, tryGit, type GitOptions } from './git.ts'
import { includedFiles } from './include.ts'
import { splitSecrets } from './secret-names.ts'
import { cloneId } from './clone-id.ts'

export interface Snapshot {
  /** The commit that is checked out; of our own making when there is none. */
  readonly head: string
  /** Null: the index and the worktree are as in head, and nobody wanted it `always`. */
  readonly wip: string | null
  readonly branch: string | null
  readonly shallow: boolean
  /** Untracked files that stayed at home because of their names. */
  readonly kept: readonly string[]
  readonly notices: readonly string[]
  /** Names at its root, and of its devcontainer files. */
  readonly outline: readonly string[]
  /** With these, git in the repository sees the new commits. */
  readonly env: Readonly<Record<string, string>>
}
interface Work {
  readonly top: string
  readonly bare: boolean
  /** An empty directory of ours that lives as long as the snapshot is needed. */
  readonly scratch: string
  readonly include: readonly string[]
  readonly signal: AbortSignal
  /** A commit of the worktree also where it is as in head. */
  readonly always?: boolean
}

export const IDENTITY = { GIT_AUTHOR_NAME: 'Berth', GIT_AUTHOR_EMAIL: 'berth@localhost', GIT_COMMITTER_NAME: 'Berth', GIT_COMMITTER_EMAIL: 'berth@localhost' }

export async function takeSnapshot(work: Work): Promise<Snapshot> {
  const { top, signal } = work
  const read = (args: readonly string[]): Promise<string> => git(args, { cwd: top, signal }).then((text) => text.replace(/\n$/, ''))
  if ((await read(['rev-parse', '--show-object-format'])) !== 'sha1') {
    throw new BerthError('unsupported', 'the repository uses sha256 object names, which the server cannot host', { hint: 'copy the files to a directory without .git and use `berth up` there' })
  }
  const env = await sideEnv(work, await read(['rev-parse', '--git-path', 'objects']))
  const options = { cwd: top, signal, env, config: [['lfs.storage', join(work.scratch, 'lfs')]] as const }
  const found = await tryGit(['rev-parse', '--verify', '--quiet', 'HEAD^{commit}'], options)
  const notices: string[] = []
  if (found.code !== 0) notices.push('the repository has no commits yet; the workspace begins with an empty one')
  const head = found.code === 0 ? found.stdout.trim() : await commit(options, { tree: await emptyTree(options), parents: [], message: 'start' })
  const branch = (await tryGit(['symbolic-ref', '--quiet', '--short', 'HEAD'], options)).stdout.trim() || null
  const shallow = (await read(['rev-parse', '--is-shallow-repository'])) === 'true'
  if (work.bare) return { head, wip: null, branch, shallow, kept: [], notices, outline: await readOutline(head, options), env }

  const trees = await writeTrees(work, options, await read(['rev-parse', '--git-path', 'index']))
  if (trees.nested.length > 0) notices.push(`left at home, repositories of their own: ${trees.nested.map((path) => cleanLine(textOf(path), 100)).join(', ')}`)
  if (trees.submodules > 0) notices.push(`${trees.submodules} submodule${trees.submodules === 1 ? ' travels' : 's travel'} as a reference only, without local changes`)
  const headTree = (await git(['rev-parse', `${head}^{tree}`], options)).trim()
  const clean = trees.index === headTree && trees.worktree === headTree
  const message = sentMessage({ from: await cloneId(top), included: trees.included })
  const wip = clean && work.always !== true ? null : await commit(options, { tree: trees.worktree, parents: [head, await commit(options, { tree: trees.index, parents: [head], message: 'index' })], message })
  return { head, wip, branch, shallow, kept: trees.kept.map(textOf), notices, outline: await readOutline(trees.worktree, options), env }
}

const OUTLINE_LIMIT = 2000
const PATH_LIMIT = 300
/** What tells the server about the project's environment before the code is there. */
async function readOutline(tree: string, options: GitOptions): Promise<string[]> {
  const [root, devcontainer] = await Promise.all([git(['ls-tree', '-z', '--name-only', tree], options), git(['ls-tree', '-r', '-z', '--name-only', tree, '--', '.devcontainer'], options)])
  const names = [...devcontainer.split('\0').filter((path) => path.endsWith('/devcontainer.json')), ...root.split('\0')]
  return names.filter((path) => path !== '' && path.length <= PATH_LIMIT).slice(0, OUTLINE_LIMIT)
}

async function sideEnv(work: Work, objects: string): Promise<Record<string, string>> {
  const own = join(work.scratch, 'objects')
  await mkdir(own, { recursive: true })
  // A list parted by colons; a quoted entry may hold them.
  const quoted = `"${resolve(work.top, objects).replace(/[\\"]/g, '\\$&')}"`
  return { ...IDENTITY, GIT_OBJECT_DIRECTORY: own, GIT_ALTERNATE_OBJECT_DIRECTORIES: quoted, GIT_INDEX_FILE: join(work.scratch, 'index') }
}

async function writeTrees(work: Work, options: GitOptions, index: string): Promise<{ index: string; worktree: string; kept: string[]; nested: string[]; included: string[]; submodules: number }> {
  const original = resolve(work.top, index)
  const times = await stat(original).catch(() => null)
  if (times) {
    const copy = join(work.scratch, 'index')
    await copyFile(original, copy)
    // Git compares files with the index's own time to see which it must read again; a younger copy would miss edits.
    await utimes(copy, times.atime, times.mtime)
  }
  const written = await tryGit(['write-tree'], options)
  if (written.code !== 0) {
    const unmerged = (await git(['ls-files', '--unmerged', '-z'], options)) !== ''
    throw new BerthError('conflict', unmerged ? 'the repository is in the middle of a merge with conflicts' : 'the index of the repository cannot be read', { hint: unmerged ? 'resolve and `git add` them, or `git merge --abort`' : 'see `git status`' })
  }
  const untracked = fieldsOf(await git(['ls-files', '--others', '--exclude-standard', '-z'], { ...options, bytes: true }))
  // Git lists a repository inside this one as a directory and would record no more than its commit.
  const nested = untracked.filter((path) => path.endsWith('/'))
  const included = await includedFiles(work.include, { ...options, cwd: work.top })
  const { sent, kept } = splitSecrets(untracked.filter((path) => !path.endsWith('/')), included)
  await git(['add', '--update', '--', ':/'], options)
  // Paths, not patterns: a pattern is held against every file of the index. What vanished meanwhile is passed over.
  const added = [...new Set([...sent, ...included])]
  if (added.length > 0) await git(['update-index', '--add', '--remove', '-z', '--stdin'], { ...options, cwd: work.top, input: fieldsFor(added) })
  const worktree = (await git(['write-tree'], options)).trim()
  const submodules = (await git(['ls-files', '--stage', '-z'], options)).split('\0').filter((line) => line.startsWith('160000 ')).length
  return { index: written.stdout.trim(), worktree, kept, nested, included, submodules }
}

async function emptyTree(options: GitOptions): Promise<string> {
  return (await git(['mktree'], { ...options, input: '' })).trim()
}

async function commit(options: GitOptions, made: { tree: string; parents: readonly string[]; message: string }): Promise<string> {
  const tree = (await git(['rev-parse', '--verify', made.tree], options)).trim()
  return (await git(['commit-tree', tree, ...made.parents.flatMap((parent) => ['-p', parent]), '-F', '-'], { ...options, input: made.message })).trim()
}
