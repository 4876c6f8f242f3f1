/**
 * How this program starts itself in another role. From source the server has its own entry; in the compiled binary one
 * entry looks at the first word, so the same words work for both.
 */
import { join, resolve } from 'node:path'

/** The compiled binary's files live in a virtual directory. */
const compiled = import.meta.path.startsWith('/$bunfs/') || import.meta.path.includes('~BUN')
const root = resolve(import.meta.dir, '../../..')

/** argv of `berth serve`, `berth backup` and their like. */
export function selfServer(words: readonly string[]): string[] {
  if (compiled) return [process.execPath, ...words]
  return [process.execPath, `--tsconfig-override=${join(root, 'tsconfig.json')}`, join(root, 'apps/server/src/main.ts'), ...words]
}
