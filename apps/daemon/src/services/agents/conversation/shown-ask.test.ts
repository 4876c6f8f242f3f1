import { expect, test } from 'bun:test'
import type { ApprovalRecord } from '../approval-book.ts'
import { createShownAsk } from './shown-ask.ts'

const asked = (approvalId: string): ApprovalRecord => ({ approvalId, title: `Bash: ${approvalId}` }) as unknown as ApprovalRecord

test('one question stands at the viewer at a time, and what is typed answers that one', () => {
  const lines: string[] = []
  let waiting: ApprovalRecord[] = []
  const ask = createShownAsk({ waiting: () => waiting, show: (text) => { lines.push(text.split('  ')[0] ?? '') } })
  expect(ask.seen()).toBeNull()
  waiting = [asked('first'), asked('second')]
  ask.look()
  ask.look()
  expect(lines).toEqual(['? Bash: first'])
  expect(ask.seen()?.approvalId).toBe('first' as never)
  // Somebody answers it elsewhere at the moment at which a person types `y` for it here: the second was never seen.
  waiting = [asked('second')]
  expect(ask.seen()).toBeNull()
  ask.look()
  expect(lines).toEqual(['? Bash: first', '? Bash: second'])
  expect(ask.seen()?.approvalId).toBe('second' as never)
})

test('what was shown before the daemon was replaced is not shown twice', () => {
  const lines: string[] = []
  const ask = createShownAsk({ waiting: () => [asked('first')], show: (text) => { lines.push(text) } })
  ask.look()
  expect(lines).toEqual([])
  expect(ask.seen()?.approvalId).toBe('first' as never)
})
