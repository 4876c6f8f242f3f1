/**
 * Takes rejected hunks out of the worktree. They are queued in the store first, whether a turn runs or not: what was
 * meant survives a restart, and is done once.
 */
import { backwards, findAgain, isWhole, movesOf, patchOf } from '@berth/core'
import type { Decided, Piece } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { pack } from '@berth/wire/git-bytes'
import type { ServiceDeps } from './deps.ts'
import { contentOf, nameOf, readReviewState, sha256, TREE_WITHIN_MS } from './review-reading.ts'
import type { Reading } from './review-reading.ts'

interface Found { readonly row: Decided; readonly piece: Piece; readonly whole: boolean }
export interface QueueOutcome { readonly applied: readonly Decided[]; readonly lost: readonly Decided[]; /** What the machine said about those that it found but could not take out. */ readonly why: string | null }
/** Taken out, and why the others were not. */
interface Out { readonly done: readonly Found[]; readonly why: string | null }

/** The caller has seen that no turn runs, or that one just ended. `silent`: who asked is told by the answer. */
export async function applyQueue(deps: ServiceDeps, id: WorkspaceId, options: { silent: boolean }): Promise<QueueOutcome> {
  const state = await readReviewState(deps, id)
  const queued = state.stored.decided.filter(({ mark }) => mark === 'queued')
  if (queued.length === 0) return { applied: [], lost: [], why: null }
  const found = queued.map((row) => find(state, row))
  const there = found.filter((one) => one !== null)
  const { done: taken, why } = await takeOut(deps, id, there)
  const out = new Set(taken)
  const applied: Decided[] = []
  const lost: Decided[] = []
  const now = deps.clock.now()
  for (const [index, row] of queued.entries()) {
    const one = found[index] ?? null
    const done = one === null ? await isOut(deps, id, row) : out.has(one)
    if (done) applied.push({ ...row, piece: one?.piece ?? row.piece, mark: 'rejected', appliedAt: now })
    else lost.push(row)
  }
  const [by = 'berth'] = queued.map((row) => row.by)
  await deps.store.reviews.change(id, {
    put: applied, drop: lost, event: { by, what: 'applied', detail: applied.length === 0 ? null : `took ${applied.length === 1 ? 'a rejected change' : `${applied.length} rejected changes`} out of the tree` },
    ...(options.silent ? {} : { notices: lost.map((row) => notice(row, why)) }),
  }, now)
  return { applied, lost, why }
}

function notice({ path, piece }: Decided, why: string | null) {
  const where = piece.hunk === null ? '' : ` near line ${piece.hunk.newStart}`
  return { code: 'review_conflict', message: `the rejected change of ${nameOf(path)}${where} was left as it is: ${why ?? 'it no longer fits'}`, hint: 'look at it again in the review' }
}

/** As it stands in the tree now. */
function find({ changes }: Reading, row: Decided): Found | null {
  const file = changes.files.find(({ path }) => path === row.path)
  const { hunks: _hunks, ...facts } = file ?? { hunks: [] }
  if (row.piece.hunk === null || isWhole(row.piece.file)) {
    const same = file !== undefined && contentOf(file) === contentOf(row.piece.file)
    return same ? { row, piece: row.piece, whole: true } : null
  }
  const hunk = findAgain(row.piece.hunk, file)
  return hunk === null || file === undefined ? null : { row, piece: { file: { ...row.piece.file, ...facts }, hunk }, whole: false }
}

/** All at once when they fit together, else each by itself. */
async function takeOut(deps: ServiceDeps, id: WorkspaceId, found: readonly Found[]): Promise<Out> {
  if (found.length === 0) return { done: [], why: null }
  const together = await refused(() => apply(deps, id, found))
  if (together === null) return { done: found, why: null }
  if (found.length === 1) return { done: [], why: together }
  const done: Found[] = []
  let why: string | null = null
  for (const one of found) {
    const alone = await refused(() => apply(deps, id, [one]))
    if (alone === null) done.push(one)
    why = alone ?? why
  }
  return { done, why }
}

/** Null: it was done. */
async function refused(work: () => Promise<unknown>): Promise<string | null> {
  try {
    await work()
    return null
  } catch (error) {
    if (error instanceof BerthError && (error.code === 'conflict' || error.code === 'too_large')) return error.message
    throw error
  }
}

async function apply(deps: ServiceDeps, id: WorkspaceId, found: readonly Found[]): Promise<void> {
  // A file that goes as a whole takes its hunks with it.
  const whole = new Set(found.filter((one) => one.whole).map(({ row }) => row.path))
  const pieces = found.filter((one) => !whole.has(one.row.path)).map(({ piece }) => piece)
  await deps.daemons.call(id, 'review.apply', {
    key: keyOf(found.map(({ row }) => row)), reverse: true, patch: await pack(patchOf(pieces, 'worktree')),
    moves: backwards(found.filter((one) => one.whole).flatMap(({ piece }) => movesOf(piece))),
  }, { withinMs: TREE_WITHIN_MS })
}

/** Of these very rejections: asked again after a crash, the daemon answers what it did. */
function keyOf(rows: readonly Decided[]): string {
  return sha256(JSON.stringify(rows.map(({ path, hunkId, at }) => [path, hunkId, at]))).slice(0, 40)
}

/** Taken out before, by us just before a crash or by the agent itself: that is what was wanted. */
async function isOut(deps: ServiceDeps, id: WorkspaceId, { piece }: Decided): Promise<boolean> {
  const whole = piece.hunk === null || isWhole(piece.file)
  const change = whole ? { patch: '', moves: backwards(movesOf(piece)) } : { patch: patchOf([piece], 'worktree'), moves: [] }
  const { applied } = await deps.daemons.call(id, 'review.apply', { key: 'check', reverse: true, patch: await pack(change.patch), moves: change.moves, check: true }, { withinMs: TREE_WITHIN_MS })
  return applied
}
