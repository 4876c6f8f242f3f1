/** Accept, reject, take back, and edit by hand: what `planMarks` decided, done on the two trees. */
import { backwards, editHunk, inverted, isWhole, movesOf, patchOf, planMarks } from '@berth/core'
import type { ChangedHunk, Decided, Piece, Unit } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { pack } from '@berth/wire/git-bytes'
import type { MarkRequest, Review, TreeMove } from '@berth/wire/review'
import type { ServiceDeps } from './deps.ts'
import { applyQueue } from './review-queue.ts'
import { contentOf, readReviewState, TREE_WITHIN_MS, viewOfReading } from './review-reading.ts'
import type { Reading } from './review-reading.ts'

export interface MarkContext { readonly id: WorkspaceId; readonly by: string; /** Content of a file in a tree somebody was shown; absent: not remembered. */ readonly seen: (tree: string, path: string) => string | undefined }

export async function markHunks(deps: ServiceDeps, context: MarkContext, request: MarkRequest): Promise<{ review: Review; gone: string[]; because: string | null }> {
  const { id, by } = context
  let state = await readReviewState(deps, id)
  const plan = planMarks({
    changes: state.changes, decided: state.stored.decided, marks: request.marks,
    unchanged: (file) => request.tree === state.tree || context.seen(request.tree, file.path) === contentOf(file),
  })
  const gone = [...plan.gone]
  const now = deps.clock.now()
  const row = ({ path, hunkId, piece, reason }: Unit, mark: Decided['mark']): Decided => ({ path, hunkId, mark, reason, piece, by, at: now, appliedAt: null, toldAt: null })

  let reviewed = state.reviewed
  const drop: Decided[] = []
  for (const rows of together(plan.reopen)) {
    const back = await takeBack(deps, state, { rows, reviewed })
    reviewed = back.reviewed
    drop.push(...back.done)
    gone.push(...rows.filter((one) => !back.done.includes(one)).map(({ path, hunkId }) => (hunkId === '' ? path : hunkId)))
  }
  if (plan.accept.length > 0) reviewed = await advance(deps, id, reviewed, changeOf(plan.accept))
  // What could not be taken back is accepted still.
  const kept = plan.reopen.filter((one) => !drop.includes(one))
  const reject = plan.reject.filter(({ path, hunkId }) => !kept.some((one) => one.path === path && one.hunkId === hunkId))
  const changed = await deps.store.reviews.change(id, {
    ...(reviewed === state.reviewed && state.stored.reviewedTree !== null ? {} : { tree: { from: state.stored.reviewedTree, to: reviewed } }),
    drop, put: [...plan.accept.map((unit) => row(unit, 'accepted')), ...reject.map((unit) => row(unit, 'queued'))],
    event: { by, what: 'marks', detail: null },
  }, now)
  if (!changed) throw new BerthError('conflict', 'somebody else reviewed at the same moment', { hint: 'read the review again' })
  let because: string | null = null
  if (reject.length > 0 && !state.busy) {
    const { lost, why } = await applyQueue(deps, id, { silent: true })
    because = why
    gone.push(...lost.map(({ path, hunkId }) => (hunkId === '' ? path : hunkId)))
  }
  state = await readReviewState(deps, id)
  return { review: viewOfReading(state), gone, because }
}

interface Change { readonly patch: string; readonly moves: readonly TreeMove[] }

function changeOf(units: readonly Unit[]): Change {
  const whole = new Map(units.filter(({ wholly }) => wholly).map((unit) => [unit.path, unit]))
  return {
    patch: patchOf(units.filter(({ path }) => !whole.has(path)).map(({ piece }) => piece), 'reviewed'),
    moves: [...whole.values()].flatMap(({ piece }) => movesOf(piece)),
  }
}

async function advance(deps: ServiceDeps, id: WorkspaceId, from: string, { patch, moves }: Change): Promise<string> {
  const { tree } = await deps.daemons.call(id, 'review.advance', { from, patch: await pack(patch), moves: [...moves] }, { withinMs: TREE_WITHIN_MS })
  return tree
}

const isConflict = (error: unknown): boolean => error instanceof BerthError && error.code === 'conflict'

/** Of one file and one mark. */
function together(rows: readonly Decided[]): Decided[][] {
  return [...Map.groupBy(rows, ({ path, mark }) => `${mark} ${path}`).values()]
}

/** All rows of a file at once, else each by itself; those that cannot be undone any more are left. */
async function takeBack(deps: ServiceDeps, state: Reading, { rows, reviewed }: { rows: readonly Decided[]; reviewed: string }): Promise<{ reviewed: string; done: readonly Decided[] }> {
  const [first] = rows
  if (first === undefined || first.mark === 'queued') return { reviewed, done: rows }
  if (first.mark === 'rejected') requireIdle(state, 'what was rejected can be put back when it ended')
  const whole = rows.find(({ piece }) => piece.hunk === null || isWhole(piece.file))
  const tries = whole !== undefined ? [{ rows, pieces: [whole.piece] }] : [{ rows, pieces: rows.map(({ piece }) => piece) }, ...(rows.length > 1 ? rows.map((one) => ({ rows: [one], pieces: [one.piece] })) : [])]
  const done = new Set<Decided>()
  let tree = reviewed
  for (const attempt of tries) {
    if (attempt.rows.every((one) => done.has(one))) continue
    try {
      tree = await undo(deps, state, { pieces: attempt.pieces, mark: first.mark, reviewed: tree, whole: whole !== undefined })
      for (const one of attempt.rows) done.add(one)
    } catch (error) {
      if (!isConflict(error)) throw error
    }
  }
  return { reviewed: tree, done: [...done] }
}

async function undo(deps: ServiceDeps, state: Reading, { pieces, mark, reviewed, whole }: { pieces: readonly Piece[]; mark: 'accepted' | 'rejected'; reviewed: string; whole: boolean }): Promise<string> {
  const { id } = state.record.workspace
  const moves = whole ? pieces.flatMap(movesOf) : []
  if (mark === 'accepted') {
    const patch = whole ? '' : patchOf(pieces.flatMap((piece) => (piece.hunk === null ? [] : [inverted({ ...piece, hunk: piece.hunk })])), 'reviewed')
    return advance(deps, id, reviewed, { patch, moves: backwards(moves) })
  }
  await applyForward(deps, id, { patch: whole ? '' : patchOf(pieces, 'worktree'), moves })
  return reviewed
}

async function applyForward(deps: ServiceDeps, id: WorkspaceId, { patch, moves }: Change): Promise<void> {
  await deps.daemons.call(id, 'review.apply', { key: crypto.randomUUID(), reverse: false, patch: await pack(patch), moves: [...moves] }, { withinMs: TREE_WITHIN_MS })
}

export function requireIdle({ busy }: Pick<Reading, 'busy'>, hint: string): void {
  if (busy) throw new BerthError('workspace_busy', 'a turn runs', { hint: `${hint}; \`berth stop-turn\` stops it` })
}

/** First the worktree, then the reviewed tree: cut off between the two, the edit is there and shown as open. */
export async function editByHand(deps: ServiceDeps, context: MarkContext, edit: { path: string; hunkId: string; text: string }): Promise<Review> {
  const { id, by } = context
  const state = await readReviewState(deps, id)
  requireIdle(state, 'edit when it ended')
  const { facts, hunk } = editable(state, edit)
  const { worktree, reviewed } = editHunk(hunk, edit.text)
  const pieceOf = (changed: ChangedHunk): Piece => ({ file: facts, hunk: changed })
  if (worktree !== null) await applyForward(deps, id, { patch: patchOf([pieceOf(worktree)], 'worktree'), moves: [] })
  // A new file is accepted as it is then; of another one the edited lines are.
  const written = isWhole(facts) ? await wholeNow(deps, id, edit.path) : reviewed === null ? null : pieceOf(reviewed)
  const change = written === null ? { patch: '', moves: [] } : isWhole(facts) ? { patch: '', moves: movesOf(written) } : { patch: patchOf([written], 'reviewed'), moves: [] }
  const tree = await advance(deps, id, state.reviewed, change)
  const now = deps.clock.now()
  const changed = await deps.store.reviews.change(id, {
    tree: { from: state.stored.reviewedTree, to: tree }, drop: [{ path: edit.path, hunkId: edit.hunkId }],
    put: written === null ? [] : [{ path: edit.path, hunkId: edit.hunkId, mark: 'accepted', reason: null, piece: written, by, at: now, appliedAt: null, toldAt: null }],
    event: { by, what: 'edit', detail: `edited ${edit.path.slice(0, 200)} by hand` },
  }, now)
  if (!changed) throw new BerthError('conflict', 'the edit is in the tree, but somebody else reviewed at the same moment', { hint: 'read the review again' })
  return viewOfReading(await readReviewState(deps, id))
}

function editable({ changes }: Reading, edit: { path: string; hunkId: string }): { facts: Piece['file']; hunk: ChangedHunk } {
  const file = changes.files.find(({ path }) => path === edit.path)
  const hunk = file?.hunks.find(({ hunkId }) => hunkId === edit.hunkId)
  if (file === undefined || hunk === undefined) throw new BerthError('conflict', 'that hunk is not in the tree any more', { hint: 'read the review again' })
  if (file.status === 'deleted' || file.kind !== 'text') throw new BerthError('unsupported', 'only lines of a text that is there can be edited', { hint: 'reject it, or edit it in the terminal' })
  const { hunks: _hunks, ...facts } = file
  return { facts, hunk }
}

/** Null: it is as it was reviewed. */
async function wholeNow(deps: ServiceDeps, id: WorkspaceId, path: string): Promise<Piece | null> {
  const { changes } = await readReviewState(deps, id)
  const file = changes.files.find((one) => one.path === path)
  if (file === undefined) return null
  const { hunks, ...facts } = file
  return { file: facts, hunk: hunks[0] ?? null }
}
