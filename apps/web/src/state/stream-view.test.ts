import { expect, test } from 'bun:test'
import { randomIds, type EventBody, type StoredEvent } from '@berth/wire'
import { CARD_BLOCK, CARD_LIMIT, emptyView, fold } from './stream-view.ts'

const workspaceId = randomIds.workspace()
const sessionId = randomIds.session()
const event = (seq: number, body: EventBody): StoredEvent => ({ workspaceId, seq, id: randomIds.event(), at: seq, source: 'daemon', body })
const message = (seq: number, text: string) => event(seq, { type: 'message', sessionId, messageId: `m${seq}`, role: 'agent', text })

test('a repeated event changes nothing', () => {
  const once = fold(emptyView, [message(1, 'hello')])
  expect(fold(once, [message(1, 'hello'), message(1, 'other')])).toEqual(once)
})

test('a tool call is one card from start to end', () => {
  const tool = (seq: number, status: 'running' | 'completed') => event(seq, { type: 'tool', sessionId, toolCallId: 'c', name: 'Bash', title: 'ls', status, input: null, output: null, diffs: [], durationMs: null })
  const view = fold(emptyView, [tool(1, 'running'), message(2, 'x'), tool(3, 'completed')])
  expect(view.cards.map((card) => card.kind === 'tool' && card.status)).toEqual(['completed', false])
})

test('an approval goes from open to applied and remembers who decided', () => {
  const ask = { approvalId: randomIds.approval(), sessionId, kind: 'permission' as const, tool: 'Bash', title: 'Run touch x?', toolCallId: null, input: {}, cwd: null, contentHash: 'h' }
  const by = { who: 'ada', via: 'cli' as const, at: 2 }
  const view = fold(emptyView, [
    event(1, { type: 'approval.asked', ask }),
    event(2, { type: 'approval.decided', approvalId: ask.approvalId, decision: { behavior: 'allow', scope: 'once' }, by }),
    event(3, { type: 'approval.applied', approvalId: ask.approvalId, behavior: 'allow', via: 'cli' }),
  ])
  expect(view.cards).toHaveLength(1)
  expect(view.cards[0]).toMatchObject({ state: 'applied', behavior: 'allow', by })
})

test('unknown events are skipped and the cursor moves on', () => {
  const view = fold(emptyView, [{ ...message(5, ''), body: { type: 'from.the.future' } }])
  expect(view).toMatchObject({ cards: [], after: 5 })
})

test('only the newest cards are kept, and they can still change', () => {
  const messages = Array.from({ length: CARD_LIMIT + CARD_BLOCK + 1 }, (_, index) => message(index + 1, String(index)))
  const before = fold(emptyView, messages.slice(0, -1))
  expect(before.cards).toHaveLength(CARD_LIMIT + CARD_BLOCK)
  const many = fold(before, messages.slice(-1))
  expect(many.cards).toHaveLength(CARD_LIMIT)
  const last = many.cards.at(-1)
  expect(last && many.byKey.get(last.key)).toBe(CARD_LIMIT - 1)
})

test('what the agent tells its person is a card, and its status none', () => {
  const view = fold(emptyView, [
    event(1, { type: 'report.status', sessionId, text: 'looking' }),
    event(2, { type: 'report.notice', sessionId, title: 'Half way', text: 'the shop opens' }),
    event(3, { type: 'report.preview', sessionId, port: 3000, label: 'shop', url: 'http://x.test/' }),
    event(4, { type: 'report.preview', sessionId, port: 4000, label: null, url: 'http://x.test/' }),
  ])
  expect(view.cards).toMatchObject([{ kind: 'notice', text: 'Half way', hint: 'the shop opens' }, { kind: 'notice', text: 'shop', hint: 'port 3000', port: 3000 }, { kind: 'notice', text: 'Port 4000', hint: null, port: 4000 }])
})

test('what a rewind took back is marked, and comes again with the way back', () => {
  const checkpoint = (seq: number, commit: string, reason: string) => event(seq, { type: 'checkpoint', commit, ref: 'refs/x', reason, files: 0 })
  const end = (seq: number) => event(seq, { type: 'turn.ended', sessionId, turnId: 't', outcome: 'done', message: null, background: 0, durationMs: null })
  const rewind = (seq: number, conversation?: string) => event(seq, { type: 'review.changed', by: 'ada', what: 'rewind', detail: null, ...(conversation === undefined ? {} : { conversation }) })
  const gone = (view: { cards: readonly { gone?: boolean; kind: string }[] }) => view.cards.filter((card) => card.kind !== 'notice').map((card) => card.gone ?? false)
  // The second message came before the first turn's checkpoint was told.
  const two = fold(emptyView, [message(1, 'one'), end(2), message(3, 'two'), checkpoint(4, 'a'.repeat(40), 'end of turn 1'), end(5), checkpoint(6, 'b'.repeat(40), 'end of turn 2'), checkpoint(7, 'c'.repeat(40), 'before a rewind')])
  expect(gone(fold(two, [rewind(8)]))).toEqual([false, false, false, false])
  const back = fold(two, [rewind(8, 'a'.repeat(10))])
  expect(gone(back)).toEqual([false, false, true, true])
  expect(back.cards.at(-1)).toMatchObject({ kind: 'notice', text: 'ada went back to a checkpoint' })
  expect(gone(fold(back, [message(9, 'three'), rewind(10, 'c'.repeat(40))]))).toEqual([false, false, false, false, true])
  // One that is not here is older than all that is.
  expect(gone(fold(two, [rewind(8, 'd'.repeat(40))]))).toEqual([true, true, true, true])
})
