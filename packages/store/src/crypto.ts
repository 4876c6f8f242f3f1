/** Secrets at rest: tokens as hashes, a workspace's secrets sealed under the master key. */
import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto'
import { chmod, link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BerthError } from '@berth/wire'

const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const TOKEN_BYTES = 32

export type Random = (bytes: number) => Uint8Array
const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')

/** 256 random bits, so a plain hash is enough to keep it. The prefix lets a secret scanner know one. */
export const newToken = (prefix: string, random: Random): string => `${prefix}_${base64url(random(TOKEN_BYTES))}`
/** The same for the same subject, and nobody's guess without the key. */
export const derivedToken = (prefix: string, { key, subject }: { key: Uint8Array; subject: string }): string =>
  `${prefix}_${createHmac('sha256', key).update(`${prefix}\n${subject}`).digest('base64url')}`
export const hashToken = (token: string): string => createHash('sha256').update(token).digest('hex')

/** Bound to `subject`: sealed data moved to another row does not open. */
export function seal(plain: string, { key, subject, random }: { key: Uint8Array; subject: string; random: Random }): string {
  const nonce = random(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(subject))
  const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return `v1.${base64url(nonce)}.${base64url(sealed)}`
}

export function unseal(text: string, { key, subject }: { key: Uint8Array; subject: string }): string {
  const [version, nonce, sealed] = text.split('.')
  if (version !== 'v1' || nonce === undefined || sealed === undefined) throw new BerthError('internal', 'a sealed secret has an unknown form')
  const bytes = Buffer.from(sealed, 'base64url')
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce, 'base64url')).setAAD(Buffer.from(subject))
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(0, bytes.length - TAG_BYTES)), decipher.final()]).toString('utf8')
  } catch (cause) {
    throw new BerthError('config_invalid', 'a workspace\'s secrets were sealed under another master key', { hint: 'put the master.key of the installation that made them back, or make the workspace anew', cause })
  }
}

/** `<home>/master.key`, made at first use. It is in no backup: keep a copy of it somewhere else. */
export async function loadMasterKey(home: string, random: Random): Promise<Uint8Array> {
  const path = join(home, 'master.key')
  await mkdir(home, { recursive: true, mode: 0o700 })
  const present = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => { if (error.code === 'ENOENT') return null; throw error })
  const text = present ?? await makeKeyFile(path, random)
  const key = Buffer.from(text.trim(), 'hex')
  if (key.length !== KEY_BYTES) throw new BerthError('config_invalid', `${path} is not a master key`, { hint: 'put the saved copy back; without it the secrets of the workspaces are lost' })
  if (present !== null) await chmod(path, 0o600)
  return key
}

/** Written whole under another name, then linked: of two that start at once one wins, and no half key is ever read. */
async function makeKeyFile(path: string, random: Random): Promise<string> {
  const partial = `${path}.${base64url(random(6))}`
  const file = await open(partial, 'wx', 0o600)
  try {
    await file.writeFile(`${Buffer.from(random(KEY_BYTES)).toString('hex')}\n`)
    await file.sync()
    await link(partial, path).catch((error: NodeJS.ErrnoException) => { if (error.code !== 'EEXIST') throw error })
  } finally {
    await file.close()
    await rm(partial, { force: true })
  }
  return readFile(path, 'utf8')
}
