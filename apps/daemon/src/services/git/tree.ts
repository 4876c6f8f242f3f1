/** Looks at the whole tree, untracked files included, through an index of our own: the person's is never touched. */
import type { AsAgent, Journal } from '../../contracts.ts'
import { BerthError, HOSTED_REFS } from '@berth/wire'
import type { DaemonParams, DaemonResult } from '@berth/wire/daemon'
import { createOneAtATime } from './one-at-a-time.ts'
import { idOf, isRepository } from './repository.ts'
import { createSafeGit, gitRefusal } from './safe-git.ts'
import type { SafeGit } from './safe-git.ts'
import { withIndexCopy } from './side-index.ts'
import type { TreeTools } from './side-index.ts'
import { identityEnvironment, PUSHED_REF, SOURCE_REF } from './source.ts'

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
  const alone = createOneAtATime()
  return {
    checkpoint: (request, signal) => alone(() => checkpoint({ ...deps, git }, request, signal)),
    diff: (request, signal) => alone(() => diff({ ...deps, git }, request, signal)),
  }
}

async function checkpoint(deps: TreeDeps & { git: SafeGit }, request: { reason: string; publish: boolean; name: string }, signal: AbortSignal): Promise<DaemonResult<'git.checkpoint'>> {
  const { git } = deps
  if (!(await isRepository(git))) return { commit: null, ref: null, files: 0 }
  const parent = await commitOf(git, 'HEAD')
  const { tree, indexTree } = await writeTrees({ ...deps, signal })
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
  const { tree } = await writeTrees({ asAgent, git, signal })
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
async function writeTrees(tools: TreeTools): Promise<{ tree: string; indexTree: string | null }> {
  const { git, signal } = tools
  const index = await git.attempt(['write-tree'], { signal })
  return withIndexCopy(tools, async (side) => {
    const env = { GIT_INDEX_FILE: side }
    await git(['add', '-A', '--', '.'], { env, signal })
    return { tree: (await git(['write-tree'], { env, signal })).trim(), indexTree: index.exitCode === 0 ? index.stdout.trim() : null }
  })
}

async function base(git: SafeGit, against: 'source' | 'head'): Promise<string> {
  return (against === 'source' ? (await commitOf(git, PUSHED_REF)) ?? (await commitOf(git, SOURCE_REF)) : null) ?? (await commitOf(git, 'HEAD')) ?? EMPTY_TREE
}

const commitOf = (git: SafeGit, name: string): Promise<string | null> => idOf(git, `${name}^{commit}`)
