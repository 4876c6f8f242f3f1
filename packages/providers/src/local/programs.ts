/**
 * The programs that run beside and inside a local machine. They are copied into it as source: the compiled product
 * carries them as files, and runs them by being a plain bun (BUN_BE_BUN).
 */
/* oxlint-disable import/default -- file imports are paths, and the linter looks for a module */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
// `type: file` makes each import a path, which the type checker does not know of.
// @ts-expect-error: a path, not a module
import egress from './egress.ts' with { type: 'file' }
// @ts-expect-error: a path, not a module
import host from './machine-host.ts' with { type: 'file' }
// @ts-expect-error: a path, not a module
import init from './machine-init.ts' with { type: 'file' }
// @ts-expect-error: a path, not a module
import userNamespace from './user-namespace.ts' with { type: 'file' }

export const HOST_PROGRAM = 'machine-host.ts'
export const INIT_PROGRAM = 'machine-init.ts'

export async function copyPrograms(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true })
  // The file imports above are strings at run time.
  const programs: Record<string, string> = { 'egress.ts': egress as unknown as string, [HOST_PROGRAM]: host as unknown as string, [INIT_PROGRAM]: init as unknown as string, 'user-namespace.ts': userNamespace as unknown as string }
  for (const [name, path] of Object.entries(programs)) await Bun.write(join(dir, name), Bun.file(path))
}
