/** Files that somebody chose to put into the home. Written by a process of the agent's user: in that home root is led astray. */
import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, isAbsolute, join, normalize } from 'node:path'
import { BerthError } from '@berth/wire/error'
import type { Assignment } from '@berth/wire/daemon'
import { SECRET_FILES_DIR } from '@berth/wire/secret-places'
import { looksSecret } from '@berth/wire/secret-values'
import type { AsAgent } from '../contracts.ts'
import { selfCommand } from '../self.ts'

export async function writeHomeFiles(deps: { asAgent: AsAgent; homeDir: string }, files: Assignment['homeFiles'], signal: AbortSignal): Promise<void> {
  for (const file of files) {
    const path = normalize(file.path)
    if (isAbsolute(path) || path.startsWith('..')) throw new BerthError('bad_request', `not a path below the home: ${file.path}`)
    const result = await deps.asAgent.run(selfCommand('put', join(deps.homeDir, path)), { stdin: Buffer.from(file.contentBase64, 'base64'), signal })
    if (result.exitCode !== 0) throw new BerthError('internal', `${file.path} could not be written: ${result.stderr.trim().slice(0, 500)}`)
  }
}

/** `put PATH`: standard input becomes the file, 0600. */
export async function putMain(argv: readonly string[]): Promise<number> {
  const path = argv[0]
  if (path === undefined) return 2
  const content = await Bun.stdin.bytes()
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const staging = `${path}.berth-new`
  try {
    writeFileSync(staging, content, { mode: 0o600 })
    chmodSync(staging, 0o600)
    renameSync(staging, path)
  } catch (cause) {
    // Where the disk is full, half a file would keep it so.
    rmSync(staging, { force: true })
    throw cause
  }
  return 0
}

/** What must not show up in an event: secret variables, and the token-like parts of these files, however they are quoted. */
export function secretsOf({ env, secretEnv, homeFiles }: Pick<Assignment, 'env' | 'secretEnv' | 'homeFiles'>): string[] {
  const parts = homeFiles.flatMap(({ path, contentBase64 }) => {
    const text = Buffer.from(contentBase64, 'base64').toString('utf8')
    const line = text.trim()
    // A secret of one line is all of it, however short its pieces are.
    return [...(path.startsWith(`${SECRET_FILES_DIR}/`) && !line.includes('\n') ? [line] : []), ...(text.match(/[A-Za-z0-9_\-./+=]{20,}/g) ?? [])]
  })
  const ofEnv = Object.entries(env).flatMap(([name, value]) => (secretEnv === undefined || secretEnv.includes(name) || looksSecret(name, value) ? [value] : []))
  return [...ofEnv, ...parts].filter((value) => value.length >= 8)
}
