/**
 * Where the master key comes from: `<home>/master.key`, made at first use and in no backup, or a command of the owner's own
 * (a key service, a password store). Either gives one key a line in hex: the first seals, the others still open.
 */
import { chmod, link, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BerthError } from '@berth/wire'
import { keysOf } from './crypto.ts'
import type { MasterKey, Random } from './crypto.ts'

const KEY_BYTES = 32
const KEYS_LIMIT = 8
const COMMAND_WITHIN_MS = 30_000
const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
const pathOf = (home: string): string => join(home, 'master.key')

/** `command`: what BERTH_MASTER_KEY_COMMAND says; then no file is read or made. */
export async function loadMasterKey(home: string, random: Random, command?: string): Promise<MasterKey> {
  if (command !== undefined && command !== '') return keysIn(await said(command), 'BERTH_MASTER_KEY_COMMAND')
  const path = pathOf(home)
  await mkdir(home, { recursive: true, mode: 0o700 })
  const present = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => { if (error.code === 'ENOENT') return null; throw error })
  const keys = keysIn(present ?? await makeKeyFile(path, random), path)
  if (present !== null) await chmod(path, 0o600)
  return keys
}

export function keysIn(text: string, from: string): MasterKey {
  const keys = text.trim().split(/\s+/).map((line) => new Uint8Array(Buffer.from(line, 'hex')))
  const [current, ...older] = keys
  if (current === undefined || keys.length > KEYS_LIMIT || keys.some((key) => key.length !== KEY_BYTES)) throw new BerthError('config_invalid', `${from} is not a master key`, { hint: 'put the saved copy back; without it the secrets of the workspaces are lost' })
  return older.length === 0 ? current : [current, ...older]
}

/** By the shell, with nothing of ours in its words. What it prints is a secret and shown nowhere. */
async function said(command: string): Promise<string> {
  const child = Bun.spawn(['sh', '-c', command], { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore', timeout: COMMAND_WITHIN_MS })
  const [text, code] = await Promise.all([new Response(child.stdout).text(), child.exited])
  if (code !== 0) throw new BerthError('config_invalid', `BERTH_MASTER_KEY_COMMAND ended with ${code}`, { hint: 'it prints the key: 64 hex characters, one key a line' })
  return text
}

/** A new key before those that are there. Once: with an older one still there, the rotation under way goes on. */
export async function beginRotation(home: string, random: Random): Promise<MasterKey> {
  const keys = keysOf(await loadMasterKey(home, random))
  if (keys.length > 1) return keys
  const grown = [new Uint8Array(random(KEY_BYTES)), ...keys] as const
  await replaceKeyFile(home, grown, random)
  return [...grown] as [Uint8Array, ...Uint8Array[]]
}

/** When nothing is sealed under an older one. */
export async function endRotation(home: string, random: Random): Promise<void> {
  await replaceKeyFile(home, [keysOf(await loadMasterKey(home, random))[0]], random)
}

async function replaceKeyFile(home: string, keys: readonly Uint8Array[], random: Random): Promise<void> {
  const partial = `${pathOf(home)}.${base64url(random(6))}`
  await writeKeys(partial, keys)
  await rename(partial, pathOf(home))
  const dir = await open(home, 'r')
  try { await dir.sync() } finally { await dir.close() }
}

/** Written whole under another name, then linked: of two that start at once one wins, and no half key is ever read. */
async function makeKeyFile(path: string, random: Random): Promise<string> {
  const partial = `${path}.${base64url(random(6))}`
  try {
    await writeKeys(partial, [random(KEY_BYTES)])
    await link(partial, path).catch((error: NodeJS.ErrnoException) => { if (error.code !== 'EEXIST') throw error })
  } finally {
    await rm(partial, { force: true })
  }
  return readFile(path, 'utf8')
}

async function writeKeys(path: string, keys: readonly Uint8Array[]): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(keys.map((key) => `${Buffer.from(key).toString('hex')}\n`).join(''))
    await file.sync()
  } finally {
    await file.close()
  }
}
