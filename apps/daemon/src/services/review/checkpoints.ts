/**
 * States of the tree that can be gone back to: commits of the worktree's trees under `refs/berth/checkpoints/`, the newest
 * kept. The agent owns the repository, so what is read here is parsed like anything it says.
 */
import { randomBytes } from 'node:crypto'
import type { DaemonResult } from '@berth/wire/daemon'
import { BerthError } from '@berth/wire/error'
import type { Journal } from '../../contracts.ts'
import { idOf } from '../git/repository.ts'
import type { SafeGit } from '../git/safe-git.ts'
import type { TreeTools } from '../git/side-index.ts'
import { identityEnvironment, SENT_REF, SOURCE_REF } from '../git/source.ts'
import { restore } from '../sync/remember.ts'
import { changedNames, sourceTree } from './read.ts'
import { switchWorktree, withSnapshot } from './trees.ts'
import type { Snapshot } from './trees.ts'

const REFS = 'refs/berth/checkpoints/'
/** Some days of work; each costs a ref and what changed. */
export const KEPT_CHECKPOINTS = 100
const LIST_LIMIT_BYTES = 1024 * 1024
const REASON_LIMIT = 200
const FIELDS = 5

export interface ReviewTools extends TreeTools { readonly journal: Journal }
type Listed = DaemonResult<'git.checkpoints'>[number]

/** The newest one again when nothing changed since. */
export async function keepCheckpoint(tools: ReviewTools, snapshot: Pick<Snapshot, 'tree'>, reason: string): Promise<string> {
  const { git, journal, signal } = tools
  const [[newest], base] = await Promise.all([listRefs(git, 1), idOf(git, `${SENT_REF}^{commit}`)])
  if (newest !== undefined && newest.base === base && (await idOf(git, `${newest.commit}^{tree}`)) === snapshot.tree) return newest.commit
  const before = newest === undefined ? await sourceTree(git) : newest.commit
  const files = (await changedNames(tools, before, snapshot.tree)).length
  const parent = await idOf(git, 'HEAD^{commit}')
  const commit = (await git(['commit-tree', snapshot.tree, ...(parent === null ? [] : ['-p', parent]), '-m', `berth: ${reason.slice(0, REASON_LIMIT)}`, '-m', `files: ${files}${base === null ? '' : `\nbase: ${base}`}`], { env: identityEnvironment(), signal })).trim()
  const ref = `${REFS}${String(Date.now()).padStart(15, '0')}-${randomBytes(3).toString('hex')}`
  await git(['update-ref', ref, commit], { signal })
  journal.append({ type: 'checkpoint', commit, ref, reason, files })
  await prune(git)
  return commit
}

/** Newest first; last what the workspace began with. */
export async function listCheckpoints(git: SafeGit, limit: number): Promise<(Listed & { ref?: string; base?: string | null })[]> {
  const refs = await listRefs(git, Math.min(limit, KEPT_CHECKPOINTS))
  const source = refs.length < limit ? await git.attempt(['log', '-1', '--format=%H %ct', SOURCE_REF, '--']) : null
  const [, commit = '', at = ''] = /^([0-9a-f]{40,64}) (\d{1,12})$/.exec(source?.stdout.trim() ?? '') ?? []
  return [...refs, ...(commit === '' ? [] : [{ commit, reason: 'what the workspace began with', at: Number(at) * 1000, files: 0 }])]
}

async function listRefs(git: SafeGit, limit: number): Promise<(Listed & { ref: string; /** What had been pushed then. */ base: string | null })[]> {
  const told = await git.attempt(['for-each-ref', `--count=${limit}`, '--sort=-refname', '--format=%(refname)%00%(objecttype)%00%(objectname)%00%(contents:subject)%00%(contents:body)%00', REFS], { limitBytes: LIST_LIMIT_BYTES })
  const fields = told.stdout.split('\0')
  return Array.from({ length: Math.floor(fields.length / FIELDS) }, (_, index) => fields.slice(index * FIELDS, (index + 1) * FIELDS)).flatMap((record) => {
    const [start = '', type, commit = '', subject = '', body = ''] = record
    const ref = start.replace(/^\n/, '')
    const time = /^refs\/berth\/checkpoints\/(\d{15})-[0-9a-f]{6}$/.exec(ref)?.[1]
    if (type !== 'commit' || time === undefined || !/^[0-9a-f]{40,64}$/.test(commit)) return []
    return [{ ref, commit, reason: subject.replace(/^berth: /, '').slice(0, REASON_LIMIT), at: Number(time), files: Number(/^files: (\d{1,9})$/m.exec(body)?.[1] ?? 0), base: /^base: ([0-9a-f]{40,64})$/m.exec(body)?.[1] ?? null }]
  })
}

/** Whatever stands there beyond the newest goes, names that are not ours too. */
async function prune(git: SafeGit): Promise<void> {
  const told = await git.attempt(['for-each-ref', '--sort=-refname', '--format=%(refname)', REFS], { limitBytes: LIST_LIMIT_BYTES })
  const old = told.stdout.split('\n').filter(Boolean).slice(KEPT_CHECKPOINTS)
  if (old.length > 0) await git.attempt(['update-ref', '-z', '--stdin'], { stdin: old.map((ref) => `delete ${ref}\0\0`).join('') })
}

/** Untracked files go and come back too; ignored ones are left alone. HEAD and the index stay. */
export async function rewind(tools: ReviewTools, wanted: string): Promise<{ before: string; files: number; /** Null: what the workspace began with. */ target: string | null }> {
  const found = (await listCheckpoints(tools.git, KEPT_CHECKPOINTS + 1)).filter(({ commit }) => commit.startsWith(wanted))
  const [target] = found
  if (target === undefined || new Set(found.map(({ commit }) => commit)).size > 1) throw new BerthError('not_found', `there is no checkpoint ${wanted}`, { hint: 'see `berth checkpoints <workspace>`' })
  const to = await idOf(tools.git, `${target.commit}^{tree}`)
  if (to === null) throw new BerthError('not_found', `the tree of ${wanted} is gone`, { hint: 'choose another checkpoint' })
  // A checkpoint may hold ignored files that a push replaced.
  const newest = await idOf(tools.git, 'HEAD^{tree}')
  const also = newest === null ? [] : await changedNames(tools, newest, to)
  return withSnapshot(tools, async (snapshot) => {
    const before = await keepCheckpoint(tools, snapshot, 'before a rewind')
    const files = (await changedNames(tools, snapshot.tree, to)).length
    await switchWorktree(tools.git, snapshot, to)
    await restore(tools, target.base ?? null)
    return { before, files, target: target.ref === undefined ? null : target.commit }
  }, { also })
}
