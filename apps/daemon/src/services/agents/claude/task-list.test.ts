import { expect, it } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomIds } from '@berth/wire'
import { openJournal } from '../../../journal/journal.ts'
import { createTaskList } from './task-list.ts'
import type { Fact } from './transcript.ts'

const sessionId = randomIds.session()
const created = (id: number, text: string): Fact => ({ kind: 'event', key: `k${id}`, body: { type: 'tool', sessionId, toolCallId: `t${id}`, name: 'TaskCreate', title: '', status: 'completed', input: null, output: `Task #${id} created successfully: ${text}`, diffs: [], durationMs: null } })

it('forgets its tasks with /clear, over a restart too', () => {
  const dir = mkdtempSync(join(tmpdir(), 'berth-tasks-'))
  const journal = openJournal({ path: join(dir, 'journal.sqlite') })
  try {
    const plans = () => journal.after(0, 100).flatMap(({ body }) => (body.type === 'plan' ? [(body['entries'] as { text: string }[]).map(({ text }) => text)] : []))
    const list = createTaskList({ journal, sessionId })
    list.onFact(created(1, 'of before'))
    list.onFact({ kind: 'command', uuid: 'u', text: '/clear', at: null })
    createTaskList({ journal, sessionId }).onFact(created(2, 'of after'))
    expect(plans()).toEqual([['of before'], ['of after']])
  } finally {
    journal.close()
    rmSync(dir, { recursive: true, force: true })
  }
})
