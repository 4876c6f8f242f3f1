/** The page's files. They are made at the first request, so that a server nobody looks at never pays for them. */
import type { WebAsset, WebAssets } from '@berth/web/assets'

/** xterm sets styles on its elements. */
const PAGE_POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

export function createPageFiles(load: () => Promise<WebAssets>): (path: string) => Promise<Response | null> {
  let loading: Promise<WebAssets> | null = null
  return async (path) => {
    // One that failed is tried again.
    loading ??= load().catch((error: unknown) => {
      loading = null
      throw error
    })
    const assets = await loading
    // The page has addresses of its own; anything that looks like a file is one or nothing.
    const asset = assets.get(path) ?? (path.split('/').at(-1)?.includes('.') ? undefined : assets.get('/'))
    return asset ? answer(asset) : null
  }
}

function answer(asset: WebAsset): Response {
  return new Response(asset.body, {
    headers: {
      'content-type': asset.type,
      'cache-control': asset.immutable ? 'private, max-age=31536000, immutable' : 'no-cache',
      'content-security-policy': PAGE_POLICY,
    },
  })
}
