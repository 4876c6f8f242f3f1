import { describe, expect, it } from 'bun:test'
import type { SessionId } from './ids.ts'
import { foldAgentStates, sessionTerminalId } from './session-rules.ts'
import { AgentState } from './workspace.ts'

describe('what a workspace of several sessions does', () => {
  it('is to wait for a person as soon as one of them does, and to rest only when all rest', () => {
    expect(foldAgentStates('busy', ['idle', 'waiting'])).toBe('waiting')
    expect(foldAgentStates('idle', ['busy', 'idle'])).toBe('busy')
    expect(foldAgentStates('idle', ['exited', 'idle'])).toBe('idle')
  })

  it('is what the main one does when no other works, and with one session whatever that is', () => {
    expect(foldAgentStates('idle', ['error'])).toBe('idle')
    expect(foldAgentStates('error', ['idle'])).toBe('error')
    for (const state of AgentState.options) expect(foldAgentStates(state, [])).toBe(state)
  })
})

it('names the terminal of the main session as it always was, and each other one by its own', () => {
  expect(sessionTerminalId({ id: 'ses_0123456789ab' as SessionId, main: true })).toBe('agent')
  expect(sessionTerminalId({ id: 'ses_0123456789ab' as SessionId, main: false })).toBe('agent-0123456789ab')
})
