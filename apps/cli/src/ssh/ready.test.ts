import { expect, test } from 'bun:test'
import { BerthError } from '@berth/wire/error'
import type { ErrorCode } from '@berth/wire/error'
import { whenLinked } from './ready.ts'

test('a machine that is on its way is asked again, and what cannot become better is said at once', async () => {
  const { signal } = new AbortController()
  for (const code of ['daemon_unreachable', 'workspace_busy'] as const) {
    let asked = 0
    expect(await whenLinked(signal, async () => {
      if (++asked < 3) throw new BerthError(code, 'not yet')
      return asked
    })).toBe(3)
  }
  for (const code of ['workspace_not_running', 'not_found', 'forbidden'] satisfies ErrorCode[]) {
    let asked = 0
    const refused = whenLinked(signal, async () => { asked += 1; throw new BerthError(code, 'no') })
    await expect(refused).rejects.toMatchObject({ code })
    expect(asked).toBe(1)
  }
})
