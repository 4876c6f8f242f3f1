/** The part of the contract about reviewing, committing and going back. */
import { reviewApi } from '@berth/wire/review'
import { implement } from '@orpc/server'
import type { ServiceDeps } from '../services/deps.ts'
import type { Reviews } from '../services/review.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export interface ReviewApiDeps extends ServiceDeps { readonly reviews: Reviews }

export function reviewRouter({ reviews }: ReviewApiDeps) {
  const os = implement(reviewApi).$context<ApiContext>().use(signedIn)
  return {
    getReview: os.getReview.handler(({ input }) => reviews.get(input.id, input.only)),
    markHunks: os.markHunks.handler(({ input: { id, ...request }, context }) => reviews.mark(id, request, context.caller.userName)),
    editHunk: os.editHunk.handler(({ input: { id, ...edit }, context }) => reviews.edit(id, edit, context.caller.userName)),
    addComment: os.addComment.handler(({ input: { id, ...comment }, context }) => reviews.comment(id, comment, context.caller.userName)),
    removeComment: os.removeComment.handler(({ input, context }) => reviews.uncomment(input.id, input.commentId, context.caller.userName)),
    sendReview: os.sendReview.handler(({ input, context }) => reviews.send(input.id, input.note ?? null, context.caller.userName)),
    suggestCommit: os.suggestCommit.handler(({ input }) => reviews.suggestCommit(input.id)),
    commit: os.commit.handler(({ input: { id, ...request }, context }) => reviews.commit(id, { ...request, by: context.caller.userName })),
    listCheckpoints: os.listCheckpoints.handler(({ input }) => reviews.checkpoints(input.id)),
    rewind: os.rewind.handler(({ input: { id, ...request }, context }) => reviews.rewind(id, { ...request, by: context.caller.userName })),
  }
}
