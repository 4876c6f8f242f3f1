/**
 * What a session page waits for, smaller than the bundler makes it: 1.3 of 33 kB packed. It takes most of a second, so
 * what was made is kept beside the packages of this checkout, by what it was made of.
 */
import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'

const KEPT_IN = join(import.meta.dir, '../../../node_modules/.cache/berth-web')

/** The same module with other names within; its imports and exports stay. */
export async function minified(code: string): Promise<string> {
  // Loaded where pages are built; a released binary carries them built.
  const { minify, version } = await import('@swc/core')
  const kept = join(KEPT_IN, `${version}-${Bun.hash(code).toString(36)}.js`)
  const before = await Bun.file(kept).text().catch(() => null)
  if (before !== null) return before
  const { code: made } = await minify(code, { module: true, ecma: 2022, compress: { ecma: 2022, passes: 3 }, mangle: true })
  await keep(kept, made)
  return made
}

/** Without it the next process makes it again. */
async function keep(path: string, code: string): Promise<void> {
  const aside = `${path}.${process.pid}`
  try {
    await mkdir(KEPT_IN, { recursive: true })
    await Bun.write(aside, code)
    await rename(aside, path)
  } catch { /* packages that may not be written to */ }
}
