import { afterAll, beforeAll, expect, it } from 'bun:test'
import { describe as viewOf } from '@berth/core'
import { type EventBody, randomIds } from '@berth/wire'
import { aLinkedWorkspace, anAsk } from './store-fixtures.ts'
import { openTestDatabase, type TestDatabase } from './testing.ts'

let db: TestDatabase
beforeAll(async () => { db = await openTestDatabase() }, 60_000)
afterAll(async () => db?.close())
const NOW = 1_000_000

async function aSession() {
  const { id, row, say } = await aLinkedWorkspace(db.store, NOW)
  const { sessionId } = row
  const workspace = async () => (await db.store.getWorkspace(id))!.workspace
  const tool = (toolCallId: string, status: 'running' | 'completed', over: { name?: string; title?: string } = {}): EventBody => ({ type: 'tool', sessionId, toolCallId, name: 'Bash', title: 'Bash: npm test', status, input: null, output: null, diffs: [], durationMs: null, ...over })
  const usage = (over: object = {}): EventBody => ({ type: 'usage', sessionId, inputTokens: 100, outputTokens: 50, model: 'm', costMicros: 12, contextPercent: 4, ...over })
  return { id, sessionId, say, workspace, tool, usage }
}

it('keeps what the agent does now, until it is done, its turn is over, or the agent is gone', async () => {
  const { sessionId, say, workspace, tool } = await aSession()
  await say(tool('a', 'running'), tool('b', 'running', { name: 'Read', title: 'Read: a.ts' }))
  expect((await workspace()).work).toMatchObject([{ verb: 'Run', object: 'npm test' }, { verb: 'Read', object: 'a.ts', since: NOW }])
  await say(tool('b', 'completed'))
  expect((await workspace()).work).toMatchObject([{ toolCallId: 'a' }])
  await say({ type: 'turn.ended', sessionId, turnId: 't', outcome: 'done', message: null, background: 0, durationMs: 1 })
  expect((await workspace()).work).toBeNull()
  await say(tool('c', 'running'), { type: 'session.state', sessionId, state: 'waiting', detail: null })
  expect((await workspace()).work).toHaveLength(1)
  await say({ type: 'session.state', sessionId, state: 'exited', detail: null })
  expect((await workspace()).work).toBeNull()
})

it('keeps where the agent says it is, until its turn ends', async () => {
  const { say, workspace, sessionId } = await aSession()
  await say({ type: 'report.status', sessionId, text: 'half way\u0000' }, { type: 'turn.started', sessionId, turnId: 't' })
  expect((await workspace()).report).toMatchObject({ text: expect.stringContaining('half way') })
  await say({ type: 'turn.ended', sessionId, turnId: 't', outcome: 'done', message: null, background: 0, durationMs: 1 })
  expect((await workspace()).report).toBeNull()
})

it('sums what a session used, of that session only', async () => {
  const { say, workspace, usage } = await aSession()
  await say(usage(), usage({ contextPercent: 9 }), usage({ sessionId: randomIds.session() }))
  expect((await workspace()).usage).toEqual({ inputTokens: 200, outputTokens: 100, costMicros: 24, contextPercent: 9, model: 'm' })
})

it('shows both to clients, and what a turn left to review', async () => {
  const { id, say, tool, usage } = await aSession()
  await say(tool('a', 'running'), usage())
  await db.store.setChanges(id, { files: 2, added: 30, removed: 4 }, NOW)
  const view = viewOf((await db.store.getWorkspace(id))!, NOW, { needsYou: 0, sessions: [], viewers: 0, tail: 0, webUrl: '', terminalUrl: '', upSince: 0 })
  // Its machine does not run in this world: a call of it is over.
  expect(view).toMatchObject({ work: null, usage: { inputTokens: 100 }, changes: { files: 2, added: 30, removed: 4 } })
  await db.store.setChanges(id, null, NOW)
  expect((await db.store.getWorkspace(id))!.workspace.changes).toBeNull()
})

it('says what to notice of a question', async () => {
  const { id, sessionId, say } = await aSession()
  const ask = { ...anAsk(sessionId), input: { command: 'rm -rf build' } }
  await say({ type: 'approval.asked', ask })
  expect(await db.store.approvals.get(ask.approvalId)).toMatchObject({ risk: { level: 'high', text: 'deletes files' } })
  expect(await db.store.approvals.list({ workspaceId: id, all: false })).toMatchObject([{ risk: { level: 'high' } }])
})
