import { expect, test } from 'bun:test'
import { BerthError } from '@berth/wire/error'
import type { ErrorCode } from '@berth/wire/error'
import type { Connection, Context } from '../context.ts'
import { readyWorkspace, whenLinked } from './ready.ts'

test('one that is stopped is said to start by the very command that was typed', async () => {
  // What is asked before anything is started: its name and its phase.
  const workspace = { id: 'ws_1', name: 'demo', phase: 'stopped' }
  const connection = { client: { listWorkspaces: () => Promise.resolve([workspace]), getWorkspace: () => Promise.resolve(workspace) } } as unknown as Connection
  const context = { signal: new AbortController().signal } as unknown as Context
  const hint = (verb: string | null): Promise<unknown> => readyWorkspace(context, connection, { word: 'demo', start: false, verb }).catch((error: unknown) => error)
  for (const verb of ['push', 'sync', 'run', 'forward']) expect(await hint(verb)).toMatchObject({ code: 'workspace_not_running', hint: `\`berth start demo\`, or \`berth ${verb} --start demo\`` })
  expect(await hint(null)).toMatchObject({ hint: '`berth start demo`' })
})

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
