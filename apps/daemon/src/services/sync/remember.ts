/** What a person sent, kept for the next comparison, and without what is ignored here for showing what the agent made. */
import { sentMessage } from '@berth/wire/sent-message'
import { withSideIndex } from '../git/side-index.ts'
import type { TreeTools } from '../git/side-index.ts'
import { identityEnvironment, PUSHED_REF, SENT_REF, SOURCE_REF } from '../git/source.ts'
import { indexLines, readSent } from './sent.ts'
import type { Sent } from './sent.ts'
import type { Change } from './three-way.ts'

/** So that checkpoints find what they name. */
const KEPT_REFS = 'refs/berth/bases/'

/** `carried`: what was there already because it was named once, as it was then. */
export async function remember(tools: TreeTools, sent: Sent, carried: readonly Change[]): Promise<void> {
  const { git } = tools
  const whole = carried.length === 0 ? null : await treeWith(tools, sent.tree, carried.map(({ path, from }) => ({ path, from: null, to: from })))
  const included = [...sent.included, ...(whole === null ? [] : carried.map(({ path }) => path))]
  const commit = whole === null ? sent.commit : await commitOf(tools, { ...sent, tree: whole, included })
  await git(['update-ref', SENT_REF, commit])
  await git(['update-ref', `${KEPT_REFS}${commit}`, commit])
  // A tree that is looked at holds nothing ignored: what was named would seem to be deleted.
  const shown = sent.included.length === 0 ? null : await treeWith(tools, sent.tree, sent.included.map((path) => ({ path, from: null, to: null })))
  await git(['update-ref', PUSHED_REF, shown === null ? sent.commit : await commitOf(tools, { ...sent, tree: shown })])
}

/** Whoever goes back to a checkpoint can push again what came after it. Null: nothing had been pushed then. */
export async function restore(tools: TreeTools, commit: string | null): Promise<void> {
  const { git } = tools
  const sent = commit === null ? null : await readSent(git, commit)
  if (sent !== null) return remember(tools, sent, [])
  for (const ref of [SENT_REF, PUSHED_REF]) await git.attempt(['update-ref', '-d', ref])
  await rememberBeginning(tools)
}

/** When the code was brought: what was named then is ignored here too. */
export async function rememberBeginning(tools: TreeTools): Promise<void> {
  const sent = await readSent(tools.git, SOURCE_REF)
  if (sent !== null && sent.included.length > 0) await remember(tools, { ...sent, commit: (await tools.git(['rev-parse', SOURCE_REF])).trim() }, [])
}

async function commitOf({ git }: TreeTools, { tree, parents, from, included }: Sent): Promise<string> {
  return (await git(['commit-tree', tree, ...parents.flatMap((parent) => ['-p', parent]), '-F', '-'], { env: identityEnvironment(), stdin: sentMessage({ from, included }) })).trim()
}

/** Null: git has not all of it, since a sync brought it. */
export async function treeWith(tools: TreeTools, from: string, changes: readonly Change[]): Promise<string | null> {
  return withSideIndex(tools, async (index) => {
    const env = { GIT_INDEX_FILE: index }
    await tools.git(['read-tree', from], { env })
    await tools.git(['update-index', '-z', '--replace', '--index-info'], { env, stdin: indexLines(changes) })
    const written = await tools.git.attempt(['write-tree'], { env })
    return written.exitCode === 0 ? written.stdout.trim() : null
  })
}
