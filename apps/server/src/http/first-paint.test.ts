import { expect, test } from 'bun:test'
import { randomIds } from '@berth/wire'
import type { StoredEvent, Workspace } from '@berth/wire'
import { createFirstPaint, PAINT_EVENTS, shortened } from './first-paint.ts'

const workspaceId = randomIds.workspace()
const sessionId = randomIds.session()
const event = (seq: number, body: StoredEvent['body']): StoredEvent => ({ workspaceId, seq, id: randomIds.event(), at: 1_000_000 + seq, source: 'daemon', body })
const message = (seq: number, text: string) => event(seq, { type: 'message', sessionId, messageId: `m${seq}`, role: 'agent', text })
const tool = (seq: number, output: string) => event(seq, { type: 'tool', sessionId, toolCallId: `c${seq}`, name: 'Bash', title: 'Bash: ls', status: 'completed', input: { command: 'ls', secret: 'not shown' }, output, diffs: [], durationMs: 3 })

const workspace = {
  id: workspaceId, name: 'demo', phase: 'running', agentState: 'idle', needsYou: 0, viewers: 1, repository: 'northquay/ledger', branch: 'main', steps: [], error: null, exposures: [],
  wish: { target: 'running', by: 'user', version: 1, reason: null, at: 0 }, idle: { autoStopMs: 0, reasons: [], stopsAt: null }, lastActiveAt: 1_000_000, startedAt: null, isolation: 'container', tail: 500,
} as unknown as Workspace

const painter = (events: StoredEvent[], log: string[] = []) => createFirstPaint({
  store: { events: { read: async (_, after, limit) => events.filter(({ seq }) => seq > after).slice(0, limit), tail: async () => events.at(-1)?.seq ?? 0 }, approvals: { list: async () => [] } },
  clock: { now: () => 2_000_000 }, listWorkspaces: async () => [workspace], log: (line) => void log.push(line),
})
const boot = (text: string) => JSON.parse(/<script[^>]*>(.*)<\/script>/s.exec(text)?.[1] ?? '{}') as { stream: { events: StoredEvent[]; after: number } }

test('a workspace is drawn with its last events, and the script goes on after them', async () => {
  const log: string[] = []
  const first = await painter(Array.from({ length: 500 }, (_, at) => message(at + 1, `number ${at + 1}.\nand more`)), log)(`/workspaces/${workspaceId}`)
  expect(log).toEqual([])
  expect(first?.html).toContain('number 500.')
  expect(first?.html).not.toContain(`number ${500 - PAINT_EVENTS}.`)
  expect(boot(first?.boot ?? '').stream).toMatchObject({ after: 500 })
  expect(boot(first?.boot ?? '').stream.events).toHaveLength(PAINT_EVENTS)
})

test('one drawing leaves nothing for the next', async () => {
  const paint = painter([message(1, 'only here.\nand more')])
  expect((await paint(`/workspaces/${workspaceId}`))?.html).toContain('only here.')
  expect((await paint('/'))?.html).not.toContain('only here.')
  expect((await paint('/'))?.html).toContain('demo')
})

test('what an agent wrote stays text, in the page and in what the script begins with', async () => {
  const first = await painter([message(1, '</script><script>window.pwned=1</script><img src=x onerror=1>\nand more')])(`/workspaces/${workspaceId}`)
  expect(first?.html).not.toMatch(/<script|<img/)
  expect(first?.boot.match(/<\/script/g)).toHaveLength(1)
  expect(boot(first?.boot ?? '').stream.events[0]?.body['text']).toContain('</script>')
})

test('a page of long output is bounded, and says what was cut', async () => {
  const first = await painter(Array.from({ length: PAINT_EVENTS }, (_, at) => tool(at + 1, `${'x'.repeat(30_000)} end`)))(`/workspaces/${workspaceId}`)
  expect(first?.boot.length).toBeLessThan(200_000)
  const last = boot(first?.boot ?? '').stream.events.at(-1)?.body
  expect(last).toMatchObject({ cut: true, input: { command: 'ls' } })
  expect(String(last?.['output'])).toEndWith(' end')
  expect(JSON.stringify(last)).not.toContain('not shown')
})

test('what the agent tells its person is drawn with the page', async () => {
  const first = await painter([
    event(1, { type: 'report.notice', sessionId, title: 'Half way', text: 'the shop opens' }),
    event(2, { type: 'report.preview', sessionId, port: 3000, label: 'shop', url: 'http://elsewhere.example/' }),
    event(3, { type: 'report.status', sessionId, text: 'only in the list' }),
  ])(`/workspaces/${workspaceId}`)
  expect(first?.html).toContain('Half way')
  expect(first?.html).toContain('Open the preview')
  // The page goes there by its own way, never by an address that the agent gave.
  expect(first?.html).not.toContain('elsewhere')
  expect(boot(first?.boot ?? '').stream.events.map(({ body }) => body.type)).toEqual(['report.notice', 'report.preview'])
})

test('short events are whole', () => {
  expect(shortened(message(1, 'short')).body).not.toHaveProperty('cut')
  expect(shortened(tool(2, 'short')).body).not.toHaveProperty('cut')
})
