/** Merging line by line, as git merges branches, without a worktree. */
import { BerthError } from '@berth/wire/error'
import type { Bytes } from '@berth/wire/git-bytes'
import type { TreeTools } from '../git/side-index.ts'
import { identityEnvironment } from '../git/source.ts'

const LIST_LIMIT_BYTES = 16 * 1024 * 1024

export type Merged = { readonly tree: string } | { readonly conflicts: readonly Bytes[] }

/** Git finds what two commits began with by itself, so the trees become commits. */
export async function mergeLines(tools: TreeTools, trees: { base: string; ours: string; theirs: string }): Promise<Merged> {
  const { git, signal } = tools
  const commit = async (tree: string, ...parents: string[]): Promise<string> => (await git(['commit-tree', tree, ...parents.flatMap((parent) => ['-p', parent]), '-m', 'merge'], { env: identityEnvironment(), signal })).trim()
  const base = await commit(trees.base)
  return mergeTrees(tools, await commit(trees.ours, base), await commit(trees.theirs, base))
}

export async function mergeTrees({ git, signal }: TreeTools, ours: string, theirs: string): Promise<Merged> {
  const merged = await git.attempt(['merge-tree', '--write-tree', '-z', '--name-only', '--no-messages', ours, theirs], { signal, bytes: true, limitBytes: LIST_LIMIT_BYTES })
  const [tree = '', ...conflicts] = merged.stdout.split('\0').filter(Boolean)
  if (merged.exitCode === 0 && /^[0-9a-f]{40,64}$/.test(tree)) return { tree }
  if (merged.exitCode === 1) return { conflicts }
  throw new BerthError('unsupported', 'the git of this machine cannot merge without a worktree', { hint: 'it takes git 2.38; `berth pull`, merge here, and push what comes of it' })
}
