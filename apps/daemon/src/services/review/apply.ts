/** Puts a change on the worktree: all of it, or nothing. */
import type { DaemonResult } from '@berth/wire/daemon'
import { BerthError } from '@berth/wire/error'
import { pathBytes } from '@berth/wire/git-bytes'
import type { TreeMove } from '@berth/wire/review-methods'
import { join } from 'node:path'
import { createSafeGit } from '../git/safe-git.ts'
import { keepCheckpoint } from './checkpoints.ts'
import type { ReviewTools } from './checkpoints.ts'
import { changeTree, switchWorktree, withSnapshot } from './trees.ts'
import type { TreeChange } from './trees.ts'

const GITLINK = '160000'

/** `meant` is told the tree before any file is touched: a repeated call finds that it was done. */
export async function applyChange(tools: ReviewTools, change: TreeChange, meant: { was: string | null; willBe(tree: string): void }): Promise<DaemonResult<'review.apply'>> {
  return withSnapshot(tools, async (snapshot) => {
    if (meant.was !== null && meant.was === snapshot.tree) return { applied: true, checkpoint: null }
    const to = await changeTree(tools, snapshot.tree, change)
    const checkpoint = await keepCheckpoint(tools, snapshot, change.reverse || change.moves.length > 0 ? 'before a rejection' : 'before an edit')
    meant.willBe(to)
    const back = await moveSubmodules(tools, change.moves)
    try {
      await switchWorktree(tools.git, snapshot, to)
    } catch (cause) {
      await back()
      throw cause
    }
    return { applied: true, checkpoint }
  }, { also: change.moves.filter(({ to }) => to !== null).map(({ path }) => pathBytes(path)) })
}

/** The other way round it fits: so it is done already. */
export async function checkChange(tools: ReviewTools, { patch, reverse, moves }: TreeChange): Promise<DaemonResult<'review.apply'>> {
  const back = { patch, reverse: !reverse, moves: moves.map(({ path, from, to }) => ({ path, from: to, to: from })) }
  const applied = await withSnapshot(tools, (snapshot) => changeTree(tools, snapshot.tree, back).then(() => true, (cause: unknown) => {
    if (cause instanceof BerthError && cause.code === 'conflict') return false
    throw cause
  }))
  return { applied, checkpoint: null }
}

/** A submodule is another repository, which git does not check out with the tree. Returns what undoes it. */
async function moveSubmodules({ asAgent, git }: ReviewTools, moves: readonly TreeMove[]): Promise<() => Promise<void>> {
  const links = moves.filter(({ from, to }) => from?.mode === GITLINK || to?.mode === GITLINK)
  const done: (() => Promise<unknown>)[] = []
  const back = async (): Promise<void> => { for (const undo of done.toReversed()) await undo() }
  for (const { path, from, to } of links) {
    const inside = createSafeGit(asAgent, join(git.dir, path))
    if (from?.mode !== GITLINK || to?.mode !== GITLINK || (await inside.attempt(['checkout', '-q', '--detach', to.oid])).exitCode !== 0) {
      await back()
      throw new BerthError('conflict', `the submodule ${path.slice(0, 200)} cannot be put back here`, { hint: 'ask the agent to do it' })
    }
    done.push(() => inside.attempt(['checkout', '-q', '--detach', from.oid]))
  }
  return back
}
