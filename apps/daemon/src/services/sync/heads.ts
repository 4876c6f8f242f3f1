/** The branch that is checked out in the workspace, when a person brings commits. */
import { randomBytes } from 'node:crypto'
import type { DaemonParams } from '@berth/wire/daemon'
import { BerthError } from '@berth/wire/error'
import type { Bytes } from '@berth/wire/git-bytes'
import { idOf } from '../git/repository.ts'
import type { SafeGit } from '../git/safe-git.ts'
import type { TreeTools } from '../git/side-index.ts'
import { identityEnvironment } from '../git/source.ts'
import type { Base } from './base.ts'
import { mergeTrees } from './merge-lines.ts'
import type { Sent } from './sent.ts'
import { decideHead } from './three-way.ts'

export interface HeadMove {
  /** Null: it stays. */
  readonly commit: string | null
  readonly from: string | null
  readonly merged: boolean
  /** A branch that is made to keep what would be reachable from no other. */
  readonly keptBranch: string | null
}

interface Wanted { readonly sent: Sent; readonly base: Base; readonly strategy: DaemonParams<'git.take'>['strategy'] }

export async function planHead(tools: TreeTools, { sent, base, strategy }: Wanted): Promise<HeadMove | { refused: 'commits'; files: readonly Bytes[] }> {
  const { git } = tools
  const ours = await idOf(git, 'HEAD^{commit}')
  const isBelow = async (a: string | null, b: string | null): Promise<boolean> => a !== null && b !== null && (await git.attempt(['merge-base', '--is-ancestor', a, b])).exitCode === 0
  const stays: HeadMove = { commit: null, from: ours, merged: false, keptBranch: null }
  const plan = decideHead({ theirs: sent.head, ours, base: base.head, theirsBelowOurs: await isBelow(sent.head, ours), oursBelowTheirs: await isBelow(ours, sent.head) })
  if (plan === 'keep' || sent.head === null) return stays
  if (plan === 'move') return { ...stays, commit: sent.head }
  if (strategy === 'keep') return stays
  if (strategy === 'force') return { ...stays, commit: sent.head, keptBranch: `berth/before-push-${randomBytes(3).toString('hex')}` }
  if (strategy === 'refuse' || ours === null) return { refused: 'commits', files: [] }
  const merged = await mergeTrees(tools, ours, sent.head)
  if ('conflicts' in merged) return { refused: 'commits', files: merged.conflicts }
  const commit = (await git(['commit-tree', merged.tree, '-p', ours, '-p', sent.head, '-m', 'Merge what was pushed'], { env: identityEnvironment() })).trim()
  return { ...stays, commit, merged: true }
}

/** In the middle of something that remembers where the branch was. */
export async function isMerging({ asAgent, git }: TreeTools): Promise<boolean> {
  if ((await git.attempt(['write-tree'])).exitCode !== 0) return true
  const names = ['MERGE_HEAD', 'CHERRY_PICK_HEAD', 'REVERT_HEAD', 'rebase-merge', 'rebase-apply']
  const paths = (await git(['rev-parse', '--path-format=absolute', ...names.flatMap((name) => ['--git-path', name])])).split('\n').filter(Boolean)
  const there = await asAgent.run(['ls', '-d', '--', ...paths], { cwd: git.dir })
  return there.stdout !== ''
}

/** Returns what takes it back. */
export async function moveHead(git: SafeGit, { commit, from, keptBranch }: HeadMove): Promise<() => Promise<void>> {
  if (commit === null) return async () => {}
  if (keptBranch !== null && from !== null) await git(['update-ref', `refs/heads/${keptBranch}`, from])
  const nothing = '0'.repeat(commit.length)
  const moved = await git.attempt(['update-ref', '-m', 'push (berth)', 'HEAD', commit, from ?? nothing])
  if (moved.exitCode !== 0) throw new BerthError('conflict', 'the branch moved in this very moment, so nothing was touched', { hint: 'push again' })
  return async () => { await git.attempt(from === null ? ['update-ref', '-d', 'HEAD', commit] : ['update-ref', 'HEAD', from, commit]) }
}
