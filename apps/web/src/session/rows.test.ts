import { expect, test } from 'bun:test'
import type { Signal } from '@preact/signals'
import type { VNode } from 'preact'
import { randomIds, type StoredEvent, type Workspace } from '@berth/wire'
import { createStream, type Stream, type Writing } from '../state/stream.ts'
import { emptyView, fold } from '../state/stream-view.ts'
import { drawRows } from './rows.tsx'

const workspaceId = randomIds.workspace()
const workspace = { id: workspaceId } as unknown as Workspace
const SHOWN = 80
const said = (from: number, count: number): StoredEvent[] => Array.from({ length: count }, (_, index) => ({
  workspaceId, seq: from + index, id: randomIds.event(), at: 1, source: 'daemon', body: { type: 'message', sessionId: 'ses_000000000001', messageId: `m${from + index}`, role: 'agent', text: 'words' },
}))

test('rows leave by the block, so that one that comes moves none of the others', () => {
  const stream = createStream(workspaceId)
  let view = fold(emptyView, said(1, 100))
  const hidden = (shown = SHOWN) => drawRows({ view, workspace, stream, shown }).hidden
  expect(hidden()).toBe(20)
  for (let more = 1; more <= 40; more++) {
    view = fold(view, said(100 + more, 1))
    expect(hidden()).toBe(20)
  }
  view = fold(view, said(141, 1))
  expect(hidden()).toBe(61)
  // Whoever goes up sees more, and no longer has fewer when they came back.
  expect(hidden(SHOWN + 50)).toBe(11)
  expect(hidden()).toBe(61)
})

test('stretches are as long where every name ends the same', () => {
  const stream = createStream(workspaceId)
  const events = said(1, 400).map((event, index) => ({ ...event, body: { ...event.body, messageId: `${(Math.imul(index, 2_654_435_761) >>> 0).toString(16)}-90ab-cdef.0` } }) as StoredEvent)
  const sizes = drawRows({ view: fold(emptyView, events), workspace, stream, shown: 400 }).nodes.map((node) => flat([node]).length)
  expect(sizes.length).toBeGreaterThan(400 / 8 / 2)
  expect(Math.max(...sizes)).toBeLessThan(6 * 8)
})

test('many that come at once leave no more behind than the page should hold', () => {
  const stream = createStream(workspaceId)
  let view = fold(emptyView, said(1, 90))
  drawRows({ view, workspace, stream, shown: SHOWN })
  view = fold(view, said(91, 1000))
  expect(drawRows({ view, workspace, stream, shown: SHOWN }).hidden).toBe(1010)
})

test('what is drawn from where something changed is what is drawn anew', () => {
  const call = (id: string, status: 'running' | 'completed') => ({ type: 'tool' as const, sessionId: 'ses_000000000001' as never, toolCallId: id, name: id.startsWith('look') ? 'Read' : 'Bash', title: id, status, input: {}, output: null, diffs: [], durationMs: null })
  const grown = createStream(workspaceId)
  let view = fold(emptyView, said(1, 100))
  let seq = 100
  // Long enough that rows leave, in steps of one and of several.
  for (let step = 0; step < 120; step++) {
    const open = `call-${step}`
    const bodies = [[call(open, 'running')], [call(open, 'completed'), call(`look-${step}`, 'completed')], said(0, 1).map(({ body }) => ({ ...body, messageId: `s${step}` })), [call('call-0', 'completed')]][step % 4] ?? []
    view = fold(view, bodies.map((body) => ({ ...said((seq += 1), 1)[0], body }) as StoredEvent))
    if (step === 60) writing(grown).value = new Map([['call-60', { kind: 'output', text: 'a line' }]])
    if (step === 64) writing(grown).value = new Map()
    for (const thinking of [true, false]) {
      const anew = createStream(workspaceId)
      writing(anew).value = grown.writing.value
      const [one, other] = [grown, anew].map((stream) => drawRows({ view, workspace, stream, shown: SHOWN, thinking }))
      // The one that grew may still show rows that are about to leave.
      const shown = Math.min(one?.count ?? 0, other?.count ?? 0)
      expect(shown).toBe(SHOWN)
      expect(flat(one?.nodes).slice(-shown)).toEqual(flat(other?.nodes).slice(-shown))
      expect(new Set(one?.nodes.map(({ key }) => key)).size).toBe(one?.nodes.length ?? 0)
    }
  }
})

/** Of a page that follows a session the socket writes into it. */
const writing = (stream: Stream) => stream.writing as Signal<ReadonlyMap<string, Writing>>

/** Of each row what it is drawn from. */
function flat(stretches: readonly VNode[] = []): unknown[] {
  return stretches.flatMap(({ props }) => (props as { children: VNode[] }).children).map(({ key, props }) => {
    const { tie, writing, counted, row } = props as Record<string, unknown>
    return { key, tie, writing, counted, card: (row as { card?: unknown } | undefined)?.card ?? (props as { cards?: unknown }).cards }
  })
}
