import { describe, expect, it } from 'bun:test'
import { stateOf } from './present.ts'

describe('the state of a workspace', () => {
  it('tells an agent that cannot work from a workspace that failed', () => {
    expect(stateOf({ phase: 'running', needsYou: 0, agentState: 'error' })).toBe('agent error')
    expect(stateOf({ phase: 'running', needsYou: 0, agentState: 'error', wantsLogin: true })).toBe('not signed in')
    expect(stateOf({ phase: 'failed', needsYou: 0, agentState: 'error' })).toBe('failed')
    expect(stateOf({ phase: 'running', needsYou: 1, agentState: 'busy' })).toBe('needs you')
    expect(stateOf({ phase: 'sleeping', needsYou: 1, agentState: 'busy' })).toBe('needs you')
  })
})
