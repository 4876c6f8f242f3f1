/**
 * A question left open: over a restart of the server, a daemon that is killed, and eight hours by the server's clock
 * it stays the same question, can be answered, and exactly one of five racing answers wins. Real Claude Code, the
 * real store and the local provider; only the clock is ours, so the server runs in this process.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@berth/client'
import { serve, type Server } from '@berth/server'
import { createTestClock } from '@berth/testkit'
import { startScriptedModel, type ScriptedModel } from '@berth/testkit/scripted-model'
import { createToolbox } from '@berth/toolbox'
import type { Approval, StoredEvent, Workspace } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { processesFor } from './inventory.ts'
import { eventually, TOOLBOX } from './product.ts'
import { modelUrl } from './providers.ts'

const EIGHT_HOURS = 8 * 3600_000
let home: string
let model: ScriptedModel
let server: Server
const clock = createTestClock(Date.now())
const logged: string[] = []
const start = async (): Promise<Server> => await serve({ home, port: 0, clock, log: (line) => { logged.push(line) }, toolbox: createToolbox({ dir: TOOLBOX, log: () => {} }) })
const client = () => createClient({ url: server.url, token: server.token })

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'berth-time-'))
  chmodSync(home, 0o711)
  model = await startScriptedModel({ hostname: '127.0.0.1' })
  mkdirSync(join(home, 'providers'))
  writeFileSync(join(home, 'providers/local.yaml'), `hostPorts: [${new URL(model.url).port}]\n`)
  server = await start()
}, 60_000)
afterAll(async () => {
  for (const { id } of await client().listWorkspaces({})) await client().deleteWorkspace({ id })
  await eventually(async () => (await client().listWorkspaces({})).length === 0, 'the deletion')
  await server.stop()
  await model.close()
  rmSync(home, { recursive: true, force: true })
}, 60_000)

async function eventsOf(id: Workspace['id']): Promise<StoredEvent[]> {
  return (await client().listEvents({ id, limit: 1000 })).events
}

test('an open approval outlives restarts and eight hours, and one of five answers wins', async () => {
  const { id } = await client().createWorkspace({
    source: { kind: 'empty' }, provider: 'local', agent: 'claude', prompt: 'please do [[work]]',
    env: { ANTHROPIC_BASE_URL: modelUrl(model), ANTHROPIC_AUTH_TOKEN: 'placeholder-not-a-secret' },
  })
  const open = async (): Promise<Approval[]> => await client().listApprovals({ workspace: id })
  const [asked] = await eventually(async () => { const list = await open(); return list.length > 0 && list }, 'the question', 90_000)
  if (!asked) throw new Error('no question')
  expect(asked).toMatchObject({ workspaceId: id, state: 'open', decision: null })
  const connected = () => eventually(async () => server.daemons.connected(id), 'the daemon')

  await server.stop()
  clock.advance(60_000)
  server = await start()
  expect(await open()).toEqual([asked])
  await connected()

  const boots = async () => (await eventsOf(id)).filter(({ body }) => body.type === 'daemon.connected').map(({ body }) => body['boot'])
  const before = await boots()
  const { id: installation } = await server.store.installation.installation()
  const daemons = processesFor(home, installation).filter(({ command }) => / run --boot /.test(command))
  expect(daemons).toHaveLength(1)
  for (const { pid } of daemons) process.kill(pid, 'SIGKILL')
  await eventually(async () => { const now = await boots(); return now.length > before.length && now.at(-1) !== before.at(-1) }, 'the next daemon')
  await connected()

  clock.advance(EIGHT_HOURS)
  const still = await eventually(async () => { const list = await open(); return list.length > 0 && list }, 'the question after eight hours')
  expect(still.map(({ state }) => state === 'open' || state === 'orphaned')).toEqual([true])
  const [question] = still
  if (!question) throw new Error('no question')
  expect({ ...question, state: 'open' }).toEqual(asked)

  const racers = Array.from({ length: 5 }, (_, index) => client().decideApproval({ id: question.approvalId, decision: { behavior: index % 2 === 0 ? 'allow' : 'deny', ...(index % 2 === 0 ? {} : { message: 'no' }) } as { behavior: 'allow' }, via: index % 2 === 0 ? 'api' : 'web' }))
  const results = await Promise.allSettled(racers)
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  const winner = results.findIndex(({ status }) => status === 'fulfilled')
  for (const result of results) if (result.status === 'rejected') expect([result.reason instanceof BerthError, (result.reason as BerthError).code]).toEqual([true, 'approval_decided'])
  const stored = (await client().listApprovals({ workspace: id, all: 'true' })).find(({ approvalId }) => approvalId === question.approvalId)
  expect(stored).toMatchObject({ decision: { behavior: winner % 2 === 0 ? 'allow' : 'deny' }, decidedBy: { via: winner % 2 === 0 ? 'api' : 'web' } })

  // The agent hears it exactly once, or asks again under another id; it never hangs.
  await eventually(async () => {
    const events = await eventsOf(id)
    return events.some(({ body }) => (body.type === 'approval.applied' || body.type === 'approval.superseded') && body['approvalId'] === question.approvalId) || (await open()).length > 0
  }, 'the agent', 60_000)
  const said = (await eventsOf(id)).filter(({ body }) => body['approvalId'] === question.approvalId).map(({ body }) => body.type)
  expect(said.filter((type) => type === 'approval.decided')).toHaveLength(1)
  expect(said.filter((type) => type === 'approval.applied').length).toBeLessThanOrEqual(1)
}, 180_000)
