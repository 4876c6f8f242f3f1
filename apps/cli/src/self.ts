/**
 * How this program starts itself in another role. From source the server has its own entry; in the compiled binary one
 * entry (scripts/binary/main.ts) looks at the first word.
 */
import { join, resolve } from 'node:path'

/** The compiled binary's files live in a virtual directory. */
const compiled = import.meta.path.startsWith('/$bunfs/') || import.meta.path.includes('~BUN')
const root = resolve(import.meta.dir, '../../..')

/** First word of the compiled binary's argv when it is to be the server. No verb of the CLI, so that `berth serve` may start it. */
export const SERVER_ROLE = 'server-process'

/** argv of this CLI. */
export function selfCli(words: readonly string[]): string[] {
  if (compiled) return [process.execPath, ...words]
  return [process.execPath, `--tsconfig-override=${join(root, 'tsconfig.json')}`, join(root, 'apps/cli/src/main.ts'), ...words]
}

/** argv of `berth serve`, `berth backup` and their like. */
export function selfServer(words: readonly string[]): string[] {
  if (compiled) return [process.execPath, SERVER_ROLE, ...words]
  return [process.execPath, `--tsconfig-override=${join(root, 'tsconfig.json')}`, join(root, 'apps/server/src/main.ts'), ...words]
}
