import { BerthError } from '@berth/wire'
import { os } from '@orpc/server'
import type { ApiContext } from './api.ts'

/** The edge asks for a credential already; a route that the edge forgets still refuses here. */
export const signedIn = os.$context<ApiContext>().middleware(({ context, next }) => {
  if (!context.caller) throw new BerthError('unauthorized', 'no valid credential')
  return next({ context: { caller: context.caller } })
})
