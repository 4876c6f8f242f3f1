import { expect, test } from 'bun:test'
import { randomIds, type EventBody, type StoredEvent } from '@berth/wire'
import { emptyView, fold } from '../state/stream-view.ts'
import { tileLines } from './tile-lines.ts'

const workspaceId = randomIds.workspace()
const sessionId = randomIds.session()
const approvalId = randomIds.approval()
const lines = (bodies: readonly EventBody[], written: readonly string[] = []) => tileLines(fold(emptyView, bodies.map((body, index): StoredEvent => ({ workspaceId, seq: index + 1, id: randomIds.event(), at: index, source: 'daemon', body }))).cards, written)
const step: EventBody = { type: 'workspace.step', step: 'a', title: 'Get the code', state: 'done', durationMs: 1, detail: null }
const said: EventBody = { type: 'message', sessionId, messageId: 'm1', role: 'agent', text: 'I look first.' }
const call = (toolCallId: string): EventBody => ({ type: 'tool', sessionId, toolCallId, name: 'Bash', title: 'x', status: 'running', input: { command: `run ${toolCallId}` }, output: null, diffs: [], durationMs: null })
const asked = { type: 'approval.asked', ask: { approvalId, sessionId, kind: 'permission', tool: 'Bash', title: 'Run', input: { command: 'run two' }, toolCallId: 'two', deadlineAt: null, suggestions: [] } } as unknown as EventBody

test('how it came up stands there until something is said', () => {
  expect(lines([step])).toEqual(['Get the code: done'])
  expect(lines([step, said])).toEqual(['I look first.'])
})

test('what waits for an answer is the last line, in the place of its call, whenever it was told', () => {
  expect(lines([asked, said, call('one'), call('two')], ['and so'])).toEqual(['I look first.', 'Run run one', 'and so', 'Asks: Run this command?'])
  const answered = { type: 'approval.decided', approvalId, decision: { behavior: 'allow' }, by: { who: 'a', via: 'web', at: 1 } } as unknown as EventBody
  expect(lines([asked, said, call('two'), answered])).toEqual(['Asked: Run this command?', 'I look first.', 'Run run two'])
})

test('a tile shows the end', () => {
  expect(lines(['a', 'b', 'c', 'd', 'e', 'f'].map(call))).toEqual(['b', 'c', 'd', 'e', 'f'].map((id) => `Run run ${id}`))
})
