import { afterEach, beforeEach, expect, it } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomIds, type EventBody } from '@berth/wire'
import { openJournal } from '../../../journal/journal.ts'
import { createTurns, type Turns } from './turns.ts'

const sessionId = randomIds.session()
let dir: string
let journal: ReturnType<typeof openJournal>
let turns: Turns
let clock: number
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'berth-turns-'))
  journal = openJournal({ path: join(dir, 'journal.sqlite') })
  clock = 10_000
  turns = createTurns({ journal, sessionId, now: () => clock })
})
afterEach(() => {
  journal.close()
  rmSync(dir, { recursive: true, force: true })
})

const told = (): EventBody[] => journal.after(0, 100).map(({ body }) => body as EventBody)
const marks = (): string[] => told().flatMap((body) => (body.type === 'turn.started' ? [`started ${body.turnId}`] : body.type === 'turn.ended' ? [`ended ${body.turnId} ${body.outcome}`] : []))
const prompt = (uuid: string, at: number | null = null): void => { turns.onFact({ kind: 'prompt', uuid, text: uuid, at }) }
const says = (key: string): void => { turns.onFact({ kind: 'event', key, body: { type: 'message', sessionId, messageId: key, role: 'agent', text: key } }) }
const call = (id: string, status: 'running' | 'completed', at: number | null = null): void => { turns.onFact({ kind: 'event', key: `${id}.${status}`, at, body: { type: 'tool', sessionId, toolCallId: id, name: 'Bash', title: 'Bash: ls', status, input: null, output: null, diffs: [], durationMs: null } }) }
const statusOf = (id: string): string[] => told().flatMap((body) => (body.type === 'tool' && body.toolCallId === id ? [body.status] : []))

it('makes the next turn of what was said while one was under way and not taken up', () => {
  prompt('one')
  says('a')
  prompt('two')
  turns.end('done')
  says('b')
  turns.end('done')
  expect(marks()).toEqual(['started one', 'ended one done', 'started two', 'ended two done'])
})

it('keeps in the turn what the agent took up at once, or what was put back when it was stopped', () => {
  prompt('one')
  prompt('two')
  says('a')
  turns.end('done')
  prompt('three')
  prompt('four')
  turns.end('interrupted')
  expect(marks()).toEqual(['started one', 'ended one done', 'started three', 'ended three interrupted'])
})

it('makes a turn of a command only when the agent answers it', () => {
  turns.onFact({ kind: 'command', uuid: 'rename', text: '/rename x', at: null })
  turns.onFact({ kind: 'command', uuid: 'greet', text: '/greet', at: 9000 })
  says('hello')
  turns.end('done')
  expect(told().find((body) => body.type === 'turn.ended')).toMatchObject({ turnId: 'greet', durationMs: 1000 })
  expect(marks()).toHaveLength(2)
})

it('says of several calls which one runs, and what it took without the wait for a person', () => {
  prompt('one')
  turns.toolStarts({ toolUseId: 'first', tool: 'Bash', input: {} })
  call('first', 'running')
  call('second', 'running')
  clock = 15_000
  turns.toolGoesOn('first')
  call('first', 'completed', 15_400)
  turns.toolStarts({ toolUseId: 'second', tool: 'Bash', input: {} })
  expect(statusOf('second')).toEqual(['pending', 'running'])
  expect(told().findLast((body) => body.type === 'tool' && body.toolCallId === 'first')).toMatchObject({ status: 'completed', durationMs: 400 })
})
