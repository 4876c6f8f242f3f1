/** Finds the server of a home: what its file says, checked against the process and against what it answers. */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createClient } from '@berth/client'
import { BerthError } from '@berth/wire/error'
import { SERVER_FILE, TOKEN_FILE, type ServerFile } from '@berth/wire/server-file'

export type Found =
  | { readonly kind: 'none' }
  /** A file is there, its process is not: the server was killed. */
  | { readonly kind: 'stale'; readonly file: ServerFile }
  /** The process lives but does not answer as the server of this home (yet). */
  | { readonly kind: 'silent'; readonly file: ServerFile }
  | { readonly kind: 'running'; readonly file: ServerFile }

const HEALTH_MS = 3000

export async function findServer(home: string): Promise<Found> {
  const file = await readServerFile(home)
  if (!file) return { kind: 'none' }
  if (!isAlive(file.pid)) return { kind: 'stale', file }
  try {
    const health = await createClient({ url: file.url }).health(undefined, AbortSignal.timeout(HEALTH_MS))
    return health.installation === file.installation ? { kind: 'running', file } : { kind: 'stale', file }
  } catch {
    return { kind: 'silent', file }
  }
}

export async function readToken(home: string): Promise<string> {
  const path = join(home, TOKEN_FILE)
  const token = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new BerthError('unauthorized', `no API token in ${path}`, { hint: 'restart the server with `berth server stop`; it writes a new one', cause })
  })
  return token.trim()
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // Somebody else's process is alive too.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
  return !isOver(pid)
}

/** Ended, and its parent did not look yet. In a container the first process often never does, and signals reach it all the same. */
function isOver(pid: number): boolean {
  try {
    return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    // Not every system tells.
    return false
  }
}

async function readServerFile(home: string): Promise<ServerFile | null> {
  try {
    const value = JSON.parse(await readFile(join(home, SERVER_FILE), 'utf8')) as Partial<ServerFile>
    const { pid, url, version, installation, movedFrom } = value
    if (typeof pid !== 'number' || pid <= 1 || typeof url !== 'string' || typeof installation !== 'string') return null
    return { pid, url, version: String(version), installation, ...(typeof movedFrom === 'number' ? { movedFrom } : {}) }
  } catch {
    // Absent, or half-written by a crash: either way nobody can be found by it.
    return null
  }
}
