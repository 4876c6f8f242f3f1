/**
 * A login that was copied here is written once: from then on the agent renews it, and what it renews from is worth
 * nothing any more. The copy that the server keeps grows old, and would sign the agent out with the next start.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Assignment } from '@berth/wire/daemon'
import type { Journal } from '../../contracts.ts'
import { createAgentFiles } from '../agents/agent-file.ts'
import { readLogin } from './login-files.ts'

/** Below the home. */
const LOGIN_FILE = /^(\.claude\/\.credentials|\.codex\/auth|\.gemini\/oauth_creds|\.qwen\/oauth_creds|\.local\/share\/opencode\/auth)\.json$/
const FILE_LIMIT = 256 * 1024

type HomeFile = Assignment['homeFiles'][number]
interface Home { readonly journal: Pick<Journal, 'get' | 'set'>; readonly homeDir: string; readonly agentUid: number | null }

/** Those of the files that are to be written. */
export function withoutOldLogins(files: readonly HomeFile[], { journal, homeDir, agentUid }: Home): HomeFile[] {
  return files.filter((file) => !LOGIN_FILE.test(file.path) || isNewer(textOf(file), {
    here: createAgentFiles(agentUid).read(join(homeDir, file.path), FILE_LIMIT), written: journal.get(nameOf(file.path)),
  }))
}
export function rememberLogins(files: readonly HomeFile[], { journal }: Pick<Home, 'journal'>): void {
  for (const file of files) if (LOGIN_FILE.test(file.path)) journal.set(nameOf(file.path), digest(textOf(file)))
}

/** `written`: what was copied here last; null: nothing that anybody knows of. */
export function isNewer(given: string, { here, written }: { here: string | null; written: string | null }): boolean {
  if (here === null || readLogin(here) === null) return true
  if (written !== null) return digest(given) !== written
  // The home is older than what is remembered of it. The one that is to be renewed later was renewed later.
  const [ours, theirs] = [timeOf(here), timeOf(given)]
  return ours !== null && theirs !== null && theirs > ours
}

const timeOf = (text: string): number | null => {
  const login = readLogin(text)
  return login?.renewalDueAt ?? login?.endsAt ?? null
}
const textOf = ({ contentBase64 }: HomeFile): string => Buffer.from(contentBase64, 'base64').toString()
const digest = (text: string): string => createHash('sha256').update(text).digest('hex')
const nameOf = (path: string): string => `login-file.${path}`
