/** Looks at the whole tree, untracked files included, through an index of our own: the person's is never touched. */
import { randomBytes } from 'node:crypto'
import type { AsAgent, Journal } from '../../contracts.ts'
import { BerthError, HOSTED_REFS } from '@berth/wire'
import type { DaemonParams, DaemonResult } from '@berth/wire/daemon'
import { createSafeGit, gitRefusal } from './safe-git.ts'
import type { SafeGit } from './safe-git.ts'
import { identityEnvironment, SOURCE_REF } from './source.ts'

const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'
const STAT_LIMIT_BYTES = 4 * 1024 * 1024
const STAT_FILES = 5000
const DIFF_LIMIT_BYTES = 16 * 1024 * 1024

export interface TreeDeps {
  readonly asAgent: AsAgent
  readonly workDir: string
  readonly journal: Journal
  readonly hostedUrl: () => Promise<string>
}
export interface GitTree {
  checkpoint(request: { reason: string; publish: boolean; name: string }, signal: AbortSignal): Promise<DaemonResult<'git.checkpoint'>>
  diff(request: DaemonParams<'git.diff'>, signal: AbortSignal): Promise<DaemonResult<'git.diff'>>
}

export function createGitTree(deps: TreeDeps): GitTree {
  const git = createSafeGit(deps.asAgent, deps.workDir)
  // One save at a time: two would only do the same work twice.
  let last: Promise<unknown> = Promise.resolve()
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work, work)
    last = next.catch(() => {})
    return next
  }
  return {
    checkpoint: (request, signal) => alone(() => checkpoint({ ...deps, git }, request, signal)),
    diff: (request, signal) => alone(() => diff({ ...deps, git }, request, signal)),
  }
}

async function checkpoint(deps: TreeDeps & { git: SafeGit }, request: { reason: string; publish: boolean; name: string }, signal: AbortSignal): Promise<DaemonResult<'git.checkpoint'>> {
  const { git } = deps
  if (!(await isRepository(git))) return { commit: null, ref: null, files: 0 }
  const parent = await resolve(git, 'HEAD')
  const { tree, indexTree } = await writeTrees(deps.asAgent, git, signal)
  const env = identityEnvironment()
  const commitTree = async (of: string, parents: readonly string[], message: string): Promise<string> =>
    (await git(['commit-tree', of, ...parents.flatMap((id) => ['-p', id]), '-m', message], { env, signal })).trim()
  const parents = parent === null ? [] : [parent]
  const index = await commitTree(indexTree ?? tree, parents, 'index')
  const commit = await commitTree(tree, [...parents, index], `berth: ${request.reason}`)
  await git(['update-ref', HOSTED_REFS.save, commit])
  if (request.publish) {
    const refs = [`+${HOSTED_REFS.save}:${HOSTED_REFS.save}`, ...(parent === null ? [] : [`+${parent}:${HOSTED_REFS.out(request.name)}`])]
    const pushed = await git.attempt(['push', '-q', '--no-verify', 'berth-hosted', ...refs], { config: [['remote.berth-hosted.url', await deps.hostedUrl()]], signal })
    if (pushed.exitCode !== 0) throw gitRefusal('push', pushed.stderr)
  }
  const files = (await git(['diff-tree', '-r', '--name-only', '--no-renames', await base(git, 'source'), commit], { limitBytes: STAT_LIMIT_BYTES, signal })).split('\n').filter(Boolean).length
  deps.journal.append({ type: 'checkpoint', commit, ref: HOSTED_REFS.save, reason: request.reason, files })
  return { commit, ref: HOSTED_REFS.save, files }
}

async function diff({ asAgent, git }: { asAgent: AsAgent; git: SafeGit }, request: DaemonParams<'git.diff'>, signal: AbortSignal): Promise<DaemonResult<'git.diff'>> {
  if (!(await isRepository(git))) throw new BerthError('unsupported', 'the work directory is not a git repository', { hint: 'use an image that has git' })
  const limit = Math.min(request.limitBytes ?? 1024 * 1024, DIFF_LIMIT_BYTES)
  const { tree } = await writeTrees(asAgent, git, signal)
  const from = await base(git, request.against ?? 'source')
  const flags = ['--no-ext-diff', '--no-textconv', '--no-color', '--no-renames'] as const
  const patch = await git(['diff', ...flags, '--src-prefix=a/', '--dst-prefix=b/', from, tree], { limitBytes: limit + 1, signal })
  const numbers = await git(['diff', ...flags, '--numstat', '-z', from, tree], { limitBytes: STAT_LIMIT_BYTES, signal })
  const stat = numbers.split('\0').filter(Boolean).slice(0, STAT_FILES).map((line) => {
    const [added = '', removed = '', ...path] = line.split('\t')
    // A dash: binary.
    return { path: path.join('\t'), added: Number(added) || 0, removed: Number(removed) || 0 }
  })
  const truncated = Buffer.byteLength(patch) > limit
  return { patch: truncated ? patch.slice(0, limit) : patch, truncated, stat }
}

/** The tree of the worktree, and of the index when it can be written (not in the middle of a merge). */
async function writeTrees(asAgent: AsAgent, git: SafeGit, signal: AbortSignal): Promise<{ tree: string; indexTree: string | null }> {
  const own = (await git(['rev-parse', '--path-format=absolute', '--git-path', 'index'])).trim()
  const side = `${own}.berth-${randomBytes(6).toString('hex')}`
  const env = { GIT_INDEX_FILE: side }
  try {
    const index = await git.attempt(['write-tree'], { signal })
    // A copy keeps the stat data, which saves reading every file again. With the index's own time: git looks closer at
    // files that are no older than it, and an edit within the same second would be missed otherwise.
    const copied = await asAgent.run(['cp', '-p', own, side], { signal })
    if (copied.exitCode !== 0) await git(['read-tree', EMPTY_TREE], { env, signal })
    await git(['add', '-A', '--', '.'], { env, signal })
    return { tree: (await git(['write-tree'], { env, signal })).trim(), indexTree: index.exitCode === 0 ? index.stdout.trim() : null }
  } finally {
    await asAgent.run(['rm', '-f', side, `${side}.lock`], {})
  }
}

async function base(git: SafeGit, against: 'source' | 'head'): Promise<string> {
  return (against === 'source' ? await resolve(git, SOURCE_REF) : null) ?? (await resolve(git, 'HEAD')) ?? EMPTY_TREE
}

async function resolve(git: SafeGit, name: string): Promise<string | null> {
  const found = await git.attempt(['rev-parse', '--verify', '-q', `${name}^{commit}`])
  return found.exitCode === 0 ? found.stdout.trim() : null
}

export async function isRepository(git: SafeGit): Promise<boolean> {
  // Only the work directory's own: a repository above it is not ours to save.
  const found = await git.attempt(['rev-parse', '--git-dir'], { env: { GIT_CEILING_DIRECTORIES: parentOf(git.dir) } })
  return found.exitCode === 0
}

function parentOf(dir: string): string {
  return dir.replace(/\/+$/, '').replace(/\/[^/]*$/, '') || '/'
}
