/** A second session of opencode: forked, handed over, and there again after its daemon was killed. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { EventBody, Session, Workspace } from '@berth/wire'
import { opencodeWords } from '../agents/opencode-words.ts'
import { createVictims, killAll } from '../crash/victims.ts'
import { startGround, type Ground } from '../ground.ts'
import { installationOf } from '../inventory.ts'
import { eventually } from '../product.ts'
import { modelUrl } from '../providers.ts'

const TURN_MS = Number(process.env['TURN_MS'] ?? 120_000)
const TEST_MS = TURN_MS + 30_000
type Message = Extract<EventBody, { type: 'message' }>

let ground: Ground
let workspace: Workspace
beforeAll(async () => {
  ground = await startGround({ from: { 'README.md': '# demo\n' } })
  workspace = await ground.product.json<Workspace>(['up', '.', '--provider', 'local', '--agent', 'opencode', '--name', 'forks', '--no-open', '-y', '--prompt', 'please do [[say first things first]]', ...opencodeWords(modelUrl(ground.model))], { cwd: ground.dir })
  await said('first things first', null)
}, 300_000)
afterAll(() => ground.close(), 60_000)

const messages = async (of: string | null) => (await ground.events(workspace.id)).flatMap(({ body }) => (body.type === 'message' && (of === null || body['sessionId'] === of) ? [body as Message] : []))
const said = (words: string, of: string | null) => eventually(async () => (await messages(of)).some(({ role, text }) => role === 'agent' && text.includes(words)), words, TURN_MS)
const told = async (text: string) => JSON.stringify((await ground.model.waitFor((request) => request.offersTools && JSON.stringify(request.body).includes(text), AbortSignal.timeout(TURN_MS))).body)

test('a fork knows what was said, tells nothing of it again, and works without its screen', async () => {
  const fork = await ground.product.json<Session>(['session', 'fork', workspace.name, '--prompt', 'only here [[say forked]]'])
  expect(await told('only here')).toContain('first things first')
  await said('forked', fork.id)
  expect((await messages(fork.id)).map(({ text }) => text.trim())).toEqual(['only here [[say forked]]', 'forked'])
  await eventually(async () => (await ground.workspace(workspace.id)).agentState === 'idle', 'both to rest', TURN_MS)
  await ground.product.cli(['session', 'hand-over', workspace.name, fork.id, '--to', 'headless'])
  const terminals = async () => (await ground.ask<{ terminalId: string }[]>('GET', `/workspaces/${workspace.id}/terminals`)).map(({ terminalId }) => terminalId)
  await eventually(async () => !(await terminals()).includes(fork.terminalId ?? ''), 'the screen to close', TURN_MS)
  expect(killAll(createVictims(ground.product.home).daemons(installationOf(ground.product.home) ?? '').map(({ pid }) => pid))).toBe(1)
  await ground.product.cli(['send', workspace.name, '--session', fork.id, 'and now [[say still forked]]'])
  await said('still forked', fork.id)
  expect(await told('and now')).toContain('only here')
  expect((await terminals()).includes(fork.terminalId ?? '')).toBe(false)
  await ground.product.cli(['send', workspace.name, 'meanwhile [[say unmoved]]'])
  expect(await told('meanwhile')).not.toContain('only here')
}, TEST_MS)
