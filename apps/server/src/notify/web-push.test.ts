import { expect, it } from 'bun:test'
import { encryptPush, makeVapidKeys, PAYLOAD_LIMIT_BYTES, subscriptionKeys, vapidAuthorization } from './web-push.ts'
import { decryptPush, makeSubscription, verifyVapid } from '@berth/testkit/push-service'

const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64url'))

it('encrypts the example of RFC 8291 to its very bytes', () => {
  const keys = { p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4', auth: 'BTBZMqHH6r4Tts7J_aSIgg' }
  const sealed = encryptPush(new TextEncoder().encode('When I grow up, I want to be a watermelon'), keys, { salt: bytes('DGv6ra1nlYgDCS1FRnbzlw'), secret: bytes('yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw') })
  expect(Buffer.from(sealed).toString('base64url')).toBe('DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN')
})

it('gives what the subscription\'s own keys open, up to the limit and not above', () => {
  const device = makeSubscription('https://push.example/x')
  for (const length of [0, 1, 500, PAYLOAD_LIMIT_BYTES]) {
    const sealed = encryptPush(new Uint8Array(length).fill(65), device.subscription.keys)
    expect(sealed.length).toBeLessThanOrEqual(4096)
    expect(decryptPush(sealed, device)).toBe('A'.repeat(length))
  }
  expect(() => encryptPush(new Uint8Array(PAYLOAD_LIMIT_BYTES + 1), device.subscription.keys)).toThrow('a push holds')
  const other = makeSubscription('https://push.example/y')
  expect(() => decryptPush(encryptPush(new Uint8Array(5), device.subscription.keys), other)).toThrow()
})

it('signs for one push service, for some hours', () => {
  const keys = makeVapidKeys()
  const header = vapidAuthorization(keys, 'https://push.example:444/very/secret', { contact: 'mailto:a@example.org', now: 1_000_000 })
  expect(verifyVapid(header, keys.publicKey)).toEqual({ aud: 'https://push.example:444', exp: 1000 + 12 * 3600, sub: 'mailto:a@example.org' })
  expect(header).not.toContain('secret')
  expect(() => verifyVapid(vapidAuthorization(makeVapidKeys(), 'https://push.example', { contact: 'mailto:a@example.org', now: 1 }), keys.publicKey)).toThrow()
})

it('refuses keys that are none', () => {
  const { keys } = makeSubscription('https://push.example').subscription
  const offCurve = Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 1)]).toString('base64url')
  for (const wrong of [{ ...keys, p256dh: '' }, { ...keys, auth: 'AA' }, { ...keys, p256dh: offCurve }, { ...keys, p256dh: Buffer.alloc(65, 5).toString('base64url') }]) expect(() => subscriptionKeys(wrong)).toThrow('no keys')
})
