/** What the person's side and the workspace had in common last: the beginning of the three-way comparison. */
import type { Bytes } from '@berth/wire/git-bytes'
import type { TreeEntry } from '@berth/wire/review-methods'
import { idOf } from '../git/repository.ts'
import type { SafeGit } from '../git/safe-git.ts'
import { withSideIndex } from '../git/side-index.ts'
import type { TreeTools } from '../git/side-index.ts'
import { SENT_REF, SOURCE_REF } from '../git/source.ts'
import { changesBetween, indexLines, readRaw, readSent } from './sent.ts'
import type { Sent } from './sent.ts'
import type { Change } from './three-way.ts'

const LIST_LIMIT_BYTES = 256 * 1024 * 1024

export interface Base {
  readonly tree: string
  readonly index: string
  readonly head: string | null
  readonly included: readonly Bytes[]
  /** What a sync brought since, of which git has no objects. */
  readonly since: ReadonlyMap<Bytes, TreeEntry>
}

/** Null: the two have nothing in common. `cloned`: the machine got the code by itself, from where the person has it too. */
export async function baseFor(git: SafeGit, sent: Sent, known: { cloned: boolean; since: Base['since'] }): Promise<Base | null> {
  const pushed = await idOf(git, `${SENT_REF}^{commit}`)
  const commit = pushed ?? (await idOf(git, `${SOURCE_REF}^{commit}`))
  if (commit === null) return null
  const last = await lastSent(git, commit)
  if (last === null) return null
  const sameClone = sent.from === last.from || (last.from === null && !known.cloned)
  if (sameClone) return { tree: last.tree, index: last.index ?? last.tree, head: last.head, included: last.included, since: known.since }
  // Another clone knows nothing of what that one had uncommitted; they share commits.
  if (sent.head === null || last.head === null) return null
  const shared = await git.attempt(['merge-base', sent.head, last.head])
  const tree = shared.exitCode === 0 ? await idOf(git, `${shared.stdout.trim()}^{tree}`) : null
  return tree === null ? null : { tree, index: tree, head: shared.stdout.trim(), included: [], since: new Map() }
}

/** What the workspace began with may be a plain commit, which is its own head. */
async function lastSent(git: SafeGit, commit: string): Promise<Sent | null> {
  const last = await readSent(git, commit)
  if (last === null || last.from !== null || (await idOf(git, 'refs/berth/wip^{commit}')) === commit) return last
  return { ...last, head: commit, index: last.tree }
}

/** From the base, with what a sync brought on it, to a tree. */
export async function changesSince(tools: TreeTools, base: Base, to: string): Promise<Change[]> {
  const { git, signal } = tools
  if (base.since.size === 0) return changesBetween(git, base.tree, to, signal)
  return withSideIndex(tools, async (index) => {
    const env = { GIT_INDEX_FILE: index }
    await git(['read-tree', base.tree], { env, signal })
    const brought = [...base.since].map(([path, entry]) => ({ path, from: null, to: entry }))
    await git(['update-index', '-z', '--replace', '--index-info'], { env, signal, stdin: indexLines(brought) })
    const listed = await git(['diff-index', '--cached', '-r', '-z', '--raw', '--no-renames', '--no-abbrev', to], { env, signal, bytes: true, limitBytes: LIST_LIMIT_BYTES })
    return readRaw(listed).map(({ path, from, to: inBase }) => ({ path, from: inBase, to: from }))
  })
}
