import { describe, expect, it } from 'bun:test'
import { AgentKind, randomIds, SessionMode, type WorkspaceId } from '@berth/wire'
import { AGENT_KINDS } from '@berth/wire/agents'
import type { SessionRow } from '../ports/session-store.ts'
import { describeSessions, inMode, modeOf, requireForkable } from './sessions.ts'

const row = (over: Partial<SessionRow> = {}): SessionRow => ({
  id: randomIds.session(), workspaceId: 'ws_000000000000' as WorkspaceId, title: null, agent: 'codex', mode: 'terminal', command: null, approvalMode: 'ask', main: false,
  forkedFrom: null, state: 'idle', detail: null, wantsLogin: false, createdAt: 1, endedAt: null, ...over,
})

describe('handing over', () => {
  it('keeps the program, whatever the agent and the mode', () => {
    for (const agent of AgentKind.options) {
      for (const mode of SessionMode.options) {
        if (!AGENT_KINDS[agent].handsOver && mode !== modeOf(agent)) { expect(() => inMode(agent, mode)).toThrow('one way only'); continue }
        const there = inMode(agent, mode)
        expect([there.mode, AGENT_KINDS[there.agent].program]).toEqual([mode, AGENT_KINDS[agent].program])
        expect(inMode(there.agent, modeOf(agent))).toEqual({ agent, mode: modeOf(agent) })
      }
    }
  })

  it('is another driver for Claude Code alone', () => {
    expect(inMode('claude', 'headless').agent).toBe('claude-headless')
    expect(inMode('codex', 'headless').agent).toBe('codex')
  })
})

it('refuses to fork what has no fork', () => {
  expect(AgentKind.options.filter((agent) => { try { requireForkable({ agent }); return true } catch { return false } }).sort()).toEqual(['claude', 'claude-headless', 'codex', 'opencode'])
})

describe('as people see them', () => {
  it('sessions of one name are told apart', () => {
    expect(describeSessions([row(), row(), row({ title: 'the tests' }), row({ agent: 'claude' })]).map(({ title }) => title)).toEqual(['Codex', 'Codex 2', 'the tests', 'Claude Code'])
  })

  it('a terminal is named where there is one', () => {
    const main = row({ main: true })
    expect(describeSessions([main, row({ mode: 'headless' })]).map(({ terminalId }) => terminalId)).toEqual(['agent', null])
  })
})
