/** Several sessions in one workspace, with real agents: each its own conversation, on the same files. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Approval, EventBody, Session, Workspace } from '@berth/wire'
import { createVictims, killAll } from '../crash/victims.ts'
import { startGround, type Ground } from '../ground.ts'
import { installationOf } from '../inventory.ts'
import { eventually } from '../product.ts'
import { modelUrl } from '../providers.ts'

const TURN_MS = Number(process.env['TURN_MS'] ?? 120_000)
const TEST_MS = TURN_MS + 30_000
const CODEX = '-c model=gpt-5.5'
type Body<T extends EventBody['type']> = Extract<EventBody, { type: T }>

let ground: Ground
let workspace: Workspace
let main: Session
beforeAll(async () => {
  ground = await startGround({ from: { 'README.md': '# demo\n' } })
  const url = modelUrl(ground.model)
  workspace = await ground.up('several', 'please do [[say first things first]]', '--env', `OPENAI_BASE_URL=${url}/v1`, '--env', 'OPENAI_API_KEY=placeholder-not-a-secret')
  main = (await list())[0] as Session
  await ended(main, 0)
}, 300_000)
afterAll(() => ground.close(), 60_000)

const list = () => ground.ask<Session[]>('GET', `/workspaces/${workspace.id}/sessions`)
const session = (...words: string[]) => ground.product.json<Session>(['session', ...words])
const tail = async () => (await ground.events(workspace.id)).at(-1)?.seq ?? 0
const bodies = async <T extends EventBody['type']>(type: T, after: number): Promise<Body<T>[]> => (await ground.events(workspace.id)).flatMap(({ seq, body }) => (seq > after && body.type === type ? [body as Body<T>] : []))
type Spoken = 'message' | 'turn.ended' | 'turn.started' | 'session.started'
const ofSession = async <T extends Spoken>(type: T, { id }: Session, after: number) => (await bodies(type, after)).filter((body) => (body as Body<Spoken>).sessionId === id)
const said = async (role: Body<'message'>['role'], of: Session, after: number) => (await ofSession('message', of, after)).filter((body) => body.role === role).map(({ text }) => text.trim())
const ended = (of: Session, after: number) => eventually(async () => (await ofSession('turn.ended', of, after))[0], `the end of a turn of ${of.title}`, TURN_MS)
const resting = (of: Session) => eventually(async () => (await list()).find(({ id, state }) => id === of.id && state === 'idle'), `${of.title} to rest`, TURN_MS)
const asked = (of: Session) => eventually(async () => (await ground.approvals(workspace.id)).find(({ sessionId, state }) => sessionId === of.id && state === 'open'), `a question of ${of.title}`, TURN_MS)
const allow = ({ approvalId }: Approval) => ground.ask('POST', `/approvals/${approvalId}/decision`, { decision: { behavior: 'allow' }, via: 'api' })
const send = (of: Session, text: string) => ground.product.cli(['send', workspace.name, '--session', of.id, text])
/** What the agent told the model with those words in it. */
const told = async (text: string) => JSON.stringify((await ground.model.waitFor((request) => request.offersTools && JSON.stringify(request.body).includes(text), AbortSignal.timeout(TURN_MS))).body)

let codex: Session
test('a second agent beside the first, each with words, questions and a screen of its own', async () => {
  codex = await session('new', workspace.name, '--agent', 'codex', `--command=${CODEX}`, '--title', 'the other one')
  expect(codex).toMatchObject({ agent: 'codex', title: 'the other one', main: false, mode: 'terminal', forkedFrom: null })
  await resting(codex)
  const after = await tail()
  await send(codex, 'now [[ask from-codex]]')
  const approval = await asked(codex)
  expect(await ground.approvals(workspace.id)).toHaveLength(1)
  // The first one goes on while the other waits, and the workspace needs somebody all the while.
  await ground.product.cli(['send', workspace.name, 'and [[say I am free]]'])
  await ended(main, after)
  expect((await ground.workspace(workspace.id)).agentState).toBe('waiting')
  await allow(approval)
  await ended(codex, after)
  await resting(codex)
  expect([await said('agent', main, after), await said('user', codex, after)]).toEqual([['I am free'], ['now [[ask from-codex]]']])
  const request = await told('now [[ask from-codex]]')
  expect(request).not.toContain('first things first')
  expect((await ground.ask<{ patch: string }>('GET', `/workspaces/${workspace.id}/diff`)).patch).toContain('from-codex')
  const terminals = (await ground.ask<{ terminalId: string }[]>('GET', `/workspaces/${workspace.id}/terminals`)).map(({ terminalId }) => terminalId)
  expect([terminals.includes('agent'), terminals.includes(codex.terminalId ?? '')]).toEqual([true, true])
  expect((await ground.workspace(workspace.id)).agentState).toBe('idle')
}, TEST_MS)

test('both go on while the daemon is killed, and are told of once', async () => {
  const after = await tail()
  await Promise.all([send(codex, 'slowly [[long 3]]'), ground.product.cli(['send', workspace.name, 'as slowly [[long 3]]'])])
  for (const one of [main, codex]) await eventually(async () => (await ofSession('turn.started', one, after))[0], 'the turn', TURN_MS)
  await Promise.all([told('"slowly [[long 3]]'), told('as slowly [[long 3]]')])
  expect(killAll(createVictims(ground.product.home).daemons(installationOf(ground.product.home) ?? '').map(({ pid }) => pid))).toBe(1)
  const whole = Array.from({ length: 12 }, () => 'word').join(' ')
  for (const one of [main, codex]) {
    expect((await ended(one, after)).outcome).toBe('done')
    await resting(one)
    expect([await said('agent', one, after), (await ofSession('turn.started', one, after)).length, (await ofSession('turn.ended', one, after)).length]).toEqual([[whole], 1, 1])
  }
}, TEST_MS)

test('is handed over to no screen and back: the conversation goes on, and nothing is told twice', async () => {
  const after = await tail()
  await session('hand-over', workspace.name, '--to', 'headless')
  await eventually(async () => (await ofSession('session.started', main, after)).find(({ driver, resumed }) => driver === 'claude-headless' && resumed), 'the other driver', TURN_MS)
  await ground.product.cli(['send', workspace.name, 'without a screen [[say still here]]'])
  expect(await told('without a screen')).toContain('first things first')
  await ended(main, after)
  await resting(main)
  const back = await tail()
  await session('hand-over', workspace.name)
  await eventually(async () => (await ofSession('session.started', main, back)).find(({ driver, resumed }) => driver === 'claude-tui' && resumed), 'the screen', TURN_MS)
  await resting(main)
  await ground.product.cli(['send', workspace.name, 'at the screen again [[say back]]'])
  expect(await told('at the screen again')).toContain('without a screen')
  await ended(main, back)
  await resting(main)
  expect([await said('user', main, after), await said('agent', main, after)]).toEqual([['without a screen [[say still here]]', 'at the screen again [[say back]]'], ['still here', 'back']])
}, TEST_MS)

test('a hand-over of the screen alone leaves the conversation where it is', async () => {
  const [after, screen] = [await tail(), codex.terminalId ?? '']
  const terminals = async () => (await ground.ask<{ terminalId: string }[]>('GET', `/workspaces/${workspace.id}/terminals`)).map(({ terminalId }) => terminalId)
  expect((await session('hand-over', workspace.name, 'codex')).mode).toBe('headless')
  await eventually(async () => !(await terminals()).includes(screen), 'the screen to close', TURN_MS)
  await send(codex, 'in the dark [[say I hear you]]')
  await ended(codex, after)
  await resting(codex)
  await session('hand-over', workspace.name, 'codex')
  await eventually(async () => (await terminals()).includes(screen), 'the screen to open', TURN_MS)
  expect(await said('agent', codex, after)).toEqual(['I hear you'])
}, TEST_MS)

test('a fork knows what was said, and its first does not know what the fork hears', async () => {
  for (const [of, earlier] of [[main, 'first things first'], [codex, 'from-codex']] as const) {
    const after = await tail()
    const fork = await session('fork', workspace.name, of.id, '--prompt', `only for the fork of ${of.agent} [[say forked]]`)
    expect(fork).toMatchObject({ agent: of.agent, forkedFrom: of.id })
    expect(await told(`only for the fork of ${of.agent}`)).toContain(earlier)
    await ended(fork, after)
    await resting(fork)
    // What was said before the fork is told in the first one.
    expect([await said('user', fork, 0), await said('agent', fork, 0)]).toEqual([[`only for the fork of ${of.agent} [[say forked]]`], ['forked']])
    await send(of, `meanwhile in the first ${of.agent} [[say unmoved]]`)
    expect(await told(`meanwhile in the first ${of.agent}`)).not.toContain('only for the fork')
    await ended(of, after)
    await resting(of)
  }
}, TEST_MS)

test('all of them are there again after the machine was off, each in its conversation', async () => {
  const before = await list()
  expect(before).toHaveLength(4)
  await ground.product.cli(['stop', workspace.id])
  await eventually(async () => (await ground.workspace(workspace.id)).phase === 'stopped', 'the stop', TURN_MS)
  const after = await tail()
  await ground.product.cli(['start', workspace.id])
  for (const one of before) expect((await eventually(async () => (await ofSession('session.started', one, after))[0], `${one.title} again`, TURN_MS)).resumed).toBe(true)
  const fork = before.find(({ agent, forkedFrom }) => agent === 'codex' && forkedFrom !== null) as Session
  await send(fork, 'do you remember [[say yes]]')
  expect(await told('do you remember')).toContain('only for the fork of codex')
  await ended(fork, after)
  expect(await said('user', fork, after)).toEqual(['do you remember [[say yes]]'])
}, TEST_MS)

test('one that is ended takes its processes and its questions with it; the first stays', async () => {
  await send(codex, 'at last [[ask never-answered]]')
  await asked(codex)
  await ground.product.cli(['session', 'end', workspace.name, codex.id])
  expect(await ground.approvals(workspace.id)).toHaveLength(0)
  await eventually(async () => !(await ground.ask<{ terminalId: string }[]>('GET', `/workspaces/${workspace.id}/terminals`)).some(({ terminalId }) => terminalId === codex.terminalId), 'the end of its terminal', TURN_MS)
  expect((await list()).map(({ id }) => id)).not.toContain(codex.id)
  const refused = await ground.product.cli(['session', 'end', workspace.name, '1'], { exit: null })
  expect([refused.exitCode === 0, refused.stderr]).toEqual([false, expect.stringContaining('lives as long as the workspace')])
  expect((await ground.product.cli(['send', workspace.name, '--session', codex.id, 'hello?'], { exit: null })).stderr).toContain('has no session')
}, TEST_MS)
