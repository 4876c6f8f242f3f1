import { expect, test } from 'bun:test'
import { signal } from '@preact/signals'
import { renderToString } from 'preact-render-to-string'
import type { Review } from '@berth/wire/review'
import type { Decider } from './decider.ts'
import { EndCard } from './end-card.tsx'
import { Progress } from './review-edges.tsx'
import type { ReviewRoom } from './review-state.ts'

const file: Review['files'][number] = { path: 'a.txt', oldPath: null, status: 'added', kind: 'text', oldMode: null, newMode: '100644', before: null, after: null, added: 1, removed: 0, crlf: false, huge: false, hunks: [], mark: 'accepted', reason: null }
const review = (omitted: number): Review => ({ reviewed: 'a', tree: 'b', files: [file], omitted, comments: [], progress: { decided: 1, total: 1 }, unsent: 0, busy: false })
// Only what is drawn is here.
const room = { canUndo: signal(false), acting: signal(false), place: signal({ path: null, hunkId: null }) } as unknown as ReviewRoom
const nothing = () => {}
const drawn = (omitted: number, toPull: string | null = null) => renderToString(
  <>
    <Progress room={room} review={review(omitted)} off={false} act={{} as Decider} onMenu={nothing} onCheckpoints={nothing} />
    <EndCard room={room} review={review(omitted)} off={false} toPull={toPull} onCommit={nothing} onOpen={nothing} />
  </>,
)

test('a review that leaves files out says so, and is not over', () => {
  expect(drawn(0)).toContain('Everything is decided')
  expect(drawn(3000)).toContain('3,001 files')
  expect(drawn(3000)).toContain('3,000 more files changed than fit here')
  expect(drawn(3000)).not.toContain('Everything is decided')
})

test('leads to the pull request of what comes from somewhere, and offers none of what does not', () => {
  expect(drawn(0, '/workspaces/ws_0000000000aa/status')).toContain('href="/workspaces/ws_0000000000aa/status"')
  expect(drawn(0)).not.toContain('Pull request')
})
