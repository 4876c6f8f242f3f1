/**
 * The page's files as the server sends them. From source they are bundled at the first request; a released binary
 * carries them prebuilt (`scripts/build.ts` calls `buildWebAssets` and embeds what it gives).
 *
 * `/shell` is the page without content: the server puts its drawing where the two marks are (`page-files.ts`).
 */
import { join } from 'node:path'
import { minified } from './minified.ts'

export interface WebAsset { readonly body: Uint8Array<ArrayBuffer>; readonly type: string; /** Content-hashed names never change. */ readonly immutable: boolean }
/** path (`/shell`, `/assets/main-<hash>.js`) → file */
export type WebAssets = ReadonlyMap<string, WebAsset>

export const SHELL_PATH = '/shell'
/** Where the drawing and what the script begins with go. */
export const APP_MARK = '<!--app-->'
export const BOOT_MARK = '<!--boot-->'
/** Where a page names the files that its drawing needs besides the script, and the files of each part (`Need`), as JSON. */
export const NEEDS_MARK = /<!--needs (.*?)-->/

const TYPES: Record<string, string> = { '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml', '.html': 'text/html; charset=utf-8', '.webmanifest': 'application/manifest+json', '.png': 'image/png' }
/** Kept out of the cache for offline use: only good with a connection. */
const LARGE_BYTES = 150 * 1024
const tsconfig = join(import.meta.dir, '../../../tsconfig.json')
const source = (path: string) => Bun.file(join(import.meta.dir, path))

export async function buildWebAssets(): Promise<WebAssets> {
  const built = await Bun.build({
    entrypoints: [join(import.meta.dir, 'main.tsx')],
    target: 'browser', format: 'esm', splitting: true, minify: true, publicPath: '/', tsconfig,
    naming: { entry: 'assets/main-[hash].[ext]', chunk: 'assets/[name]-[hash].[ext]', asset: 'assets/[name]-[hash].[ext]' },
    define: { 'process.env.NODE_ENV': '"production"' },
  })
  const assets = new Map<string, WebAsset>()
  let script = ''
  for (const output of built.outputs) {
    const path = `/${output.path.replace(/^\.?\//, '')}`
    if (output.kind === 'entry-point' && path.endsWith('.js')) script = path
    assets.set(path, { body: new Uint8Array(await output.arrayBuffer()), type: typeOf(path), immutable: true })
  }
  const first = [script, ...staticImports(assets, script)]
  await Promise.all(first.map(async (path) => assets.set(path, { ...text(await minified(new TextDecoder().decode(assets.get(path)?.body)), '.js'), immutable: true })))
  for (const name of ['icon-192.png', 'icon-512.png', 'icon-maskable-512.png', 'icon-apple-180.png', 'badge-96.png', 'icon.svg']) assets.set(`/${name}`, { body: new Uint8Array(await source(`style/${name}`).arrayBuffer()), type: typeOf(name), immutable: false })
  assets.set('/manifest.webmanifest', text(MANIFEST, '.webmanifest'))
  const needs = Object.fromEntries(PARTS.map((part) => [part, partFiles(assets, script, part)]))
  const icons = await source('style/icons.svg').text()
  assets.set(SHELL_PATH, text(page({ script, preloads: staticImports(assets, script), needs, css: alsoForDarkSystems(await style('tokens', 'app', 'session')), askCss: await style('ask'), icons, icon: (await source('style/icon.svg').text()).trim() }), '.html'))
  assets.set('/sw.js', text(await serviceWorker(assets), '.js'))
  return assets
}

const typeOf = (path: string) => TYPES[path.slice(path.lastIndexOf('.'))] ?? 'application/octet-stream'
const text = (content: string, extension: string): WebAsset => ({ body: new TextEncoder().encode(content), type: typeOf(extension), immutable: false })

/** Those of `shell/parts.ts`, by the names of their files. */
const PARTS = ['home', 'decision', 'ask-style'] as const

function partFiles(assets: WebAssets, entry: string, part: string): string[] {
  const path = [...assets.keys()].find((name) => name.startsWith(`/assets/${part}-`) && name.endsWith('.js'))
  return path === undefined ? [] : [path, ...staticImports(assets, path).filter((name) => name !== entry)]
}

/** What the entry needs before it runs: asked for at once, not one after another. */
function staticImports(assets: WebAssets, entry: string): string[] {
  const found = new Set<string>()
  const look = (path: string) => {
    const asset = assets.get(path)
    if (!asset) return
    for (const [, name = ''] of new TextDecoder().decode(asset.body).matchAll(/(?:from|import)\s*"(\/assets\/[^"]+\.js)"/g)) {
      if (found.has(name) || name === entry) continue
      found.add(name)
      look(name)
    }
  }
  look(entry)
  return [...found]
}

async function style(...order: string[]): Promise<string> {
  const built = await Bun.build({ entrypoints: order.map((name) => join(import.meta.dir, `style/${name}.css`)), minify: true, naming: '[name].[ext]' })
  const parts = await Promise.all(built.outputs.map(async (output) => ({ at: order.findIndex((name) => output.path.endsWith(`${name}.css`)), css: await output.text() })))
  return parts.sort((a, b) => a.at - b.at).map(({ css }) => css.trim()).join('')
}

/** The dark tokens are written once, for who chose them; a page where nothing was chosen takes them with its system. */
function alsoForDarkSystems(css: string): string {
  const [chosen, tokens] = /:root\[data-theme="?dark"?\]\s*\{([^}]*)\}/.exec(css) ?? []
  if (chosen === undefined) throw new Error('the style has no dark tokens')
  return css.replace(chosen, () => `${chosen}@media (prefers-color-scheme:dark){:root:not([data-theme]){${tokens}}}`)
}

async function serviceWorker(assets: WebAssets): Promise<string> {
  const files = [...assets].filter(([path, { body }]) => path !== SHELL_PATH && body.length < LARGE_BYTES).map(([path]) => path)
  const shell = assets.get(SHELL_PATH)?.body ?? new Uint8Array()
  const version = Bun.hash(`${files.join()} ${Bun.hash(shell)}`).toString(36)
  const built = await Bun.build({
    entrypoints: [join(import.meta.dir, 'sw.ts')], target: 'browser', format: 'iife', minify: true, tsconfig,
    define: { SHELL_VERSION: JSON.stringify(version), SHELL_FILES: JSON.stringify(files) },
  })
  return (await built.outputs[0]?.text()) ?? ''
}

const MANIFEST = JSON.stringify({
  name: 'Berth', short_name: 'Berth', id: '/', start_url: '/', scope: '/', display: 'standalone', background_color: '#fbfbfa', theme_color: '#fbfbfa',
  description: 'Every coding agent gets a machine of its own.',
  icons: [{ src: '/icon-192.png', sizes: '192x192', type: 'image/png', purpose: 'any' }, { src: '/icon-512.png', sizes: '512x512', type: 'image/png', purpose: 'any' }, { src: '/icon-maskable-512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' }, { src: '/icon.svg', sizes: 'any', type: 'image/svg+xml' }],
  shortcuts: [{ name: 'New workspace', url: '/new' }],
})

/** The script is named in the first bytes, so that it is on its way while the style is. The icons stand in the page, so that `<use href="#…">` takes the page's colours; the style does, so that the first drawing waits for nothing: what belongs to one part of it is left out where that is not drawn. */
function page(at: { script: string; preloads: readonly string[]; needs: Readonly<Record<string, readonly string[]>>; css: string; askCss: string; icons: string; icon: string }): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<script type="module" src="${at.script}"></script>
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content">
<meta name="theme-color" content="#fbfbfa" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#0e1012" media="(prefers-color-scheme: dark)">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Berth</title>
${at.preloads.map((path) => `<link rel="modulepreload" href="${path}">\n`).join('')}<!--needs ${JSON.stringify(at.needs)}--><style>${at.css}</style><style id="ask-style">${at.askCss}</style>
<link rel="manifest" href="/manifest.webmanifest" crossorigin="use-credentials">
<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(at.icon).replaceAll('%20', ' ').replaceAll('%3D', '=').replaceAll('%2F', '/').replaceAll('%3A', ':')}">
<link rel="apple-touch-icon" href="/icon-apple-180.png">
</head>
<body>
<div hidden>${at.icons.replace(/<!--.*?-->|\n\s*|<g id="lines">|<\/g>(?=\s*<\/svg>)| fill="none"(?= id=)/gs, '')}</div>
<div id="app">${APP_MARK}</div>
${BOOT_MARK}<noscript><p class="noscript">Scripts are blocked: you see how it stood when this page was loaded. Answers need <code>berth approve</code>, or scripts.</p></noscript>
</body>
</html>
`
}
