/** The page's files. They are made at the first request, so that a server nobody looks at never pays for them. */
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { WebAsset, WebAssets } from '@berth/web/assets'

/**
 * Nothing inline, nothing from elsewhere. xterm's style elements stay empty, which the one hash allows; what it
 * writes to them goes through adopted sheets (`apps/web/src/ui/inline-free-styles.ts`).
 */
const EMPTY_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
const PAGE_POLICY = [
  "default-src 'none'", "script-src 'self'", `style-src 'self' ${EMPTY_STYLE}`, "img-src 'self' data:", "connect-src 'self'",
  "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
].join('; ')

/** `path` and the request's Accept-Encoding; null when this path is none of the page's. */
export type PageFiles = (path: string, acceptEncoding?: string | null) => Promise<Response | null>

export function createPageFiles(load: () => Promise<WebAssets>): PageFiles {
  let loading: Promise<WebAssets> | null = null
  const packed = new WeakMap<WebAsset, Map<Encoding, Promise<Uint8Array<ArrayBuffer>>>>()
  return async (path, acceptEncoding = null) => {
    // One that failed is tried again.
    loading ??= load().catch((error: unknown) => {
      loading = null
      throw error
    })
    const assets = await loading
    // The page has addresses of its own; anything that looks like a file is one or nothing.
    const asset = assets.get(path) ?? (path.split('/').at(-1)?.includes('.') ? undefined : assets.get('/'))
    if (!asset) return null
    const encoding = chooseEncoding(acceptEncoding)
    if (encoding === null) return answer(asset, asset.body, null)
    const known = packed.get(asset) ?? new Map<Encoding, Promise<Uint8Array<ArrayBuffer>>>()
    packed.set(asset, known)
    const body = known.get(encoding) ?? compress[encoding](asset.body)
    known.set(encoding, body)
    return answer(asset, await body, encoding)
  }
}

type Encoding = 'br' | 'gzip'
/** Each file is packed once per process, so the slow levels are affordable. */
const compress: Record<Encoding, (body: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>> = {
  br: async (body) => new Uint8Array(await promisify(brotliCompress)(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_SIZE_HINT]: body.length } })),
  gzip: async (body) => new Uint8Array(await promisify(gzip)(body, { level: 9 })),
}

function chooseEncoding(accepted: string | null): Encoding | null {
  const offers = new Map((accepted ?? '').toLowerCase().split(',').map((offer) => {
    const [name = '', quality = ''] = offer.trim().split(/\s*;\s*q=/)
    return [name, quality === '' ? 1 : Number(quality)] as const
  }))
  return (['br', 'gzip'] as const).find((name) => (offers.get(name) ?? 0) > 0) ?? null
}

function answer(asset: WebAsset, body: Uint8Array<ArrayBuffer>, encoding: Encoding | null): Response {
  return new Response(body, {
    headers: {
      'content-type': asset.type,
      'cache-control': asset.immutable ? 'private, max-age=31536000, immutable' : 'no-cache',
      'content-security-policy': PAGE_POLICY,
      vary: 'accept-encoding',
      ...(encoding === null ? {} : { 'content-encoding': encoding }),
    },
  })
}
