import { describe, expect, it } from 'bun:test'
import type { EventBody, SessionId } from '@berth/wire'
import { callsAfter, callsWithout, usageAfter } from './session-facts.ts'

const sessionId = 'ses_aaaabbbbcccc' as SessionId
type Tool = Extract<EventBody, { type: 'tool' }>
const tool = (over: Partial<Tool>): Tool => ({ type: 'tool', sessionId, toolCallId: 'a', name: 'Bash', title: 'Bash: npm test', status: 'running', input: null, output: null, diffs: [], durationMs: null, ...over })
const usage = (over: Partial<Extract<EventBody, { type: 'usage' }>> = {}) => ({ type: 'usage' as const, sessionId, inputTokens: 10, outputTokens: 5, model: 'm', costMicros: 7, contextPercent: 3, ...over })

describe('what the agent does now', () => {
  it('is its newest call that runs, in people\'s words', () => {
    const one = callsAfter([], tool({}), 1)
    expect(one).toEqual([{ toolCallId: 'a', verb: 'Run', object: 'npm test', since: 1, sessionId }])
    const two = callsAfter(one, tool({ toolCallId: 'b', name: 'Read', title: 'Read: a.ts' }), 2)
    expect(two.at(-1)).toEqual({ toolCallId: 'b', verb: 'Read', object: 'a.ts', since: 2, sessionId })
    expect(callsAfter(two, tool({ toolCallId: 'b', status: 'completed' }), 3)).toEqual(one)
    expect(callsAfter(one, tool({ status: 'denied' }), 4)).toEqual([])
  })

  it('keeps what an update leaves out, and knows no words it was not told', () => {
    const one = callsAfter([], tool({}), 1)
    expect(callsAfter(one, tool({ name: '', title: '' }), 9)).toEqual(one)
    expect(callsAfter([], tool({ name: '__proto__', title: '__proto__' }), 1)[0]).toMatchObject({ verb: '__proto__', object: '' })
  })

  it('is over with the turn of its own session, and not with another\'s', () => {
    const mine = callsAfter([], tool({}), 1)
    const both = callsAfter(mine, tool({ toolCallId: 'b', sessionId: 'ses_other0000000' as SessionId }), 2)
    expect(callsWithout(both, 'ses_other0000000')).toEqual(mine)
    expect(callsWithout(both, sessionId).map(({ toolCallId }) => toolCallId)).toEqual(['b'])
    // One that was begun before sessions were told apart ends with any.
    expect(callsWithout([{ toolCallId: 'old', verb: 'Run', object: '', since: 0 }], sessionId)).toEqual([])
  })

  it('is bounded whatever the agent begins', () => {
    let open = callsAfter([], tool({}), 0)
    for (let at = 0; at < 1000; at++) open = callsAfter(open, tool({ toolCallId: `${at}`, title: 'x'.repeat(5000) }), at)
    expect(open.length).toBeLessThanOrEqual(16)
    expect(JSON.stringify(open).length).toBeLessThan(10_000)
  })
})

describe('usage', () => {
  it('is summed; the newest context and model count', () => {
    expect(usageAfter(usageAfter(null, usage()), usage({ contextPercent: null, model: null }))).toEqual({ inputTokens: 20, outputTokens: 10, costMicros: 14, contextPercent: 3, model: 'm' })
  })

  it('has no cost once a part of it has none', () => {
    const sum = usageAfter(usageAfter(usageAfter(null, usage()), usage({ costMicros: null })), usage())
    expect(sum.costMicros).toBeNull()
  })
})
