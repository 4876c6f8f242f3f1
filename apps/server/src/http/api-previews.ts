/** The part of the contract about previews. */
import { BerthError } from '@berth/wire'
import { previewsApi } from '@berth/wire/previews'
import { implement } from '@orpc/server'
import { listPreviews, setPreview, sharePreview } from '../services/previews.ts'
import type { PreviewDeps, PreviewInput } from '../services/previews.ts'
import type { ApiContext } from './api.ts'

export function previewsRouter(deps: PreviewDeps) {
  const os = implement(previewsApi).$context<ApiContext>()
  const signedIn = os.use(({ context, next }) => {
    if (!context.caller) throw new BerthError('unauthorized', 'no valid credential')
    return next({ context: { caller: context.caller } })
  })
  return {
    listPreviews: signedIn.listPreviews.handler(({ input }) => listPreviews(deps, input.id)),
    // What the schema calls optional is absent, never undefined: it came as JSON.
    setPreview: signedIn.setPreview.handler(({ input: { id, port, ...change } }) => setPreview(deps, { id, port }, change as PreviewInput)),
    sharePreview: signedIn.sharePreview.handler(({ input }) => sharePreview(deps, input)),
  }
}
