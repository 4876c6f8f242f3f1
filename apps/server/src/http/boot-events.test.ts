import { expect, test } from 'bun:test'
import type { StoredEvent, Workspace, WorkspaceId } from '@berth/wire'
import { renderPage } from '@berth/web/render'
import { condensed } from './boot-events.ts'

const id = 'ws_0123456789ab' as WorkspaceId
const workspace = {
  id, name: 'demo', phase: 'running', agentState: 'idle', needsYou: 0, viewers: 1, repository: 'northquay/ledger', branch: 'main', steps: [], error: null, exposures: [],
  wish: { target: 'running', by: 'user', version: 1, reason: null, at: 0 }, idle: { autoStopMs: 0, reasons: [], stopsAt: null }, lastActiveAt: 1_000_000, startedAt: null, isolation: 'container', tail: 500,
} as unknown as Workspace
const stored = (bodies: readonly object[]): StoredEvent[] => bodies.map((body, index) => ({ seq: index + 10, at: 1_790_000_000_000 + index, body }) as unknown as StoredEvent)
const call = (name: string, status: string, over: object = {}) => ({ type: 'tool', toolCallId: name, name: 'Bash', title: `Bash: ${name}`, status, input: null, output: null, diffs: [], durationMs: null, ...over })
const begun = (name: string) => call(name, 'running', { input: { command: `echo ${name}` } })
const done = (name: string, over: object = {}) => call(name, 'completed', { output: `said ${name}\n3 pass\n`, ...over })
const usage = (tokens: number, costMicros: number | null) => ({ type: 'usage', inputTokens: tokens, outputTokens: 1, model: 'm', costMicros, contextPercent: 1 })
const message = (name: string) => ({ type: 'message', messageId: name, role: 'agent', text: `words of ${name}` })
const asked = (approvalId: string, toolCallId: string) => ({ type: 'approval.asked', ask: { approvalId, sessionId: 's', kind: 'permission', tool: 'Bash', title: 'Run it', toolCallId, input: { command: 'ls' }, cwd: null, contentHash: 'h' } })

/** Without the stretches that the rows are laid out in: which begins where follows from names. */
const drawn = (events: readonly StoredEvent[]): string => {
  const { html } = renderPage(`/workspaces/${id}`, { now: 1_790_000_100_000, workspaces: [workspace], approvals: [], stream: { id, events, after: 1000 } })
  return new HTMLRewriter().on('div.stretch', { element: (stretch) => { stretch.removeAndKeepContent() } }).transform(html)
}
const many = <T>(count: number, make: (at: number) => T[]): T[] => Array.from({ length: count }, (_, at) => make(at)).flat()

const TURN = stored([
  { type: 'turn.started', turnId: 't' }, message('first'), usage(100, null), usage(50, 20),
  ...many(20, (at): object[] => [message(`random-${at}`), begun(`toolu_${at}`), done(`toolu_${at}`, at % 3 === 0 ? { diffs: [{ path: `a${at}`, added: 2, removed: 1, patch: '+x' }] } : {}), usage(10, at % 2 === 0 ? 5 : null)]),
  begun('left'), message('between'), asked('apr_1', 'two-at-once'), { type: 'approval.applied', approvalId: 'apr_1', behavior: 'allow', via: 'web' },
  begun('two-at-once'), begun('other'), done('two-at-once'), done('other'), usage(7, 7),
  { type: 'turn.ended', turnId: 't', outcome: 'done', message: 'ready', background: 0, durationMs: 12_000 },
])

test('the same is drawn from fewer events with shorter names', () => {
  const short = condensed(TURN)
  expect(drawn(short)).toBe(drawn(TURN))
  expect(short.length).toBeLessThan(TURN.length - 35)
  expect(short.map(({ body }) => body['messageId'])).not.toContain('random-3')
  const seqs = short.map(({ seq }) => seq)
  expect(seqs).toEqual([...seqs].sort((a, b) => a - b))
})

test('what was joined is asked for under the seq that has the output', () => {
  const short = condensed(TURN)
  const outputs = short.filter(({ body }) => body.type === 'tool' && body['output'] !== null)
  expect(outputs.length).toBeGreaterThan(20)
  for (const { seq, body } of outputs) expect(TURN.find((event) => event.seq === seq)?.body['output']).toBe(body['output'])
})

test('what came before the first, or comes after the last, finds its own', () => {
  // A call that began before these events, and one that runs on after them.
  const cut = stored([done('began-before'), ...TURN.slice(3).map(({ body }) => body), ...many(20, (at) => [message(`more-${at}`)])])
  const names = condensed(cut).flatMap(({ body }) => (body.type === 'tool' ? [String(body['toolCallId'])] : []))
  expect(names).toContain('began-before')
  expect(names).toContain('left')
  expect(names).not.toContain('toolu_3')
  expect(condensed(cut)[0]?.seq).toBe(cut[0]?.seq ?? -1)
})

test('one that the page was not given is not made up', () => {
  expect(condensed([])).toEqual([])
  expect(condensed(stored([usage(1, null), usage(2, null)])).map(({ body }) => body['inputTokens'])).toEqual([1, 2])
})
