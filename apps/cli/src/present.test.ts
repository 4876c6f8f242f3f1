import { describe, expect, it } from 'bun:test'
import type { StoredEvent } from '@berth/wire'
import { eventLine } from './event-line.ts'
import type { Style } from './io.ts'
import { askLines, sessionWord, stateOf } from './present.ts'

describe('the state of a workspace', () => {
  it('tells an agent that cannot work from a workspace that failed', () => {
    expect(stateOf({ phase: 'running', needsYou: 0, agentState: 'error' })).toBe('agent error')
    expect(stateOf({ phase: 'running', needsYou: 0, agentState: 'error', wantsLogin: true })).toBe('not signed in')
    expect(stateOf({ phase: 'failed', needsYou: 0, agentState: 'error' })).toBe('failed')
    expect(stateOf({ phase: 'running', needsYou: 1, agentState: 'busy' })).toBe('needs you')
    expect(stateOf({ phase: 'sleeping', needsYou: 1, agentState: 'busy' })).toBe('needs you')
  })
})

it('says of a conversation without a login that it is not signed in, in its list and in its events', () => {
  const as = (name: string) => (text: string) => `<${name}>${text}`
  const style: Style = { bold: as('bold'), dim: (text) => text, green: as('green'), red: as('red'), yellow: as('yellow'), blue: as('blue') }
  expect(sessionWord(style, { state: 'error', wantsLogin: true })).toBe('<yellow>not signed in')
  expect(sessionWord(style, { state: 'error' })).toBe('error')
  expect(sessionWord(style, { state: 'idle', wantsLogin: true })).toBe('idle')
  const event = (wantsLogin: boolean): StoredEvent => ({ workspaceId: 'ws_0000000000aa' as StoredEvent['workspaceId'], seq: 1, id: 'evt_000000000001' as StoredEvent['id'], at: 1, source: 'daemon', body: { type: 'session.state', sessionId: 'ses_000000000001', state: 'error', detail: null, wantsLogin } })
  expect(eventLine(style, event(true))).toContain('agent <yellow>not signed in')
  expect(eventLine(style, event(false))).toContain('agent error')
})

it('says a file that a question is about once, and a command below what it is called in any case', () => {
  expect(askLines({ title: 'Edit /work/a.ts', tool: 'Edit', input: { file_path: '/work/a.ts' } })).toEqual(['Edit /work/a.ts'])
  expect(askLines({ title: 'change the greeting', tool: 'Edit', input: { file_path: '/work/a.ts' } })).toEqual(['change the greeting', '/work/a.ts'])
  expect(askLines({ title: 'run ls', tool: 'Bash', input: { command: 'ls' } })).toEqual(['run ls', 'ls'])
  expect(askLines({ title: 'push 2 commits', tool: 'berth:push', input: { repository: 'https://git.example/o/r', commits: 'a one\nb two\u001b[31m' } })).toEqual(['push 2 commits', 'repository: https://git.example/o/r', 'commits: a one', expect.stringMatching(/^ {2}b two\P{Cc}*$/u)])
})
