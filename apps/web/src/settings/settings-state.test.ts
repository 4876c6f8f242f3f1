import { expect, test } from 'bun:test'
import type { Settings } from '@berth/wire/settings'
import { openSettings } from './settings-state.ts'

const BEFORE = { phrases: [], notify: { reasons: { 'needs-you': true, 'turn-done': true, failed: true, stopped: true, reminder: true }, reminderMs: 0, quiet: { fromMinute: 1, toMinute: 2, zone: 'UTC' }, ntfy: null, webhook: null } } as Settings
type Quiet = NonNullable<Settings['notify']['quiet']>
/** Answers when it is let. */
function slowServer() {
  const asked: { quiet: Quiet; answer(): void; refuse(): void }[] = []
  return {
    asked,
    getSettings: () => Promise.resolve(BEFORE),
    changeSettings: (change: { notify?: { quiet?: Quiet } }) => new Promise<Settings>((resolve, reject) => {
      const { quiet } = change.notify ?? {}
      if (quiet) asked.push({ quiet, answer: () => resolve({ ...BEFORE, notify: { ...BEFORE.notify, quiet } }), refuse: () => reject(new Error('no')) })
    }),
  }
}
const moment = () => new Promise((resolve) => { setTimeout(resolve, 0) })

test('of two changes that follow at once the second has the last word, and is shown meanwhile', async () => {
  const server = slowServer()
  const room = openSettings(server as never)
  await room.read()
  const shown = () => room.settings.value?.notify.quiet
  const first = room.change({ notify: { quiet: { fromMinute: 10, toMinute: 2, zone: 'UTC' } } })
  const second = room.change({ notify: { quiet: { ...shown() as Quiet, toMinute: 20 } } })
  await moment()
  expect(server.asked.map(({ quiet }) => quiet)).toEqual([{ fromMinute: 10, toMinute: 2, zone: 'UTC' }])
  server.asked[0]?.answer()
  expect(await first).toBe(true)
  expect([shown(), room.saving.value]).toEqual([{ fromMinute: 10, toMinute: 20, zone: 'UTC' }, 'saving'])
  await moment()
  server.asked[1]?.answer()
  expect(await second).toBe(true)
  expect([shown(), room.saving.value]).toEqual([{ fromMinute: 10, toMinute: 20, zone: 'UTC' }, 'saved'])
})

test('one that is refused is taken back, to what the server said last', async () => {
  const server = slowServer()
  const room = openSettings(server as never)
  await room.read()
  const refused = room.change({ notify: { quiet: { fromMinute: 10, toMinute: 2, zone: 'UTC' } } })
  await moment()
  server.asked[0]?.refuse()
  expect(await refused).toBe(false)
  expect([room.settings.value, room.saving.value, room.refusal.value !== null]).toEqual([BEFORE, 'idle', true])
})
