/** The part of the contract about previews. */
import { previewsApi } from '@berth/wire/previews'
import { implement } from '@orpc/server'
import { listPreviews, setPreview, sharePreview } from '../services/previews.ts'
import type { PreviewDeps, PreviewInput } from '../services/previews.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export function previewsRouter(deps: PreviewDeps) {
  const os = implement(previewsApi).$context<ApiContext>().use(signedIn)
  return {
    listPreviews: os.listPreviews.handler(({ input }) => listPreviews(deps, input.id)),
    // What the schema calls optional is absent, never undefined: it came as JSON.
    setPreview: os.setPreview.handler(({ input: { id, port, ...change } }) => setPreview(deps, { id, port }, change as PreviewInput)),
    sharePreview: os.sharePreview.handler(({ input }) => sharePreview(deps, input)),
  }
}
