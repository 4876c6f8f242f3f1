/**
 * Puts what a person sent on the workspace's tree: worktree, index and branch, each where the agent did not change the
 * same. All of it or nothing; what was there is a checkpoint.
 */
import { HOSTED_REFS } from '@berth/wire'
import type { DaemonParams, DaemonResult } from '@berth/wire/daemon'
import { BerthError } from '@berth/wire/error'
import { pathText } from '@berth/wire/git-bytes'
import type { Bytes } from '@berth/wire/git-bytes'
import { idOf } from '../git/repository.ts'
import { gitRefusal } from '../git/safe-git.ts'
import { keepCheckpoint } from '../review/checkpoints.ts'
import type { ReviewTools } from '../review/checkpoints.ts'
import { changeTree, switchWorktree, withSnapshot } from '../review/trees.ts'
import type { Snapshot } from '../review/trees.ts'
import { baseFor, changesSince } from './base.ts'
import type { Base } from './base.ts'
import { isMerging, moveHead, planHead } from './heads.ts'
import type { HeadMove } from './heads.ts'
import { mergeLines } from './merge-lines.ts'
import { remember, treeWith } from './remember.ts'
import { changesBetween, indexLines, readSent } from './sent.ts'
import type { Sent } from './sent.ts'
import { forced, threeWay } from './three-way.ts'
import type { Change, ThreeWay } from './three-way.ts'

const INCOMING_REF = 'refs/berth/incoming'
const NAMED = 200

type Result = DaemonResult<'git.take'>
type Strategy = DaemonParams<'git.take'>['strategy']
export interface Taking {
  readonly commit: string
  readonly strategy: Strategy
  readonly cloned: boolean
  readonly since: Base['since']
  readonly hostedUrl: () => Promise<string>
}

export async function takeSent(tools: ReviewTools, taking: Taking): Promise<Result> {
  const { git } = tools
  const sent = await fetchSent(tools, taking)
  const base = await baseFor(git, sent, taking)
  if (base === null) return refused('unrelated', [])
  const { theirs, carried } = withoutCarried(await changesSince(tools, base, sent.tree), { base, sent })
  const head = await planHead(tools, { sent, base, strategy: taking.strategy })
  if ('refused' in head) return refused(head.refused, head.files)
  if (head.commit !== null && (await isMerging(tools))) return refused('merging', [])
  return withSnapshot(tools, async (snapshot) => {
    const ours = await changesSince(tools, base, snapshot.tree)
    const put = await planFiles(tools, { ways: threeWay(ours, theirs), carried, base, snapshot, sent, strategy: taking.strategy })
    if ('conflicts' in put) return refused('files', put.conflicts)
    const done = await putAll(tools, { snapshot, tree: put.tree, head, index: { base, sent, strategy: taking.strategy } })
    await remember(tools, sent, carried)
    return { ok: true, outcome: { ...done, head: head.commit === null ? 'kept' : head.merged ? 'merged' : 'moved', keptBranch: head.keptBranch, kept: names(put.kept), keptTotal: put.kept.length } }
  }, { also: theirs.filter(({ to }) => to !== null).map(({ path }) => path) })
}

const names = (paths: readonly Bytes[]): string[] => paths.slice(0, NAMED).map(pathText)
function refused(why: Extract<Result, { ok: false }>['why'], files: readonly Bytes[]): Result {
  return { ok: false, why, files: names(files), total: files.length }
}

async function fetchSent({ git, signal }: ReviewTools, { commit, hostedUrl }: Taking): Promise<Sent> {
  const fetched = await git.attempt(['fetch', '-q', '--update-shallow', '--no-tags', '--no-write-fetch-head', 'berth-hosted', `+${HOSTED_REFS.push}:${INCOMING_REF}`], { config: [['remote.berth-hosted.url', await hostedUrl()]], signal })
  if (fetched.exitCode !== 0) throw gitRefusal('fetch', fetched.stderr)
  if ((await idOf(git, `${INCOMING_REF}^{commit}`)) !== commit) throw new BerthError('conflict', 'somebody else pushed at the same moment', { hint: 'push again' })
  const sent = await readSent(git, commit)
  if (sent === null) throw new BerthError('bad_request', 'what was pushed is no commit that stands for a directory', { hint: 'use `berth push`' })
  return sent
}

/** What came only because it was named, and is not named this time, is left alone. */
function withoutCarried(all: readonly Change[], { base, sent }: { base: Base; sent: Sent }): { theirs: Change[]; carried: Change[] } {
  const notNamedNow = new Set(base.included.filter((path) => !sent.included.includes(path)))
  const isCarried = ({ path, to }: Change): boolean => to === null && notNamedNow.has(path)
  return { theirs: all.filter((change) => !isCarried(change)), carried: all.filter(isCarried) }
}

/** What they sent, and what is left alone as it was in the base: to who merges whole trees, a file that is missing was deleted. */
async function withCarried(tools: ReviewTools, { base, sent, carried }: { base: Base; sent: Sent; carried: readonly Change[] }): Promise<string> {
  if (carried.length === 0) return sent.tree
  const leftAlone = new Set(carried.map(({ path }) => path))
  // Not as a sync brought it since: git need not have that.
  const missing = (await changesBetween(tools.git, base.tree, sent.tree, tools.signal)).filter(({ path }) => leftAlone.has(path))
  const whole = await treeWith(tools, sent.tree, missing.map(({ path, from }) => ({ path, from: null, to: from })))
  if (whole === null) throw new BerthError('internal', 'what was pushed before is not whole any more', { hint: 'push without --merge' })
  return whole
}

interface Planned { readonly ways: ThreeWay; readonly carried: readonly Change[]; readonly base: Base; readonly snapshot: Snapshot; readonly sent: Sent; readonly strategy: Strategy }

async function planFiles(tools: ReviewTools, { ways, carried, base, snapshot, sent, strategy }: Planned): Promise<{ tree: string; kept: readonly Bytes[] } | { conflicts: readonly Bytes[] }> {
  const conflicts = ways.conflicts.map(({ theirs }) => theirs.path)
  if (conflicts.length > 0 && strategy === 'refuse') return { conflicts }
  if (conflicts.length > 0 && strategy === 'merge') {
    const merged = await mergeLines(tools, { base: base.tree, ours: snapshot.tree, theirs: await withCarried(tools, { base, sent, carried }) })
    return 'conflicts' in merged ? merged : { tree: merged.tree, kept: [] }
  }
  const wanted = strategy === 'force' ? forced(ways) : ways.apply
  const tree = wanted.length === 0 ? snapshot.tree : await changeTree(tools, snapshot.tree, { patch: '', reverse: false, moves: wanted.map(({ path, from, to }) => ({ path: pathText(path), from, to })) })
  return { tree, kept: strategy === 'keep' ? conflicts : [] }
}

interface PutAll { readonly snapshot: Snapshot; readonly tree: string; readonly head: HeadMove; readonly index: { base: Base; sent: Sent; strategy: Strategy } }

async function putAll(tools: ReviewTools, { snapshot, tree, head, index }: PutAll): Promise<{ files: number; checkpoint: string | null }> {
  const { git, signal } = tools
  const files = (await changesBetween(git, snapshot.tree, tree, signal)).length
  const staged = await stagedChanges(tools, index)
  const checkpoint = files > 0 || head.commit !== null ? await keepCheckpoint(tools, snapshot, 'before a push') : null
  const back = await moveHead(git, head)
  try {
    await switchWorktree(git, snapshot, tree)
  } catch (cause) {
    await back()
    throw cause
  }
  // Whoever uses the index in this moment keeps it as it is; the files are what counts.
  if (staged.length > 0) await git.attempt(['update-index', '-z', '--replace', '--index-info'], { stdin: indexLines(staged) })
  await git.attempt(['update-index', '-q', '--refresh'])
  return { files, checkpoint }
}

/** What the person staged since, where the agent staged nothing else. None in the middle of a merge. */
async function stagedChanges({ git, signal }: ReviewTools, { base, sent, strategy }: PutAll['index']): Promise<readonly Change[]> {
  if (sent.index === null) return []
  const own = await git.attempt(['write-tree'], { signal })
  if (own.exitCode !== 0) return []
  const [ours, theirs] = await Promise.all([changesBetween(git, base.index, own.stdout.trim(), signal), changesBetween(git, base.index, sent.index, signal)])
  const ways = threeWay(ours, theirs)
  return strategy === 'force' ? forced(ways) : ways.apply
}
