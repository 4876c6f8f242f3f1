/** An index of our own beside the person's, which is only read; it is gone when the work is done. */
import { randomBytes } from 'node:crypto'
import type { AsAgent } from '../../contracts.ts'
import type { SafeGit } from './safe-git.ts'

export interface TreeTools { readonly asAgent: AsAgent; readonly git: SafeGit; readonly signal: AbortSignal }

/** It begins with what the person's holds. */
export async function withIndexCopy<T>(tools: TreeTools, work: (index: string) => Promise<T>): Promise<T> {
  return withSideIndex(tools, async (index, own) => {
    const { asAgent, git, signal } = tools
    // A copy keeps the stat data, which saves reading every file again. With the index's own time: git looks closer at
    // files that are no older than it, and an edit within the same second would be missed otherwise.
    const copied = await asAgent.run(['cp', '-p', own, index], { signal })
    if (copied.exitCode !== 0) await git(['read-tree', '--empty'], { env: { GIT_INDEX_FILE: index }, signal })
    return work(index)
  })
}

/** Not there until something is written to it. */
export async function withSideIndex<T>({ asAgent, git }: TreeTools, work: (index: string, own: string) => Promise<T>): Promise<T> {
  const own = (await git(['rev-parse', '--path-format=absolute', '--git-path', 'index'])).trim()
  const index = `${own}.berth-${randomBytes(6).toString('hex')}`
  try {
    return await work(index, own)
  } finally {
    await asAgent.run(['rm', '-f', index, `${index}.lock`], {})
  }
}
