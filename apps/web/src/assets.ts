/**
 * The page's files as the server sends them. From source they are bundled at the first request; a released binary
 * carries them prebuilt (`scripts/build.ts` calls `buildWebAssets` and embeds what it gives).
 */
import { join } from 'node:path'

export interface WebAsset { readonly body: Uint8Array<ArrayBuffer>; readonly type: string; /** Content-hashed names never change. */ readonly immutable: boolean }
/** path (`/`, `/assets/main-<hash>.js`) → file */
export type WebAssets = ReadonlyMap<string, WebAsset>

const TYPES: Record<string, string> = { '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml', '.html': 'text/html; charset=utf-8' }

export async function buildWebAssets(): Promise<WebAssets> {
  const built = await Bun.build({
    entrypoints: [join(import.meta.dir, 'main.tsx')],
    target: 'browser',
    format: 'esm',
    splitting: true,
    minify: true,
    naming: { entry: 'assets/main-[hash].[ext]', chunk: 'assets/[name]-[hash].[ext]', asset: 'assets/[name]-[hash].[ext]' },
    publicPath: '/',
    tsconfig: join(import.meta.dir, '../../../tsconfig.json'),
  })
  const assets = new Map<string, WebAsset>()
  let script = ''
  for (const output of built.outputs) {
    const path = `/${output.path.replace(/^\.?\//, '')}`
    if (output.kind === 'entry-point' && path.endsWith('.js')) script = path
    assets.set(path, await asset(output, path))
  }
  const styles = await Promise.all(['tokens', 'app'].map((name) => Bun.file(join(import.meta.dir, `style/${name}.css`)).text()))
  const css = styles.join('\n')
  const cssPath = `/assets/app-${Bun.hash(css).toString(36)}.css`
  assets.set(cssPath, text(css, '.css', true))
  const icons = await Bun.file(join(import.meta.dir, 'style/icons.svg')).text()
  assets.set('/', text(page({ script, css: cssPath, icons }), '.html', false))
  return assets
}

async function asset(output: Blob, path: string): Promise<WebAsset> {
  return { body: new Uint8Array(await output.arrayBuffer()), type: TYPES[path.slice(path.lastIndexOf('.'))] ?? 'application/octet-stream', immutable: true }
}

function text(content: string, extension: string, immutable: boolean): WebAsset {
  return { body: new TextEncoder().encode(content), type: TYPES[extension] ?? 'text/plain', immutable }
}

/** The icons stand in the page, so that `<use href="#…">` takes the page's colours. */
function page(at: { script: string; css: string; icons: string }): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content">
<meta name="theme-color" content="#fbfbfa" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#0e1012" media="(prefers-color-scheme: dark)">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Berth</title>
<link rel="stylesheet" href="${at.css}">
<link rel="icon" href="data:,">
<script type="module" src="${at.script}"></script>
</head>
<body>
<div hidden>${at.icons.replace(/<!--.*?-->|\n\s*/gs, '')}</div>
<div id="app"><p class="loading">Loading</p></div>
<noscript>Berth needs JavaScript.</noscript>
</body>
</html>
`
}
