import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import type { NewSession } from '@berth/core'
import { randomIds, type SessionId, type WorkspaceId } from '@berth/wire'
import { SESSION_LIMIT } from '@berth/wire/session-rules'
import { aLinkedWorkspace, anAsk, refusal } from './store-fixtures.ts'
import { openTestDatabase, type TestDatabase } from './testing.ts'

const NOW = 1_000_000
let db: TestDatabase
beforeAll(async () => { db = await openTestDatabase() })
afterAll(() => db.close())

const session = (workspaceId: WorkspaceId, over: Partial<NewSession> = {}): NewSession => ({ id: randomIds.session(), workspaceId, title: null, agent: 'codex', mode: 'terminal', command: null, approvalMode: 'ask', forkedFrom: null, ...over })
const list = async (id: WorkspaceId) => (await db.store.sessions.list([id])).get(id) ?? []
const eventsOf = async (id: WorkspaceId, type: string) => (await db.store.events.ofTypes(id, [type], { after: 0, limit: 100 })).map(({ body }) => body)
const stateOf = async (id: WorkspaceId) => (await db.store.getWorkspace(id))?.workspace.agentState
const state = (sessionId: SessionId, to: 'idle' | 'busy' | 'waiting' | 'error') => ({ type: 'session.state' as const, sessionId, state: to, detail: null })

describe('sessions', () => {
  it('begin with the main one, which is there without having been made', async () => {
    const { id, row } = await aLinkedWorkspace(db.store, NOW, { agent: 'claude' })
    expect(await list(id)).toMatchObject([{ id: row.sessionId, main: true, agent: 'claude', mode: 'terminal', state: 'none' }])
  })

  it('are added once, are announced, and have a limit', async () => {
    const { id } = await aLinkedWorkspace(db.store, NOW)
    const one = session(id, { title: 'the tests' })
    await db.store.sessions.add(one, 'me', NOW)
    await db.store.sessions.add(one, 'me', NOW)
    expect((await list(id)).map(({ main, agent }) => [main, agent])).toEqual([[true, 'plain'], [false, 'codex']])
    expect(await eventsOf(id, 'session.changed')).toEqual([{ type: 'session.changed', sessionId: one.id, what: 'added', agent: 'codex', title: 'the tests', by: 'me' }])
    for (let open = 2; open < SESSION_LIMIT; open++) await db.store.sessions.add(session(id), 'me', NOW)
    expect(await refusal(db.store.sessions.add(session(id), 'me', NOW))).toMatchObject({ code: 'too_many' })
    await db.store.sessions.add(one, 'me', NOW)
  })

  it('make the state of the workspace together, whoever of them moves', async () => {
    const { id, row, say } = await aLinkedWorkspace(db.store, NOW)
    const other = session(id)
    await say(state(row.sessionId, 'idle'))
    await db.store.sessions.add(other, 'me', NOW)
    expect(await stateOf(id)).toBe('starting')
    await say(state(other.id, 'busy'))
    expect(await stateOf(id)).toBe('busy')
    await say(state(row.sessionId, 'waiting'))
    expect([await stateOf(id), (await list(id)).map((one) => one.state)]).toEqual(['waiting', ['waiting', 'busy']])
    await say(state(row.sessionId, 'idle'), state(other.id, 'error'))
    expect(await stateOf(id)).toBe('idle')
    // One that nobody made moves nothing.
    await say(state(randomIds.session(), 'busy'))
    expect(await stateOf(id)).toBe('idle')
  })

  it('say that they lack a login only, until they have it', async () => {
    const { id, row, say } = await aLinkedWorkspace(db.store, NOW, { agent: 'claude' })
    const wants = async () => (await list(id)).map(({ wantsLogin }) => wantsLogin)
    expect(await wants()).toEqual([false])
    await say({ ...state(row.sessionId, 'error'), wantsLogin: true })
    expect([await stateOf(id), await wants()]).toEqual(['error', [true]])
    await say(state(row.sessionId, 'idle'))
    expect([await stateOf(id), await wants()]).toEqual(['idle', [false]])
  })

  it('have their words to themselves', async () => {
    const { id } = await aLinkedWorkspace(db.store, NOW)
    const other = session(id)
    await db.store.sessions.add(other, 'me', NOW)
    const [forMain, forOther] = [randomIds.prompt(), randomIds.prompt()]
    await db.store.prompts.add(id, { promptId: forMain, text: 'one', by: 'me' }, NOW)
    await db.store.prompts.add(id, { promptId: forOther, text: 'two', by: 'me', sessionId: other.id }, NOW)
    expect(await db.store.prompts.pending(id)).toEqual([{ promptId: forMain, text: 'one' }, { promptId: forOther, text: 'two', sessionId: other.id }])
    expect((await eventsOf(id, 'prompt')).map((body) => body['sessionId'] === other.id)).toEqual([false, true])
  })

  it('are handed over, the main one with its workspace', async () => {
    const { id, row } = await aLinkedWorkspace(db.store, NOW, { agent: 'claude' })
    const handed = await db.store.sessions.handOver({ workspaceId: id, id: row.sessionId }, { agent: 'claude-headless', mode: 'headless' }, { by: 'me', now: NOW })
    expect(handed).toMatchObject({ main: true, agent: 'claude-headless', mode: 'headless' })
    expect((await db.store.getWorkspace(id))?.workspace.agent).toBe('claude-headless')
    expect(await db.store.sessions.handOver({ workspaceId: id, id: randomIds.session() }, { agent: 'codex', mode: 'headless' }, { by: 'me', now: NOW })).toBeNull()
  })

  it('are ended with what waited for them, and never the main one', async () => {
    const { id, row, say } = await aLinkedWorkspace(db.store, NOW)
    const other = session(id)
    await db.store.sessions.add(other, 'me', NOW)
    await db.store.prompts.add(id, { promptId: randomIds.prompt(), text: 'two', by: 'me', sessionId: other.id }, NOW)
    const ask = anAsk(other.id)
    await say({ type: 'approval.asked', ask }, state(other.id, 'waiting'))
    expect(await db.store.sessions.end({ workspaceId: id, id: other.id }, 'me', NOW)).toBe(true)
    expect(await db.store.sessions.end({ workspaceId: id, id: other.id }, 'me', NOW)).toBe(false)
    expect(await db.store.sessions.end({ workspaceId: id, id: row.sessionId }, 'me', NOW)).toBe(false)
    expect([await list(id), await db.store.prompts.pending(id), await db.store.approvals.list({ workspaceId: id, all: false })]).toMatchObject([[{ id: row.sessionId }], [], []])
    expect(await eventsOf(id, 'approval.superseded')).toMatchObject([{ approvalId: ask.approvalId }])
    // What it still says changes nothing.
    await say(state(other.id, 'busy'))
    expect(await stateOf(id)).toBe('none')
  })
})
