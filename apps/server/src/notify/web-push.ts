/** Web push: the server's identity (VAPID, RFC 8292) and messages that only the browser can read (RFC 8291 over RFC 8188). */
import { createCipheriv, createECDH, createPrivateKey, generateKeyPairSync, hkdfSync, randomBytes, sign } from 'node:crypto'
import type { PushSubscription } from '@berth/core'
import { BerthError } from '@berth/wire'

const CURVE = 'prime256v1'
const RECORD_BYTES = 4096
/** Header, delimiter and tag take their part of the one record that push services take. */
export const PAYLOAD_LIMIT_BYTES = 3993
const JWT_SECONDS = 12 * 3600
const POINT_BYTES = 65
const AUTH_BYTES = 16

export interface VapidKeys { readonly publicKey: string; /** A secret: the scalar, base64url. */ readonly secret: string }

export function makeVapidKeys(): VapidKeys {
  const { d = '', x = '', y = '' } = generateKeyPairSync('ec', { namedCurve: CURVE }).privateKey.export({ format: 'jwk' })
  return { publicKey: Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]).toString('base64url'), secret: d }
}

export function vapidAuthorization(keys: VapidKeys, endpoint: string, { contact, now }: { contact: string; now: number }): string {
  const point = Buffer.from(keys.publicKey, 'base64url')
  const key = createPrivateKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', d: keys.secret, x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url') } })
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ typ: 'JWT', alg: 'ES256' })}.${part({ aud: new URL(endpoint).origin, exp: Math.floor(now / 1000) + JWT_SECONDS, sub: contact })}`
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')
  return `vapid t=${signed}.${signature}, k=${keys.publicKey}`
}

/** Throws where the browser's keys are none. */
export function encryptPush(plain: Uint8Array, keys: PushSubscription['keys'], fixed?: { salt: Uint8Array; secret: Uint8Array }): Uint8Array<ArrayBuffer> {
  const { theirs, auth } = subscriptionKeys(keys)
  if (plain.length > PAYLOAD_LIMIT_BYTES) throw new BerthError('too_large', `a push holds ${PAYLOAD_LIMIT_BYTES} bytes`)
  const ours = createECDH(CURVE)
  if (fixed) ours.setPrivateKey(fixed.secret)
  else ours.generateKeys()
  const ourPoint = ours.getPublicKey()
  const shared = ours.computeSecret(theirs)
  const salt = fixed ? Buffer.from(fixed.salt) : randomBytes(16)
  const secret = derive(shared, auth, Buffer.concat([Buffer.from('WebPush: info\0'), theirs, ourPoint]), 32)
  const cipher = createCipheriv('aes-128-gcm', derive(secret, salt, Buffer.from('Content-Encoding: aes128gcm\0'), 16), derive(secret, salt, Buffer.from('Content-Encoding: nonce\0'), 12))
  // 2: the last record, and nothing is padded.
  const record = Buffer.concat([cipher.update(plain), cipher.update(Buffer.from([2])), cipher.final(), cipher.getAuthTag()])
  const size = Buffer.alloc(4)
  size.writeUInt32BE(RECORD_BYTES)
  return new Uint8Array(Buffer.concat([salt, size, Buffer.from([ourPoint.length]), ourPoint, record]))
}

function derive(key: Uint8Array, salt: Uint8Array, info: Uint8Array, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, info, bytes))
}

/** Throws `bad_request` unless they are what `PushSubscription.toJSON()` gives. */
export function subscriptionKeys(keys: PushSubscription['keys']): { theirs: Buffer; auth: Buffer } {
  const theirs = Buffer.from(keys.p256dh, 'base64url')
  const auth = Buffer.from(keys.auth, 'base64url')
  try {
    if (theirs.length !== POINT_BYTES || theirs[0] !== 4 || auth.length !== AUTH_BYTES) throw new RangeError('length')
    // Off the curve it throws.
    const probe = createECDH(CURVE)
    probe.generateKeys()
    probe.computeSecret(theirs)
  } catch (cause) {
    throw new BerthError('bad_request', 'these are no keys of a push subscription', { hint: 'send what `pushManager.subscribe()` gave', cause })
  }
  return { theirs, auth }
}
