/** The part of the contract about reviewing, committing and going back. */
import { BerthError } from '@berth/wire'
import { reviewApi } from '@berth/wire/review'
import { implement } from '@orpc/server'
import type { ServiceDeps } from '../services/deps.ts'
import type { Reviews } from '../services/review.ts'
import type { ApiContext } from './api.ts'

export interface ReviewApiDeps extends ServiceDeps { readonly reviews: Reviews }

export function reviewRouter({ reviews }: ReviewApiDeps) {
  const os = implement(reviewApi).$context<ApiContext>()
  const signedIn = os.use(({ context, next }) => {
    if (!context.caller) throw new BerthError('unauthorized', 'no valid credential')
    return next({ context: { caller: context.caller } })
  })
  return {
    getReview: signedIn.getReview.handler(({ input }) => reviews.get(input.id, input.only)),
    markHunks: signedIn.markHunks.handler(({ input: { id, ...request }, context }) => reviews.mark(id, request, context.caller.userName)),
    editHunk: signedIn.editHunk.handler(({ input: { id, ...edit }, context }) => reviews.edit(id, edit, context.caller.userName)),
    addComment: signedIn.addComment.handler(({ input: { id, ...comment }, context }) => reviews.comment(id, comment, context.caller.userName)),
    removeComment: signedIn.removeComment.handler(({ input, context }) => reviews.uncomment(input.id, input.commentId, context.caller.userName)),
    sendReview: signedIn.sendReview.handler(({ input, context }) => reviews.send(input.id, input.note ?? null, context.caller.userName)),
    suggestCommit: signedIn.suggestCommit.handler(({ input }) => reviews.suggestCommit(input.id)),
    commit: signedIn.commit.handler(({ input: { id, ...request }, context }) => reviews.commit(id, { ...request, by: context.caller.userName })),
    listCheckpoints: signedIn.listCheckpoints.handler(({ input }) => reviews.checkpoints(input.id)),
    rewind: signedIn.rewind.handler(({ input: { id, ...request }, context }) => reviews.rewind(id, { ...request, by: context.caller.userName })),
  }
}
