/** A commit of the worktree, or of the reviewed tree, on the branch that is checked out. Nothing else of the index moves. */
import type { DaemonParams, DaemonResult } from '@berth/wire/daemon'
import { HOSTED_REFS } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { idOf } from '../git/repository.ts'
import { gitRefusal } from '../git/safe-git.ts'
import type { SafeGit } from '../git/safe-git.ts'
import { identityEnvironment, PUSHED_REF, SOURCE_REF } from '../git/source.ts'
import type { TreeTools } from '../git/side-index.ts'
import { changedNames, emptyTree, headOf } from './read.ts'
import { withSnapshot } from './trees.ts'

/** The last commit that people made here: what is above it, the agent committed by itself. */
const COMMITTED_REF = 'refs/berth/committed'
const LIST_LIMIT_BYTES = 32 * 1024 * 1024

export async function commitTree(tools: TreeTools, request: Omit<DaemonParams<'git.commit'>, 'key'>, hosted: { url: () => Promise<string>; name: string }): Promise<DaemonResult<'git.commit'>> {
  const { head, branch } = await place(tools)
  const tree = request.tree ?? await withSnapshot(tools, async (snapshot) => snapshot.tree)
  if (request.tree !== null) await requireNothingUndone(tools, tree, head)
  if (head?.tree === tree) throw new BerthError('conflict', 'there is nothing to commit', { hint: request.tree === null ? 'the tree is as the last commit has it' : 'accept something first, or commit everything' })
  const commit = await write(tools, { tree, parent: head?.commit ?? null, message: request.message })
  const index = await settleIndex(tools.git, head?.tree ?? null, tree)
  const pushed = request.push ? await push(tools, commit, hosted) : null
  const said = [index, pushed?.detail].filter((text) => typeof text === 'string')
  return { commit, branch, pushed: pushed?.ok === true, detail: said.length === 0 ? null : said.join('; ') }
}

async function place({ git, signal }: TreeTools): Promise<{ head: { commit: string; tree: string } | null; branch: string }> {
  if ((await git(['ls-files', '-u', '-z'], { signal, bytes: true, limitBytes: LIST_LIMIT_BYTES })) !== '') throw new BerthError('conflict', 'there are files with conflicts', { hint: 'let the agent resolve them, or resolve them in the terminal, then commit' })
  const { head, branch } = await headOf(git)
  if (branch === null) throw new BerthError('conflict', 'no branch is checked out in the workspace', { hint: 'check one out with `git switch` in the terminal' })
  return { head, branch }
}

async function write({ git, signal }: TreeTools, { tree, parent, message }: { tree: string; parent: string | null; message: string }): Promise<string> {
  const { coAuthor, signing } = git.commitsAs()
  const whole = coAuthor === null ? message : await git(['interpret-trailers', '--if-exists', 'addIfDifferent', '--trailer', `Co-authored-by: ${coAuthor}`], { stdin: `${message.trimEnd()}\n`, signal })
  const commit = (await git(['commit-tree', tree, ...(parent === null ? [] : ['-p', parent]), ...(signing === null ? [] : ['-S']), '-F', '-'], { env: await identity(git), ...(signing === null ? {} : { config: signing }), stdin: whole, signal })).trim()
  const moved = await git.attempt(['update-ref', '-m', 'commit (berth)', 'HEAD', commit, parent ?? '0'.repeat(commit.length)], { signal })
  if (moved.exitCode !== 0) throw new BerthError('conflict', 'the branch moved in this very moment', { hint: 'try again' })
  await git.attempt(['update-ref', COMMITTED_REF, commit])
  return commit
}

/** The repository's own identity, which the source set; what the agent's home says does not count. */
async function identity(git: SafeGit): Promise<Record<string, string>> {
  const own = await git.attempt(['config', '--local', '--get', 'user.email'])
  return own.exitCode === 0 && own.stdout.trim() !== '' ? {} : { ...(git.commitsAs().identity ?? identityEnvironment()) }
}

/** What the agent committed by itself and nobody accepted would be undone by a commit of the reviewed tree. */
async function requireNothingUndone(tools: TreeTools, tree: string, head: { commit: string; tree: string } | null): Promise<void> {
  if (head === null) return
  const { git } = tools
  const [source, pushed] = await Promise.all([idOf(git, `${SOURCE_REF}^{commit}`), idOf(git, `${PUSHED_REF}^1`)])
  const known = [await idOf(git, `${COMMITTED_REF}^{commit}`), pushed, source, source === null ? null : await idOf(git, `${source}^1`)]
  if (known.includes(head.commit)) return
  const isBelow = async (commit: string | null): Promise<boolean> => commit !== null && (await git.attempt(['merge-base', '--is-ancestor', commit, head.commit])).exitCode === 0
  let base: string | null = null
  for (const commit of known) if (base === null && await isBelow(commit)) base = commit
  const undone = new Set(await changedNames(tools, head.tree, tree))
  const committed = base === null ? [...undone] : await changedNames(tools, base, head.tree)
  if (committed.some((name) => undone.has(name))) throw new BerthError('conflict', 'the agent committed changes itself that are not accepted, and this commit would undo them', { hint: 'accept or reject them first, or commit everything' })
}

/** What was committed is not shown as a difference any more; what else is staged stays staged. */
async function settleIndex(git: SafeGit, from: string | null, to: string): Promise<string | null> {
  const listed = await git(['diff-tree', '-r', '-z', '--raw', '--no-renames', '--no-abbrev', from ?? await emptyTree(git), to], { bytes: true, limitBytes: LIST_LIMIT_BYTES })
  const fields = listed.split('\0')
  let input = ''
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [, mode = '', , oid = ''] = (fields[at] ?? '').split(' ')
    input += mode === '000000' ? `0 ${'0'.repeat(oid.length)}\t${fields[at + 1]}\0` : `${mode} ${oid}\t${fields[at + 1]}\0`
  }
  const settled = input === '' ? { exitCode: 0 } : await git.attempt(['update-index', '-z', '--replace', '--index-info'], { stdin: Buffer.from(input, 'latin1') })
  await git.attempt(['update-index', '-q', '--refresh'])
  return settled.exitCode === 0 ? null : 'the index of the workspace was in use and is not refreshed: run `git reset` there'
}

/** To the repository that the server keeps for this workspace; nowhere else. */
async function push({ git, signal }: TreeTools, commit: string, hosted: { url: () => Promise<string>; name: string }): Promise<{ ok: boolean; detail: string }> {
  const ref = HOSTED_REFS.out(hosted.name)
  const pushed = await git.attempt(['push', '-q', '--no-verify', 'berth-hosted', `+${commit}:${ref}`], { config: [['remote.berth-hosted.url', await hosted.url()]], signal })
  const branch = ref.replace('refs/heads/', '')
  if (pushed.exitCode === 0) return { ok: true, detail: `pushed to ${branch} in the repository that Berth keeps for this workspace; \`berth pull ${hosted.name}\` brings it to you` }
  return { ok: false, detail: `committed, but not pushed: ${gitRefusal('push', pushed.stderr).message}` }
}
