import { afterEach, expect, test } from 'bun:test'
import { randomIds } from '@berth/wire'
import { forgetUnsent, outbox, speak } from './outbox.ts'
import { offlineSince, trouble } from './session.ts'

const workspaceId = randomIds.workspace()
afterEach(() => {
  forgetUnsent()
  offlineSince.value = null
  trouble.value = null
})

test('what was said without a connection is kept, and nothing of it makes room for more', async () => {
  offlineSince.value = 1
  for (let said = 1; said <= 50; said += 1) expect(await speak(workspaceId, `number ${said}`)).toBe(true)
  expect(await speak(workspaceId, 'one more')).toBe(false)
  expect([outbox.value.length, outbox.value[0]?.text, outbox.value.at(-1)?.text]).toEqual([50, 'number 1', 'number 50'])
  expect(trouble.value).toMatchObject({ hint: expect.stringContaining('after them') })
})
