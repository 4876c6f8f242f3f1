/**
 * The page's files, and the page itself with its first drawing in it. They are made at the first request, so that a
 * server nobody looks at never pays for them.
 */
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { APP_MARK, BOOT_MARK, NEEDS_MARK, SHELL_PATH } from '@berth/web/assets'
import type { WebAsset, WebAssets } from '@berth/web/assets'
import type { Identity } from '@berth/core'
import type { Need } from '@berth/web/render'

/** What stands in the page before its script runs; null: nothing, the script draws all of it. */
export type FirstPaint = (path: string, reader?: Identity) => Promise<{ readonly html: string; readonly boot: string; readonly needs?: readonly Need[] } | null>

export interface PageAsked { readonly acceptEncoding?: string | null; readonly cookies?: string | null; /** For whom it is drawn. */ readonly reader?: Identity }
/** Null when this path is none of the page's. */
export type PageFiles = (path: string, asked?: PageAsked) => Promise<Response | null>

/**
 * Nothing from elsewhere, and inline only the styles whose hashes are named. xterm's style elements stay empty, which
 * another hash allows; what it writes to them goes through adopted sheets. The worker's policy names one script.
 */
const EMPTY_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
const policyWith = (style: string) => [
  "default-src 'none'", "script-src 'self'", `style-src 'self' ${EMPTY_STYLE} ${style}`, "img-src 'self' data: blob:", "connect-src 'self'", "worker-src 'self'", "manifest-src 'self'",
  "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'", "require-trusted-types-for 'script'", 'trusted-types berth-worker',
].join('; ')

/** As the page decides it (`shell/detail.tsx` of the page). */
const WIDE = '(min-width: 744px)'

/** A worker has the policy that its file came with, whatever its page has. */
const WORKER_PATH = '/sw.js'
const WORKER_POLICY = "default-src 'none'; connect-src 'self'; img-src 'self'"

/** One with a name belongs to that part, and is left out where the part is not drawn. */
const STYLE = /<style(?: id="([\w-]+)")?>(.*?)<\/style>/gs

/** What a browser may open as a page of its own. */
const OPENED = /^(?:text\/html|image\/svg)/

/** What stands around the drawing, which files go with which part of it, and which parts have a style in the page instead. */
interface Shell { readonly head: string; readonly rest: string; readonly middle: string; readonly tail: string; readonly files: Readonly<Record<string, readonly string[]>>; readonly styles: ReadonlyMap<string, string> }
/** `policy`: of a page with all of its styles. */
interface Loaded { readonly assets: WebAssets; readonly shell: Shell | null; readonly policy: string }

export function createPageFiles(load: () => Promise<WebAssets>, paint: FirstPaint = async () => null): PageFiles {
  let loading: Promise<Loaded> | null = null
  const packed = new WeakMap<WebAsset, Map<Encoding, Promise<Uint8Array<ArrayBuffer>>>>()
  return async (path, asked = {}) => {
    // One that failed is tried again.
    loading ??= load().then(prepared).catch((error: unknown) => {
      loading = null
      throw error
    })
    const { assets, shell, policy } = await loading
    const { encoding, theme } = wishesOf(asked)
    const asset = path === '/' ? undefined : assets.get(path)
    // The page has addresses of its own; anything that looks like a file is one or nothing.
    if (!asset && (path.split('/').at(-1)?.includes('.') || shell === null)) return null
    if (!asset) {
      const page = drawn(shell, await paint(path, asked.reader), theme)
      return answer({ body: encoding === null ? page : await quick[encoding](page), type: 'text/html; charset=utf-8', cache: 'private, no-cache', policy, encoding })
    }
    const cache = asset.immutable ? 'private, max-age=31536000, immutable' : 'no-cache'
    return answer({ body: encoding === null ? asset.body : await packedOnce(asset, encoding), type: asset.type, cache, policy: path === WORKER_PATH ? WORKER_POLICY : OPENED.test(asset.type) ? policy : null, encoding })
  }
  function packedOnce(asset: WebAsset, encoding: Encoding): Promise<Uint8Array<ArrayBuffer>> {
    const known = packed.get(asset) ?? new Map<Encoding, Promise<Uint8Array<ArrayBuffer>>>()
    packed.set(asset, known)
    const body = known.get(encoding) ?? best[encoding](asset.body)
    known.set(encoding, body)
    return body
  }
}

const wishesOf = ({ acceptEncoding = null, cookies = null }: PageAsked) => ({ encoding: chooseEncoding(acceptEncoding), theme: themeIn(cookies) })

/** What was chosen for this device, so that the page does not begin in the other one (`settings/theme.ts` of the page). */
function themeIn(cookies: string | null): string {
  const chosen = /(?:^|;\s*)berth-theme=(light|dark)(?:;|$)/.exec(cookies ?? '')?.[1]
  return chosen === undefined ? '' : ` data-theme="${chosen}"`
}

function drawn(shell: Shell | null, first: Awaited<ReturnType<FirstPaint>>, theme: string): Uint8Array<ArrayBuffer> {
  if (shell === null) return new Uint8Array()
  const needs = first?.needs ?? []
  const isInside = ({ part, wide }: Need) => !wide && shell.styles.has(part)
  const asked = needs.filter((need) => !isInside(need)).flatMap(({ part, wide }) => (shell.files[part] ?? []).map((path) => `<link rel="modulepreload" href="${path}"${wide ? ` media="${WIDE}"` : ''}>`))
  const styles = needs.filter(isInside).map(({ part }) => shell.styles.get(part))
  const rest = shell.rest.replace('</style>', (end) => end + styles.join(''))
  return new TextEncoder().encode(shell.head.replace('<html lang="en"', (start) => start + theme) + asked.join('') + rest + (first?.html ?? '') + shell.middle + (first?.boot ?? '') + shell.tail)
}

function prepared(assets: WebAssets): Loaded {
  const page = new TextDecoder().decode(assets.get(SHELL_PATH)?.body)
  const [before = '', after = ''] = page.split(APP_MARK)
  const [middle = '', tail = ''] = after.split(BOOT_MARK)
  const needs = NEEDS_MARK.exec(before)
  const [head, rest] = needs === null ? [before, ''] : [before.slice(0, needs.index), before.slice(needs.index + needs[0].length)]
  // Our own build wrote it.
  const files = JSON.parse(needs?.[1] ?? '{}') as Shell['files']
  const styles = [...page.matchAll(STYLE)]
  const hashes = styles.map(([, , style = '']) => `'sha256-${createHash('sha256').update(style).digest('base64')}'`)
  const ofParts = new Map(styles.flatMap(([whole, part]) => (part === undefined ? [] : [[part, whole] as const])))
  return { assets, shell: page === '' ? null : { head, rest: rest.replaceAll(STYLE, (whole, part: string | undefined) => (part === undefined ? whole : '')), middle, tail, files, styles: ofParts }, policy: policyWith(hashes.join(' ')) }
}

type Encoding = 'br' | 'gzip'
type Compress = (body: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>
const brotli = (quality: number): Compress => async (body) => new Uint8Array(await promisify(brotliCompress)(body, { params: { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT, [constants.BROTLI_PARAM_SIZE_HINT]: body.length } }))
const zip = (level: number): Compress => async (body) => new Uint8Array(await promisify(gzip)(body, { level }))
/** Files are packed once per process, so the slow levels are affordable; a page is packed for one reader. */
const best: Record<Encoding, Compress> = { br: brotli(11), gzip: zip(9) }
const quick: Record<Encoding, Compress> = { br: brotli(6), gzip: zip(6) }

function chooseEncoding(accepted: string | null): Encoding | null {
  const offers = new Map((accepted ?? '').toLowerCase().split(',').map((offer) => {
    const [name = '', quality = ''] = offer.trim().split(/\s*;\s*q=/)
    return [name, quality === '' ? 1 : Number(quality)] as const
  }))
  return (['br', 'gzip'] as const).find((name) => (offers.get(name) ?? 0) > 0) ?? null
}

function answer(file: { body: Uint8Array<ArrayBuffer>; type: string; cache: string; /** Of what a browser opens as a page. */ policy: string | null; encoding: Encoding | null }): Response {
  return new Response(file.body, {
    headers: {
      'content-type': file.type, 'cache-control': file.cache, vary: 'accept-encoding',
      ...(file.policy === null ? {} : { 'content-security-policy': file.policy }),
      ...(file.encoding === null ? {} : { 'content-encoding': file.encoding }),
    },
  })
}
