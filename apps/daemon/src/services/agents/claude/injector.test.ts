import { afterEach, beforeEach, expect, it } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomIds } from '@berth/wire'
import type { Terminal } from '../../../contracts.ts'
import { openJournal } from '../../../journal/journal.ts'
import { createInjector } from './injector.ts'

const sessionId = randomIds.session()
let dir: string
let journal: ReturnType<typeof openJournal>
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'berth-injector-'))
  journal = openJournal({ path: join(dir, 'journal.sqlite') })
})
afterEach(() => {
  journal.close()
  rmSync(dir, { recursive: true, force: true })
})

it('answers for a command that opened a menu also where the terminal ended under it, and does not take it for one under way', async () => {
  const keys: string[] = []
  // The program waits in its menu, and dies before the key that would close it.
  const terminal = { paste: async () => {}, snapshot: async () => '[Pasted text #1]', key: async (name: string) => { keys.push(name); if (name === 'Escape') throw new Error('no such terminal') } } as unknown as Terminal
  const injector = createInjector({ journal, sessionId, terminal: () => terminal, safe: () => true, status: () => 'waiting', log: () => {} })
  const promptId = randomIds.prompt()
  expect(await injector.submit({ promptId, text: '/model' })).toMatchObject({ status: 'refused' })
  expect(keys).toEqual(['Enter', 'Escape'])
  // After a restart the same words, said again, are not taken for this message.
  const later = createInjector({ journal, sessionId, terminal: () => terminal, safe: () => false, status: () => 'idle', log: () => {} })
  later.heard('/model')
  expect(journal.get(`prompt.${promptId}`)).toBe('refused')
})
