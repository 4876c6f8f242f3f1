import { expect, test } from 'bun:test'
import { randomIds, type StoredEvent, type Workspace } from '@berth/wire'
import { createStream } from '../state/stream.ts'
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

test('many that come at once leave no more behind than the page should hold', () => {
  const stream = createStream(workspaceId)
  let view = fold(emptyView, said(1, 90))
  drawRows({ view, workspace, stream, shown: SHOWN })
  view = fold(view, said(91, 1000))
  expect(drawRows({ view, workspace, stream, shown: SHOWN }).hidden).toBe(1010)
})
