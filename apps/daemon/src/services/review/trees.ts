/** The worktree as a tree, and trees made of trees. */
import { BerthError } from '@berth/wire/error'
import type { Bytes } from '@berth/wire/git-bytes'
import { pathBytes } from '@berth/wire/git-bytes'
import { ignoredPaths } from '@berth/wire/ignored-paths'
import type { TreeMove } from '@berth/wire/review-methods'
import { gitRefusal } from '../git/safe-git.ts'
import type { SafeGit } from '../git/safe-git.ts'
import { parentsOf } from '../sync/three-way.ts'
import { withIndexCopy, withSideIndex } from '../git/side-index.ts'
import type { TreeTools } from '../git/side-index.ts'

const LIST_LIMIT_BYTES = 64 * 1024 * 1024

export interface Snapshot {
  readonly tree: string
  /** Holds `tree` with the times of the worktree's files. */
  readonly index: string
}

/** Untracked files are part of it, ignored ones only when they are among `also`. `work` has the index while it runs. */
export async function withSnapshot<T>(tools: TreeTools, work: (snapshot: Snapshot) => Promise<T>, { also = [] }: { also?: readonly Bytes[] } = {}): Promise<T> {
  const { git, signal } = tools
  return withIndexCopy(tools, async (index) => {
    const env = { GIT_INDEX_FILE: index }
    await clearFlags(git, env, signal)
    const added = await git.attempt(['add', '-A', '--ignore-errors', '--', '.'], { env, signal })
    // 1: some file cannot be read or added; the rest is.
    if (added.exitCode > 1) throw gitRefusal('add', added.stderr)
    await addIgnored(git, { env, signal, paths: also })
    return work({ tree: (await git(['write-tree'], { env, signal })).trim(), index })
  })
}

/** Those that are there: what takes their place must not be the end of them. */
async function addIgnored(git: SafeGit, { env, signal, paths }: { env: Record<string, string>; signal: AbortSignal; paths: readonly Bytes[] }): Promise<void> {
  // What git refuses to look at, beyond the agent's own link, can be no file of a tree either.
  const { ignored } = await ignoredPaths(paths, async (input) => {
    const told = await git.attempt(['check-ignore', '-z', '--stdin'], { env, signal, bytes: true, stdin: Buffer.from(input, 'latin1'), limitBytes: LIST_LIMIT_BYTES })
    return { code: told.exitCode, stdout: told.stdout }
  })
  await add([...new Set([...ignored, ...(await ignoredBelow(git, { env, signal, paths }))])])

  /** All at once, or none: by halves down to the directory that has such a name, of which everything is added. Git switches files over both. */
  async function add(some: readonly Bytes[]): Promise<void> {
    if (some.length === 0) return
    const stdin = Buffer.from(some.map((path) => `${path}\0`).join(''), 'latin1')
    if ((await git.attempt(['update-index', '--add', '--remove', '-z', '--stdin'], { env, signal, stdin })).exitCode === 0) return
    if (some.length === 1) {
      await git.attempt(['add', '-f', '--ignore-errors', '--pathspec-from-file=-', '--pathspec-file-nul'], { env: { ...env, GIT_LITERAL_PATHSPECS: '1' }, signal, stdin })
      return
    }
    await add(some.slice(0, some.length >> 1))
    await add(some.slice(some.length >> 1))
  }
}

/** A directory in which git would look for files goes whole where a file takes its place, with what is ignored in it. */
async function ignoredBelow(git: SafeGit, { env, signal, paths }: { env: Record<string, string>; signal: AbortSignal; paths: readonly Bytes[] }): Promise<Bytes[]> {
  if (paths.length === 0) return []
  const replaced = new Set(paths)
  // A directory of which all is ignored is named alone, and not looked through.
  const listed = await git(['ls-files', '-z', '--others', '--ignored', '--exclude-standard', '--directory'], { env, signal, bytes: true, limitBytes: LIST_LIMIT_BYTES })
  return listed.split('\0').map((path) => path.replace(/\/$/, '')).filter((path) => path !== '' && (replaced.has(path) || parentsOf(path).some((parent) => replaced.has(parent))))
}

/** A file that is flagged as unchanged would not be looked at. */
async function clearFlags(git: SafeGit, env: Record<string, string>, signal: AbortSignal): Promise<void> {
  const listed = await git(['ls-files', '-v', '-z'], { env, signal, bytes: true, limitBytes: LIST_LIMIT_BYTES })
  const flagged = listed.split('\0').filter((line) => /^[a-z] /.test(line)).map((line) => line.slice(2))
  if (flagged.length > 0) await git(['update-index', '-z', '--no-assume-unchanged', '--stdin'], { env, signal, stdin: Buffer.from(`${flagged.join('\0')}\0`, 'latin1') })
}

export interface TreeChange { readonly patch: Bytes; readonly reverse: boolean; readonly moves: readonly TreeMove[] }

/** The tree with the change on it. Throws `conflict` when any part of it does not fit. */
export async function changeTree(tools: TreeTools, from: string, change: TreeChange): Promise<string> {
  const { git, signal } = tools
  return withSideIndex(tools, async (index) => {
    const env = { GIT_INDEX_FILE: index }
    const read = await git.attempt(['read-tree', from], { env, signal })
    if (read.exitCode !== 0) throw new BerthError('not_found', 'that tree is not in the repository of the workspace any more', { hint: 'read the review again' })
    if (change.patch !== '') {
      const applied = await git.attempt(['apply', '--cached', '--whitespace=nowarn', ...(change.reverse ? ['-R'] : []), '-'], { env, signal, stdin: Buffer.from(change.patch, 'latin1') })
      if (applied.exitCode !== 0) throw doesNotFit()
    }
    if (change.moves.length > 0) await move(git, { env, from, moves: change.moves, signal })
    return (await git(['write-tree'], { env, signal })).trim()
  })
}

async function move(git: SafeGit, { env, from, moves, signal }: { env: Record<string, string>; from: string; moves: readonly TreeMove[]; signal: AbortSignal }): Promise<void> {
  const wanted = new Map(moves.map((one) => [pathBytes(one.path), one]))
  const listed = await git(['ls-tree', '-r', '-z', '--full-tree', from], { signal, bytes: true, limitBytes: LIST_LIMIT_BYTES })
  const present = new Map<Bytes, string>()
  for (const line of listed.split('\0')) {
    const [, mode = '', oid = '', path = ''] = /^([0-7]{6}) [a-z]+ ([0-9a-f]+)\t([\s\S]+)$/.exec(line) ?? []
    if (wanted.has(path)) present.set(path, `${mode} ${oid}`)
  }
  for (const [path, { from: expected }] of wanted) if (present.get(path) !== (expected === null ? undefined : `${expected.mode} ${expected.oid}`)) throw doesNotFit()
  const zero = '0'.repeat(from.length)
  // What goes, goes first: a file may take the place of a directory.
  const lines = [...wanted].sort(([, a], [, b]) => Number(a.to !== null) - Number(b.to !== null))
    .map(([path, { to }]) => (to === null ? `0 ${zero}\t${path}\0` : `${to.mode} ${to.oid}\t${path}\0`))
  await git(['update-index', '-z', '--replace', '--index-info'], { env, signal, stdin: Buffer.from(lines.join(''), 'latin1') })
}

/** From the tree of the snapshot to another: all files that differ, or none. */
export async function switchWorktree(git: SafeGit, snapshot: Snapshot, to: string): Promise<void> {
  if (snapshot.tree === to) return
  // No signal: cut off in the middle it would leave half of it.
  const switched = await git.attempt(['read-tree', '-m', '-u', '--no-recurse-submodules', snapshot.tree, to], { env: { GIT_INDEX_FILE: snapshot.index } })
  if (switched.exitCode !== 0) throw new BerthError('conflict', 'files changed in this very moment, so nothing was touched', { hint: 'try again' })
}

function doesNotFit(): BerthError {
  return new BerthError('conflict', 'the files changed since, and it no longer fits', { hint: 'read the review again' })
}
