/**
 * The programs that run beside and inside a local machine. They are copied into it as source, and a released binary
 * runs them by being a plain bun (BUN_BE_BUN). It carries them as files where this file's directory is for it: see
 * `scripts/binary/pack.ts`. They cannot be imports of type `file`, because a bundler takes each file for one thing
 * only, and some are modules of the server as well.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

export const HOST_PROGRAM = 'machine-host.ts'
export const INIT_PROGRAM = 'machine-init.ts'
export const COMPUTER_PROGRAM = 'computer-init.ts'
/** With every file that one of them imports. */
export const PROGRAMS = [HOST_PROGRAM, INIT_PROGRAM, COMPUTER_PROGRAM, 'egress.ts', 'forward.ts', 'plain-bun.ts', 'user-namespace.ts'] as const

export async function copyPrograms(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true })
  for (const name of PROGRAMS) await Bun.write(join(dir, name), Bun.file(join(import.meta.dir, name)))
}
