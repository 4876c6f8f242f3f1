/** What is new at the origin, brought under what the workspace committed. Nothing is left half done. */
import type { DaemonResult } from '@berth/wire/daemon'
import { BerthError } from '@berth/wire/error'
import { pathText } from '@berth/wire/git-bytes'
import { idOf } from '../git/repository.ts'
import { gitRefusal } from '../git/safe-git.ts'
import type { SafeGit } from '../git/safe-git.ts'
import { identityEnvironment, PUSHED_REF, SENT_REF } from '../git/source.ts'
import { keepCheckpoint } from '../review/checkpoints.ts'
import type { ReviewTools } from '../review/checkpoints.ts'
import { withSnapshot } from '../review/trees.ts'
import { isMerging } from './heads.ts'
import { changesBetween } from './sent.ts'

type Result = DaemonResult<'git.update'>
const NAMED = 200
const LIST_LIMIT_BYTES = 4 * 1024 * 1024

export async function contains(git: SafeGit, commit: string): Promise<boolean> {
  return (await git.attempt(['merge-base', '--is-ancestor', commit, 'HEAD'])).exitCode === 0
}

export async function updateFromOrigin(tools: ReviewTools, branch: string): Promise<Result> {
  const { git, signal } = tools
  const tracking = `refs/remotes/origin/${branch}`
  if ((await git.attempt(['check-ref-format', tracking])).exitCode !== 0) throw new BerthError('bad_request', 'that is no name of a branch')
  if (await isMerging(tools)) return { ok: false, why: 'merging', files: [] }
  const dirty = await namesOf(git, ['diff', '--name-only', '-z', '--no-ext-diff', 'HEAD'])
  if (dirty.length > 0) return { ok: false, why: 'dirty', files: dirty }
  const fetched = await git.attempt(['fetch', '-q', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules', 'origin', `+refs/heads/${branch}:${tracking}`], { signal })
  if (fetched.exitCode !== 0) throw gitRefusal('fetch', fetched.stderr)
  const [head, tip] = await Promise.all([idOf(git, 'HEAD^{commit}'), idOf(git, `${tracking}^{commit}`)])
  if (head === null || tip === null) throw new BerthError('conflict', 'there is no commit to update')
  if (await contains(git, tip)) return { ok: true, outcome: { how: 'none', commits: 0, files: 0, checkpoint: null } }
  const commits = Number((await git(['rev-list', '--count', `${head}..${tip}`])).trim()) || 0
  const checkpoint = await withSnapshot(tools, (snapshot) => keepCheckpoint(tools, snapshot, 'before an update'))
  const below = (await git.attempt(['merge-base', '--is-ancestor', head, tip])).exitCode === 0
  const files = below ? await fastForward(git, tip) : await rebase(git, { head, tip })
  if (files !== null) return { ok: false, why: 'conflicts', files }
  // What came from there is not the agent's doing. Who pushes says by themselves what they have.
  if ((await idOf(git, `${SENT_REF}^{commit}`)) === null) await git(['update-ref', PUSHED_REF, tip])
  const now = (await git(['rev-parse', 'HEAD'])).trim()
  return { ok: true, outcome: { how: below ? 'fast-forward' : 'rebase', commits, files: (await changesBetween(git, head, now, signal)).length, checkpoint } }
}

/** Null: done. Else what stands in the way; git touched nothing. */
async function fastForward(git: SafeGit, tip: string): Promise<string[] | null> {
  const merged = await git.attempt(['merge', '-q', '--ff-only', tip])
  return merged.exitCode === 0 ? null : inTheWay(merged.stderr)
}

/** No signal: cut off in the middle it would leave half of it. */
async function rebase(git: SafeGit, { head, tip }: { head: string; tip: string }): Promise<string[] | null> {
  const env = { ...identityEnvironment(), GIT_EDITOR: 'true', GIT_SEQUENCE_EDITOR: 'true' }
  const done = await git.attempt(['-c', 'rebase.autoStash=false', '-c', 'rebase.updateRefs=false', 'rebase', '-q', '--no-verify', tip], { env })
  if (done.exitCode === 0) return null
  const files = await namesOf(git, ['diff', '--name-only', '-z', '--no-ext-diff', '--diff-filter=U'])
  await git.attempt(['rebase', '--abort'], { env })
  if ((await idOf(git, 'HEAD^{commit}')) !== head) throw new BerthError('conflict', 'the rebase stopped and could not be taken back', { hint: 'look with `git status` in the workspace' })
  return files.length > 0 ? files : inTheWay(done.stderr)
}

/** Git lists untracked files that would be overwritten, one a line, each behind a tab. */
function inTheWay(stderr: string): string[] {
  return stderr.split('\n').filter((line) => line.startsWith('\t')).map((line) => line.trim()).slice(0, NAMED)
}

async function namesOf(git: SafeGit, args: readonly string[]): Promise<string[]> {
  const listed = await git.attempt(args, { bytes: true, limitBytes: LIST_LIMIT_BYTES })
  return listed.stdout.split('\0').filter(Boolean).slice(0, NAMED).map(pathText)
}
