/**
 * Keys of ssh that the server makes and keeps: their public half as people paste it, their private half as OpenSSH reads
 * it, and signatures as `ssh-keygen -Y sign` makes them (PROTOCOL.key and PROTOCOL.sshsig of OpenSSH).
 */
import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** `seed` is a secret. `publicKey`: one line, with a comment. */
export interface SshKey { readonly seed: string; readonly publicKey: string }

const TYPE = 'ssh-ed25519'
/** What stands before the 32 bytes in PKCS8. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')
const BLOCK = 8
const LINE = 70

export function makeSshKey(comment: string): SshKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const seed = privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(PKCS8.length)
  const point = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
  return { seed: seed.toString('base64'), publicKey: `${TYPE} ${blobOf(point).toString('base64')} ${comment.replaceAll(/[^A-Za-z0-9@._/:-]/g, '-').slice(0, 100)}` }
}

/** Type and key, without the comment. */
export const bareKey = ({ publicKey }: Pick<SshKey, 'publicKey'>): string => publicKey.split(' ').slice(0, 2).join(' ')
export const fingerprintOf = (keyBase64: string): string => `SHA256:${createHash('sha256').update(Buffer.from(keyBase64, 'base64')).digest('base64').replace(/=+$/, '')}`

/** A secret: the file that `ssh -i` reads. */
export function privateKeyFile(key: SshKey): string {
  const blob = blobIn(key)
  const check = randomBytes(4)
  const inner = Buffer.concat([check, check, text(TYPE), field(blob.subarray(-32)), field(Buffer.concat([Buffer.from(key.seed, 'base64'), blob.subarray(-32)])), text('')])
  const padding = Buffer.from(Array.from({ length: (BLOCK - (inner.length % BLOCK)) % BLOCK }, (_, at) => at + 1))
  const whole = Buffer.concat([Buffer.from('openssh-key-v1\0'), text('none'), text('none'), text(''), number(1), field(blob), field(Buffer.concat([inner, padding]))])
  return armoured('OPENSSH PRIVATE KEY', whole)
}

export function sshSignature(key: SshKey, namespace: string, message: Uint8Array): string {
  const parts = [text(namespace), text(''), text('sha512')]
  const signed = Buffer.concat([Buffer.from('SSHSIG'), ...parts, field(createHash('sha512').update(message).digest())])
  const made = sign(null, signed, createPrivateKey({ key: Buffer.concat([PKCS8, Buffer.from(key.seed, 'base64')]), format: 'der', type: 'pkcs8' }))
  return armoured('SSH SIGNATURE', Buffer.concat([Buffer.from('SSHSIG'), number(1), field(blobIn(key)), ...parts, field(Buffer.concat([text(TYPE), field(made)]))]))
}

const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
const field = (bytes: Uint8Array): Buffer => Buffer.concat([number(bytes.length), bytes])
const text = (value: string): Buffer => field(Buffer.from(value))
const blobOf = (point: Uint8Array): Buffer => Buffer.concat([text(TYPE), field(point)])
const blobIn = ({ publicKey }: Pick<SshKey, 'publicKey'>): Buffer => Buffer.from(publicKey.split(' ')[1] ?? '', 'base64')
const armoured = (what: string, bytes: Buffer): string => `-----BEGIN ${what}-----\n${(bytes.toString('base64').match(new RegExp(`.{1,${LINE}}`, 'g')) ?? []).join('\n')}\n-----END ${what}-----\n`
