import { expect, it } from 'bun:test'
import { deviceName, keyBytes, whyNoPush, type PushWorld } from './push-support.ts'
import { minuteOf, timeOfMinute } from './minutes.ts'

const able: PushWorld = { secure: true, worker: true, push: true, permission: 'default', apple: false, installed: false }
const check = (world: Partial<PushWorld>) => whyNoPush({ ...able, ...world })?.words ?? null

it('says why a device cannot be told, each reason in its own words', () => {
  expect([check({}), check({ permission: 'granted' })]).toEqual([null, null])
  expect(check({ secure: false, worker: false })).toContain('https')
  expect(check({ apple: true, push: false })).toContain('installed')
  expect(check({ apple: true, installed: true })).toBeNull()
  expect([check({ worker: false }), check({ push: false }), check({ permission: null })]).toEqual(Array(3).fill('This browser has no notifications.'))
  expect(check({ permission: 'denied' })).toContain('blocked')
})

it('names a device as a person would', () => {
  expect(deviceName('Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Mobile Safari/537.36')).toBe('Chrome on Android')
  expect(deviceName('Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Mobile/15E148 Safari/604.1')).toBe('Safari on iPhone')
  expect(deviceName('curl')).toBe('Browser on this device')
})

it('reads a key as the server writes it, and minutes as the clock does', () => {
  expect([...keyBytes('_-8A')]).toEqual([255, 239, 0])
  expect([timeOfMinute(0), timeOfMinute(1439), minuteOf('22:30'), minuteOf('x'), minuteOf('25:00')]).toEqual(['00:00', '23:59', 1350, null, null])
})
