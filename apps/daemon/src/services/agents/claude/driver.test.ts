import { expect, it } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomIds } from '@berth/wire'
import type { Assignment, BootFile } from '@berth/wire/daemon'
import type { Terminals } from '../../../contracts.ts'
import { openJournal } from '../../../journal/journal.ts'
import { createAsAgent } from '../../as-agent.ts'
import { sessionPlace } from '../session-place.ts'
import { createClaudeDriver } from './driver.ts'

it('leaves nothing listening when it cannot start: it is tried again with the next word of the server', async () => {
  const root = mkdtempSync(join(tmpdir(), 'berth-driver-'))
  const journal = openJournal({ path: join(root, 'journal.sqlite') })
  try {
    for (const dir of ['home', 'work']) mkdirSync(join(root, dir))
    // Where its hooks would listen is no directory.
    const boot = { workspaceId: randomIds.workspace(), runDir: join(root, 'absent'), workDir: join(root, 'work'), homeDir: join(root, 'home'), agentUser: null, isolation: 'none' } as BootFile
    const sessionId = randomIds.session()
    const assignment = { env: {}, agent: { kind: 'claude', sessionId, command: null, approvalMode: 'ask', executable: null, version: null } } as unknown as Assignment
    const context = { boot, journal, machineBoot: 'test', log: () => {}, signal: new AbortController().signal }
    const terminals = { get: async () => null } as unknown as Terminals
    const asAgent = createAsAgent({ boot, machineBoot: 'test', workspaceEnv: () => ({}) })
    const driver = createClaudeDriver({ context, assignment, asAgent, terminals, session: sessionPlace({ id: sessionId, main: true }), changed: () => {}, live: () => {} })
    expect(await driver.start(context.signal).then(() => null, (error: unknown) => (error as { code?: string }).code)).toBe('ENOENT')
    const { port } = JSON.parse(journal.get(`display.${sessionId}`) ?? '{}') as { port: number }
    expect(port).toBeGreaterThan(0)
    expect(await fetch(`http://127.0.0.1:${port}/`).then(({ status }) => status, () => 'refused')).toBe('refused')
  } finally {
    journal.close()
    rmSync(root, { recursive: true, force: true })
  }
})
