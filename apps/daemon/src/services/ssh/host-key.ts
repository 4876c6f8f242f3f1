/**
 * The key by which people know this machine. It is made once and stands in the daemon's own directory, so that it
 * outlives every agent. sshd runs as the agent's user and must read it, so an agent may come to know it: with it one
 * can pretend to be this very machine, which the agent is already, and no other.
 */
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'

export interface HostKey {
  /** One line, as in `authorized_keys` and `known_hosts`. */
  readonly publicKey: string
  /** OpenSSH's private key format. A secret. */
  readonly privateKey: string
}

const TYPE = 'ssh-ed25519'
/** Of a JSON Web Key (RFC 8037): the seed and the public point. */
const Stored = z.object({ d: z.string().length(43), x: z.string().length(43) })

export function hostKeyIn(stateDir: string): HostKey {
  const path = join(stateDir, 'ssh', 'host-key.json')
  return render(read(path) ?? make(path))
}

function read(path: string): z.infer<typeof Stored> | null {
  try {
    return Stored.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    if ((cause as { code?: unknown }).code === 'ENOENT') return null
    throw cause
  }
}

function make(path: string): z.infer<typeof Stored> {
  const key = Stored.parse(generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }))
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  // Whole or not there: half a key would lock everybody out.
  writeFileSync(`${path}.new`, JSON.stringify(key), { mode: 0o600, flush: true })
  renameSync(`${path}.new`, path)
  return key
}

/** OpenSSH's PROTOCOL.key: unencrypted, one key. */
function render({ d, x }: z.infer<typeof Stored>): HostKey {
  const point = Buffer.from(x, 'base64url')
  const seed = Buffer.from(d, 'base64url')
  const publicBlob = Buffer.concat([text(TYPE), lengthed(point)])
  // Derived, so that the same key is always the same file.
  const check = createHash('sha256').update(seed).digest().subarray(0, 4)
  const secret = Buffer.concat([check, check, text(TYPE), lengthed(point), lengthed(Buffer.concat([seed, point])), text('')])
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, at) => at + 1))
  const whole = Buffer.concat([Buffer.from('openssh-key-v1\0'), text('none'), text('none'), text(''), uint32(1), lengthed(publicBlob), lengthed(Buffer.concat([secret, padding]))])
  const lines = whole.toString('base64').match(/.{1,70}/g) ?? []
  return { publicKey: `${TYPE} ${publicBlob.toString('base64')}`, privateKey: `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n` }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
const lengthed = (bytes: Buffer): Buffer => Buffer.concat([uint32(bytes.length), bytes])
const text = (value: string): Buffer => lengthed(Buffer.from(value))

/** A name nobody can guess, for what belongs to one connection. */
export const connectionName = (): string => randomBytes(9).toString('hex')
