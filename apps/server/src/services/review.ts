/**
 * Review for people: one change of a workspace's review at a time, the agent told once, rejections taken out when a turn
 * ends. `watch` looks for that end; what it waits for stands in the store.
 */
import { placeComment, reviewMessage } from '@berth/core'
import { BerthError, randomIds } from '@berth/wire'
import type { PromptId, WorkspaceId } from '@berth/wire'
import type { Checkpoint, MarkRequest, Review, ReviewComment } from '@berth/wire/review'
import type { ServiceDeps } from './deps.ts'
import { sendMessage } from './messages.ts'
import { checkpointsOf, commitWork, rewindTo, suggestedCommit } from './review-commit.ts'
import type { CommitSuggestion } from './review-commit.ts'
import { editByHand, markHunks } from './review-marks.ts'
import type { MarkContext } from './review-marks.ts'
import { applyQueue } from './review-queue.ts'
import { readReviewState, viewOfReading } from './review-reading.ts'
import { createTurnEnds } from './review-turn-ends.ts'
import { createSeenTrees } from './review-seen-trees.ts'
import { requireRecord } from './view.ts'
import { requireCan } from './workspaces.ts'
import { createAlone } from '../alone.ts'

export interface Sent { readonly promptId: PromptId | null; readonly text: string; readonly sent: number }
export interface Reviews {
  get(id: WorkspaceId, only?: string): Promise<Review>
  mark(id: WorkspaceId, request: MarkRequest, by: string): ReturnType<typeof markHunks>
  edit(id: WorkspaceId, edit: { path: string; hunkId: string; text: string }, by: string): Promise<Review>
  comment(id: WorkspaceId, comment: Pick<ReviewComment, 'path' | 'side' | 'line' | 'quote' | 'text'>, by: string): Promise<ReviewComment>
  uncomment(id: WorkspaceId, commentId: string, by: string): Promise<{ removed: boolean }>
  send(id: WorkspaceId, note: string | null, by: string): Promise<Sent>
  suggestCommit(id: WorkspaceId): Promise<CommitSuggestion>
  commit(id: WorkspaceId, request: { message: string; reviewedOnly: boolean; push: boolean; by: string }): ReturnType<typeof commitWork>
  checkpoints(id: WorkspaceId): Promise<Checkpoint[]>
  rewind(id: WorkspaceId, request: { commit: string; conversation: boolean; by: string }): ReturnType<typeof rewindTo>
  stop(): Promise<void>
}

/** `decided`: what is left to review there may be another than before. */
export function createReviews(deps: ServiceDeps, decided: (id: WorkspaceId) => void = () => undefined): Reviews {
  const oneByOne = createAlone<WorkspaceId>()
  const alone = async <T>(id: WorkspaceId, work: () => Promise<T>): Promise<T> => {
    const answer = await oneByOne(id, work)
    decided(id)
    return answer
  }
  const seen = createSeenTrees()
  const context = (id: WorkspaceId, by: string): MarkContext => ({ id, by, seen: seen.contentOf })
  const turnEnds = createTurnEnds(deps, {
    ended: (id) => alone(id, async () => {
      await applyQueue(deps, id, { silent: false })
      const { sending } = await deps.store.reviews.get(id)
      if (sending !== null) await tell(deps, id, sending)
    }),
  })
  const read = async (id: WorkspaceId, only?: string): Promise<Review> => {
    const state = await readReviewState(deps, id, only)
    seen.remember(state.tree, state.changes.files)
    return viewOfReading(state)
  }
  return {
    get: read,
    mark: (id, request, by) => alone(id, async () => {
      // A turn that ends from here on is seen, however short the next one is.
      const after = await deps.store.events.tail(id)
      const answer = await markHunks(deps, context(id, by), request)
      if (answer.review.files.some((file) => file.mark === 'queued' || file.hunks.some(({ mark }) => mark === 'queued'))) turnEnds.watch(id, after)
      return answer
    }),
    edit: (id, edit, by) => alone(id, () => editByHand(deps, context(id, by), edit)),
    async comment(id, comment, by) {
      await requireRecord(deps, id)
      const made: ReviewComment = { ...comment, commentId: randomIds.event().replace('evt_', 'cmt_'), by, at: deps.clock.now(), sent: false }
      await deps.store.reviews.addComment(id, made, deps.clock.now())
      return made
    },
    uncomment: async (id, commentId, by) => ({ removed: await deps.store.reviews.removeComment(id, commentId, by, deps.clock.now()) }),
    send: (id, note, by) => alone(id, async () => {
      const record = await requireRecord(deps, id)
      const { decided, comments } = await deps.store.reviews.get(id)
      const queued = decided.filter(({ mark }) => mark === 'queued')
      if (queued.length === 0) return tell(deps, id, { note, by })
      await deps.store.reviews.wishSend(id, { note, by }, deps.clock.now())
      turnEnds.watch(id, await deps.store.events.tail(id))
      const rejected = decided.filter(({ mark }) => mark !== 'accepted')
      const waiting = comments.filter(({ sent }) => !sent)
      requireCan(deps, record, 'send')
      return { promptId: null, text: reviewMessage({ rejected, comments: waiting, note }), sent: rejected.length + waiting.length }
    }),
    suggestCommit: (id) => suggestedCommit(deps, id),
    commit: (id, request) => alone(id, () => commitWork(deps, id, request)),
    checkpoints: (id) => checkpointsOf(deps, id),
    rewind: (id, request) => alone(id, () => rewindTo(deps, id, request)),
    stop: () => turnEnds.stop(),
  }
}

/** The message and the marks that it was said are one transaction; delivery is tried at once, else it comes with the next assignment. */
async function tell(deps: ServiceDeps, id: WorkspaceId, { note, by }: { note: string | null; by: string }): Promise<Sent> {
  const record = await requireRecord(deps, id)
  requireCan(deps, record, 'send')
  const { decided, comments } = await deps.store.reviews.get(id)
  const rejected = decided.filter(({ mark }) => mark === 'rejected')
  const unsent = await placed(deps, id, comments.filter(({ sent }) => !sent))
  const now = deps.clock.now()
  if (rejected.length + unsent.length === 0 && (note === null || note.trim() === '')) {
    await deps.store.reviews.wishSend(id, null, now)
    return { promptId: null, text: '', sent: 0 }
  }
  const text = reviewMessage({ rejected, comments: unsent, note })
  const promptId = randomIds.prompt()
  if (!(await deps.store.reviews.tell(id, { promptId, text, by, marks: rejected, comments: unsent.map(({ commentId }) => commentId) }, now))) throw new BerthError('conflict', 'somebody else sent it at the same moment', { hint: 'read the review again' })
  await sendMessage(deps, { id, text, promptId }, { userName: by })
  return { promptId, text, sent: rejected.length + unsent.length }
}

async function placed(deps: ServiceDeps, id: WorkspaceId, comments: readonly ReviewComment[]): Promise<ReviewComment[]> {
  if (comments.length === 0 || !deps.daemons.connected(id)) return [...comments]
  const state = await readReviewState(deps, id).catch(() => null)
  const hunks = (path: string) => [
    ...(state?.changes.files.find((file) => file.path === path)?.hunks ?? []),
    ...(state?.stored.decided ?? []).flatMap(({ piece }) => (piece.file.path === path && piece.hunk !== null ? [piece.hunk] : [])),
  ]
  return comments.map((comment) => placeComment(comment, hunks(comment.path)))
}
