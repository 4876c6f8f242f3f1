import { expect, test } from 'bun:test'
import { randomIds, type EventBody, type StoredEvent } from '@berth/wire'
import { emptyView, fold } from '../state/stream-view.ts'
import { rowsOf, type Laid } from './rows-of.ts'

const workspaceId = randomIds.workspace()
const sessionId = randomIds.session()
const call = { sessionId, title: 'x', input: null, output: null, diffs: [], durationMs: null }
const tool = (toolCallId: string, name: string, status: 'running' | 'completed' | 'failed'): EventBody => ({ type: 'tool', ...call, toolCallId, name, status })
const said = (messageId: string, text = 'words'): EventBody => ({ type: 'message', sessionId, messageId, role: 'agent', text })
const ended = (turnId: string): EventBody => ({ type: 'turn.ended', sessionId, turnId, outcome: 'done', message: null, background: 0, durationMs: 1 })
const approvalId = randomIds.approval()

/** What joins, splits, moves and takes away rows. */
const BODIES: readonly EventBody[] = [
  { type: 'workspace.step', step: 'a', title: 'A', state: 'started', durationMs: null, detail: null },
  { type: 'workspace.step', step: 'b', title: 'B', state: 'started', durationMs: null, detail: null },
  { type: 'workspace.step', step: 'a', title: 'A', state: 'done', durationMs: 1, detail: null },
  { type: 'prompt', promptId: randomIds.prompt(), sessionId, text: 'do', status: 'queued', detail: null },
  said('m1'), tool('r1', 'Read', 'completed'), tool('r2', 'Read', 'running'), tool('r2', 'Read', 'completed'),
  tool('b1', 'Bash', 'running'), tool('r3', 'Grep', 'completed'), tool('b1', 'Bash', 'completed'), said('m2', 'Short.'), ended('t1'),
  { type: 'approval.asked', ask: { approvalId, sessionId, kind: 'permission', tool: 'Bash', title: 'Run', input: { command: 'ls' }, toolCallId: 'b2', deadlineAt: null, suggestions: [] } } as unknown as EventBody,
  tool('b2', 'Bash', 'running'),
  { type: 'approval.decided', approvalId, decision: { behavior: 'allow' }, by: { who: 'a', via: 'web', at: 1 } } as unknown as EventBody,
  tool('b2', 'Bash', 'failed'), tool('r4', 'Read', 'completed'), said('m3', 'Long **words**.'), ended('t2'), said('m4'),
]
const events = BODIES.map((body, index): StoredEvent => ({ workspaceId, seq: index + 1, id: randomIds.event(), at: index, source: 'daemon', body }))

test('rows made one event after the other are those made at once', () => {
  let view = emptyView
  let laid: Laid | null = null
  for (const event of events) {
    view = fold(view, [event])
    laid = rowsOf(view.cards, laid)
    expect(laid.rows).toEqual(rowsOf(view.cards).rows)
  }
  expect(laid?.rows.map(({ kind }) => kind)).toEqual(['steps', 'card', 'card', 'looks', 'card', 'looks', 'turn', 'card', 'looks', 'card', 'turn', 'card'])
})

test('a row that nothing happened to stays the same', () => {
  const before = rowsOf(fold(emptyView, events.slice(0, -1)).cards)
  const after = rowsOf(fold(fold(emptyView, events.slice(0, -1)), events.slice(-1)).cards, before)
  // Folded anew, its cards are others.
  expect(after.rows[0]).not.toBe(before.rows[0])
  const view = fold(emptyView, events.slice(0, -1))
  const first = rowsOf(view.cards)
  expect(rowsOf(fold(view, events.slice(-1)).cards, first).rows.slice(0, -2)).toEqual(first.rows.slice(0, -1))
  expect(rowsOf(fold(view, events.slice(-1)).cards, first).rows[0]).toBe(first.rows[0])
})
