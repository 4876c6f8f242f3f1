import { expect, test } from 'bun:test'
import { randomIds, type EventBody, type StoredEvent, type Workspace } from '@berth/wire'
import { renderPage } from './render.tsx'
import { say, toast } from './shell/toast.tsx'
import { trouble } from './state/session.ts'

const workspaceId = randomIds.workspace()
const sessionId = randomIds.session()
/** Turns what follows around: `echo safe # ‮/ fr- mr` reads as another command. */
const HOSTILE = 'x\u202ey'
const SHOWN = 'x⟨U+202E⟩y'
const event = (seq: number, body: EventBody): StoredEvent => ({ workspaceId, seq, id: randomIds.event(), at: 1_000_000 + seq, source: 'daemon', body })
const call = { sessionId, title: HOSTILE, input: { command: HOSTILE }, output: HOSTILE, diffs: [], durationMs: 3 }
const EVENTS: EventBody[] = [
  { type: 'workspace.step', step: 'clone', title: HOSTILE, state: 'failed', durationMs: null, detail: HOSTILE },
  { type: 'workspace.notice', code: 'x', level: 'warning', message: HOSTILE, hint: HOSTILE },
  { type: 'message', sessionId, messageId: 'm', role: 'agent', text: HOSTILE },
  { type: 'tool', ...call, toolCallId: 'a', name: HOSTILE, status: 'completed' },
  { type: 'tool', ...call, toolCallId: 'b', name: HOSTILE, status: 'running' },
  { type: 'turn.ended', sessionId, turnId: 't', outcome: 'error', message: HOSTILE, background: 0, durationMs: null },
]
const step = { step: 'clone', title: HOSTILE, state: 'started', startedAt: 1, durationMs: null, detail: null }
const workspace = (over: Partial<Workspace>) => ({
  id: workspaceId, name: 'demo', phase: 'failed', agentState: 'idle', needsYou: 0, viewers: 1, repository: 'northquay/ledger', branch: HOSTILE, step: 'clone', steps: [step], error: { message: HOSTILE, hint: HOSTILE }, exposures: [],
  wish: { target: 'running', by: 'user', version: 1, reason: null, at: 0 }, idle: { autoStopMs: 0, reasons: [], stopsAt: null }, lastActiveAt: 1_000_000, startedAt: null, isolation: 'container', tail: 500, ...over,
}) as unknown as Workspace

function check(path: string, workspaces: Workspace[]): void {
  const { html } = renderPage(path, { now: 2_000_000, workspaces, approvals: [], stream: { id: workspaceId, events: EVENTS.map((body, at) => event(at + 1, body)), after: EVENTS.length } })
  expect(html).toContain(SHOWN)
  expect(html.split('\u202e').slice(0, -1).map((before) => before.slice(-80))).toEqual([])
}

test('whatever a machine says of itself, nothing on the page turns its line around', () => {
  check(`/workspaces/${workspaceId}`, [workspace({})])
  check('/', [workspace({})])
  check('/', [workspace({ phase: 'starting', error: null })])
})

test('nor does what the page says of it', () => {
  trouble.value = { message: HOSTILE, hint: HOSTILE }
  say(`Allowing: Run ${HOSTILE}`)
  check('/', [])
  trouble.value = null
  toast.value = null
})
