/** Secrets at rest: tokens as hashes, a workspace's secrets sealed under the master key. */
import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto'
import { BerthError } from '@berth/wire'

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

/** The first seals; the older ones only open what is not sealed anew yet. Secrets. */
export type MasterKey = Uint8Array | readonly [current: Uint8Array, ...older: Uint8Array[]]
export const keysOf = (key: MasterKey): readonly [Uint8Array, ...Uint8Array[]] => (key instanceof Uint8Array ? [key] : key)

/** Bound to `subject`: sealed data moved to another row does not open. */
export function seal(plain: string, { key, subject, random }: { key: MasterKey; subject: string; random: Random }): string {
  const nonce = random(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', keysOf(key)[0], nonce).setAAD(Buffer.from(subject))
  const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return `v1.${base64url(nonce)}.${base64url(sealed)}`
}

export function unseal(text: string, { key, subject }: { key: MasterKey; subject: string }): string {
  const [version, nonce, sealed] = text.split('.')
  if (version !== 'v1' || nonce === undefined || sealed === undefined) throw new BerthError('internal', 'a sealed secret has an unknown form')
  const bytes = Buffer.from(sealed, 'base64url')
  for (const one of keysOf(key)) {
    const decipher = createDecipheriv('aes-256-gcm', one, Buffer.from(nonce, 'base64url')).setAAD(Buffer.from(subject))
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
    try {
      return Buffer.concat([decipher.update(bytes.subarray(0, bytes.length - TAG_BYTES)), decipher.final()]).toString('utf8')
    } catch {
      // Of another key, perhaps of the next one.
    }
  }
  throw new BerthError('config_invalid', 'a workspace\'s secrets were sealed under another master key', { hint: 'put the master.key of the installation that made them back, or make the workspace anew' })
}
