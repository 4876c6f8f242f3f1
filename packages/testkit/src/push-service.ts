/** A push service, an ntfy server and a webhook's receiver in one: what arrives, opened as the browser would open it. */
import { createDecipheriv, createECDH, createPublicKey, hkdfSync, randomBytes, verify } from 'node:crypto'
import type { PushSubscription } from '@berth/core'

export interface Device { readonly subscription: PushSubscription; readonly secret: Buffer }
export interface Arrived { readonly path: string; readonly method: string; readonly headers: Headers; readonly body: Buffer }
export interface Receiver {
  readonly url: string
  readonly arrived: readonly Arrived[]
  /** Until `holds` gives something for one that arrived, or arrives. */
  next<T>(holds: (arrived: Arrived) => T | null | undefined | false): Promise<T>
  /** What is answered from now on; 201 at first. */
  answer(reply: (request: Arrived) => Response): void
  stop(): Promise<void>
}

export function makeSubscription(endpoint: string): Device {
  const keys = createECDH('prime256v1')
  keys.generateKeys()
  return { secret: keys.getPrivateKey(), subscription: { endpoint, keys: { p256dh: keys.getPublicKey('base64url'), auth: randomBytes(16).toString('base64url') } } }
}

/** RFC 8291 from the browser's side. Throws unless it was encrypted for this device. */
export function decryptPush(sealed: Uint8Array, device: Device): string {
  const bytes = Buffer.from(sealed)
  const [salt, keyLength] = [bytes.subarray(0, 16), bytes[20] ?? 0]
  const sender = bytes.subarray(21, 21 + keyLength)
  const ours = createECDH('prime256v1')
  ours.setPrivateKey(device.secret)
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), ours.getPublicKey(), sender])
  const secret = Buffer.from(hkdfSync('sha256', ours.computeSecret(sender), Buffer.from(device.subscription.keys.auth, 'base64url'), info, 32))
  const derive = (name: string, length: number) => Buffer.from(hkdfSync('sha256', secret, salt, Buffer.from(`Content-Encoding: ${name}\0`), length))
  const record = bytes.subarray(21 + keyLength)
  const decipher = createDecipheriv('aes-128-gcm', derive('aes128gcm', 16), derive('nonce', 12))
  decipher.setAuthTag(record.subarray(-16))
  const padded = Buffer.concat([decipher.update(record.subarray(0, -16)), decipher.final()])
  if (padded.at(-1) !== 2) throw new Error('not the last record')
  return padded.subarray(0, -1).toString('utf8')
}

/** The claims. Throws unless they are signed by that key. */
export function verifyVapid(header: string, publicKey: string): { aud: string; exp: number; sub: string } {
  const [, token = '', key] = /^vapid t=([^,]+), k=(\S+)$/.exec(header) ?? []
  const point = Buffer.from(publicKey, 'base64url')
  const [head = '', claims = '', signature = ''] = token.split('.')
  const ecKey = createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url') } })
  const right = key === publicKey && verify('sha256', Buffer.from(`${head}.${claims}`), { key: ecKey, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'))
  if (!right) throw new Error('not signed by this server')
  return JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')) as { aud: string; exp: number; sub: string }
}

export function startReceiver(): Receiver {
  const arrived: Arrived[] = []
  const listeners = new Set<() => void>()
  let reply: (request: Arrived) => Response = () => new Response(null, { status: 201 })
  const server = Bun.serve({
    hostname: '127.0.0.1', port: 0,
    async fetch(request) {
      const one: Arrived = { path: new URL(request.url).pathname, method: request.method, headers: request.headers, body: Buffer.from(await request.arrayBuffer()) }
      arrived.push(one)
      for (const listener of listeners) listener()
      return reply(one)
    },
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    arrived,
    next<T>(holds: (arrived: Arrived) => T | null | undefined | false) {
      const found = Promise.withResolvers<T>()
      const look = () => {
        for (const one of arrived) {
          const value = holds(one)
          if (value) found.resolve(value)
        }
      }
      listeners.add(look)
      look()
      return found.promise.finally(() => listeners.delete(look))
    },
    answer(next) {
      reply = next
    },
    stop: () => server.stop(true),
  }
}
