/** `sessions/<pid>.json`: Claude Code's own word about its state. An internal file of it: absent or strange is no error. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { AgentFiles } from '../agent-file.ts'
import { parseLine } from '../json-lines.ts'

const SessionFile = z.looseObject({ pid: z.number().int().positive(), sessionId: z.string(), status: z.string(), startedAt: z.number().catch(0), statusUpdatedAt: z.number().catch(0) })
export interface SessionStatus { readonly pid: number; readonly status: 'idle' | 'busy' | 'waiting'; /** By the machine's clock. */ readonly since: number }
const FILE_LIMIT = 64 * 1024
const FILES_LIMIT = 200

/** The newest one of a process that lives. */
export function readSessionStatus(files: AgentFiles, options: { configDir: string; sessionUuid: string; alive: (pid: number) => boolean }): SessionStatus | null {
  const dir = join(options.configDir, 'sessions')
  let names: string[]
  try { names = readdirSync(dir).filter((name) => /^\d+\.json$/.test(name)).slice(0, FILES_LIMIT) } catch { return null }
  const found = names.flatMap((name) => {
    const parsed = parseLine(SessionFile, files.read(join(dir, name), FILE_LIMIT) ?? '')
    return parsed?.sessionId === options.sessionUuid && options.alive(parsed.pid) ? [parsed] : []
  })
  const newest = found.sort((a, b) => b.startedAt - a.startedAt)[0]
  if (newest === undefined) return null
  const status = newest.status === 'busy' || newest.status === 'waiting' ? newest.status : newest.status === 'idle' ? 'idle' : null
  return status === null ? null : { pid: newest.pid, status, since: newest.statusUpdatedAt }
}

export interface SessionWatch {
  /** As of the last look. */
  readonly last: SessionStatus | null
  look(): SessionStatus | null
}
export function watchSession(files: AgentFiles, where: { configDir: string; sessionUuid: () => string }): SessionWatch {
  let last: SessionStatus | null = null
  return {
    get last() { return last },
    look: () => (last = readSessionStatus(files, { configDir: where.configDir, sessionUuid: where.sessionUuid(), alive })),
  }
}
function alive(pid: number): boolean {
  try { process.kill(pid, 0); return true } catch (error) { return (error as NodeJS.ErrnoException).code === 'EPERM' }
}
