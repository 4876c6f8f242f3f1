import { BerthError } from '@berth/wire'
import { os } from '@orpc/server'
import type { ApiContext } from './api.ts'

/** The edge asks for a credential already; a route that the edge forgets still refuses here. Then the table of rights is asked. */
export const signedIn = os.$context<ApiContext>().middleware(async ({ context, next, path }, input) => {
  const { caller } = context
  if (!caller) throw new BerthError('unauthorized', 'no valid credential')
  return context.permit({ caller, route: path.join('.'), input }, async () => next({ context: { caller } }))
})
