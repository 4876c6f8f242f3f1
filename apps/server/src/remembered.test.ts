import { expect, test } from 'bun:test'
import { remembered } from './remembered.ts'

const at = (now: { now: number }) => remembered<string>({ clock: { now: () => now.now } as never, ms: 100, limit: 3 })

test('one look for all who ask at once, and none while it is remembered', async () => {
  const now = { now: 0 }
  const memory = at(now)
  let looks = 0
  const look = async (): Promise<string> => `look ${++looks}`
  expect(await Promise.all([memory.get('a', look), memory.get('a', look)])).toEqual(['look 1', 'look 1'])
  expect(memory.get('a', look)).toBe('look 1')
  now.now = 100
  expect(await memory.get('a', look)).toBe('look 2')
  memory.forget((value) => value === 'other')
  expect(memory.get('a', look)).toBe('look 2')
  memory.forget((value) => value === 'look 2')
  expect(await memory.get('a', look)).toBe('look 3')
})

test('what failed is looked up again, what is being looked up is not believed after it was to be forgotten, and there is a limit', async () => {
  const memory = at({ now: 0 })
  await expect(Promise.resolve(memory.get('a', () => Promise.reject(new Error('away'))))).rejects.toThrow('away')
  expect(await memory.get('a', async () => 'there')).toBe('there')
  const slow = Promise.withResolvers<string>()
  const first = memory.get('b', () => slow.promise)
  memory.forget()
  expect(await memory.get('b', async () => 'new')).toBe('new')
  slow.resolve('old')
  expect(await first).toBe('old')
  expect(memory.get('b', async () => 'newer')).toBe('new')
  for (const key of ['c', 'd', 'e']) await memory.get(key, async () => key)
  expect(memory.get('b', async () => 'again')).toBeInstanceOf(Promise)
})
