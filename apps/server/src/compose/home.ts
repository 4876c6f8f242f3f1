/** BERTH_HOME: its directories, its lock, and the files by which a client finds the server. */
import { createHash } from 'node:crypto'
import { chmod, mkdir, readFile, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { takeLock } from '@berth/store'
import { BerthError } from '@berth/wire'
import { SERVER_FILE, TOKEN_FILE } from '@berth/wire/server-file'
import type { ServerFile } from '@berth/wire/server-file'
import { UNIX_PATH_LIMIT } from '../http/listen.ts'
import { writeWhole } from '../write-whole.ts'
import { messageOf } from '../thrown.ts'

export interface Home {
  readonly dir: string
  readonly repositories: string
  readonly uploads: string
  /** Saved workspaces, sealed. */
  readonly states: string
  /** Pushes that wait, and mirrors of the repositories they are for. */
  readonly pushes: string
  /** Deploy keys lie here while one operation uses them. */
  readonly keys: string
  /** Clones of repositories that are only looked at. */
  readonly looks: string
  /** Alone in its directory, so that a machine can be given the directory: the socket is another file after a restart. */
  readonly linkSocket: string
}

export function defaultHome(env: Readonly<Record<string, string | undefined>>): string {
  return env['BERTH_HOME'] || join(homedir(), '.berth')
}

export const backupsDir = (home: string): string => join(home, 'backups')

export async function prepareHome(dir: string): Promise<Home> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    for (const name of ['contexts', 'providers', 'workspaces', 'repos', 'uploads', 'states', 'boot', 'looks', 'pushes', 'logs', 'run']) await mkdir(join(dir, name), { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new BerthError('config_invalid', `${dir} cannot be used as BERTH_HOME: ${messageOf(cause)}`, { hint: 'set BERTH_HOME to a directory that you may write', cause })
  }
  return { dir, repositories: join(dir, 'repos'), uploads: join(dir, 'uploads'), states: join(dir, 'states'), looks: join(dir, 'looks'), pushes: join(dir, 'pushes'), keys: join(dir, 'pushes', 'keys'), linkSocket: await linkSocketIn(dir) }
}

async function linkSocketIn(dir: string): Promise<string> {
  const near = join(dir, 'link', 'link.sock')
  const path = Buffer.byteLength(near) <= UNIX_PATH_LIMIT ? near : join(tmpdir(), `berth-link-${createHash('sha256').update(dir).digest('hex').slice(0, 16)}`, 'link.sock')
  const parent = join(path, '..')
  await mkdir(parent, { recursive: true, mode: 0o700 })
  await chmod(parent, 0o700)
  return path
}

/** One server for each home. */
export const lockHome = (dir: string): (() => void) => takeLock(join(dir, 'home.lock'), dir)

export async function readToken(dir: string): Promise<string | null> {
  const text = await readFile(join(dir, TOKEN_FILE), 'utf8').catch(() => '')
  return text.trim() || null
}

export async function writeToken(dir: string, token: string): Promise<void> {
  await writeWhole(join(dir, TOKEN_FILE), `${token}\n`)
}

export async function writeServerFile(dir: string, file: ServerFile & { linkUrl: string; startedAt: number }): Promise<void> {
  await writeWhole(join(dir, SERVER_FILE), `${JSON.stringify(file)}\n`)
}

/** Only ours: another server may have started since. */
export async function removeServerFile(dir: string): Promise<void> {
  const text = await readFile(join(dir, SERVER_FILE), 'utf8').catch(() => '')
  if (text.includes(`"pid":${process.pid},`)) await rm(join(dir, SERVER_FILE), { force: true })
}

const INSTALLATIONS_FILE = 'installations'
/** Of this home, the newest last: machines carry it, and the database that made it may be gone. */
export async function knownInstallations(dir: string): Promise<string[]> {
  const text = await readFile(join(dir, INSTALLATIONS_FILE), 'utf8').catch(() => '')
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => /^[0-9a-f]{32}$/.test(line))
  return [...new Set(lines)]
}

/** Before anything is bought in its name. */
export async function rememberInstallation(dir: string, id: string): Promise<void> {
  const known = await knownInstallations(dir)
  if (known.at(-1) !== id) await writeWhole(join(dir, INSTALLATIONS_FILE), `${[...known.filter((other) => other !== id), id].join('\n')}\n`)
}

/** Of whom: machines, previews, people. */
export type Door = 'link' | 'preview' | 'page'

/** Whoever came by an address comes by it again, so a port stays the same over restarts. 0: none is known. */
export async function rememberedPort(dir: string, door: Door): Promise<number> {
  const port = Number((await readFile(join(dir, 'run', `${door}-port`), 'utf8').catch(() => '')).trim())
  return Number.isInteger(port) && port > 0 && port < 65536 ? port : 0
}

/** Read again at the next start. */
export async function rememberPort(dir: string, door: Door, port: number): Promise<void> {
  await mkdir(join(dir, 'run'), { recursive: true, mode: 0o700 })
  await writeWhole(join(dir, 'run', `${door}-port`), `${port}\n`)
}
