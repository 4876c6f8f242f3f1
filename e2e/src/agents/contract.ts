/**
 * What every driver promises, shown with the real agent in the real product against the scripted model: one workspace
 * on `local`, from the first prompt to the last process. What an agent cannot do stands in `capabilities.ts`.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { eventually } from '../product.ts'
import { CAPABILITIES, type Capabilities } from './capabilities.ts'
import { startAgentWorld, TURN_MS, type AgentUnderTest, type AgentWorld } from './world.ts'

const TEST_MS = TURN_MS + 30_000
const WORK = ['I will write hello.txt, run a command and edit the file.', 'Now the command.', 'Done: hello.txt says alpha and gamma.']

export function agentContract(agent: AgentUnderTest): void {
  const can: Capabilities = CAPABILITIES[agent.kind]
  let world: AgentWorld | undefined
  // The tests run when it is there.
  const it = (): AgentWorld => world as AgentWorld
  beforeAll(async () => { world = await startAgentWorld(agent) }, 300_000)
  afterAll(async () => { await world?.close() }, 60_000)

  test('starts, in the version that is pinned', async () => {
    expect(await it().first('session.started', 0)).toMatchObject({ agent: agent.kind, driver: can.driver, resumed: false, agentVersion: can.version })
    await it().ground.turnOver(it().workspace.id)
  }, TEST_MS)
  worksAndAsks(it, can)
  sharesItsScreen(it, can)
  takesWords(it, can)
  outlives(it)

  test('leaves no process behind', async () => {
    await it().ground.product.cli(['delete', it().workspace.id, '-y'])
    await eventually(async () => it().processes().length === 0, 'the end of its processes', TURN_MS)
  }, TEST_MS)
  test.if(can.withoutLogin !== null)('says that it has no login, and what to do', async () => {
    await it().up('no-login', [])
    const { detail } = await it().first('session.state', 0, ({ state }) => state === 'error')
    expect(detail).toMatch(can.withoutLogin ?? /never/)
    expect(detail).toContain('berth up')
    expect((await it().ground.workspace(it().workspace.id)).phase).toBe('running')
  }, TEST_MS)
}

function worksAndAsks(it: () => AgentWorld, can: Capabilities): void {
  test('does what it is told: words as they are written, calls, approvals, usage', async () => {
    const after = await it().tail()
    await it().send('please do [[work]]')
    expect(await it().allowAll(after)).toBe(3)
    expect((await it().bodies('turn.ended', after))[0]).toMatchObject({ outcome: 'done', message: WORK[2] })
    expect(await it().applied(after)).toEqual(['allow api', 'allow api', 'allow api'])
    const over = (await it().bodies('tool', after)).filter(({ status }) => status === 'completed')
    expect(over.map(({ name }) => name)).toEqual([...can.tools])
    expect(over.find(({ name }) => name === 'Bash')?.output).toContain('alpha')
    expect(over.some(({ name, diffs }) => name === 'Edit' && diffs.some(({ added, removed }) => added === 1 && removed === 1))).toBe(can.diffs)
    expect((await it().said('agent', after)).filter((text) => can.remarks?.test(text) !== true)).toEqual(WORK)
    expect(await it().said('user', after)).toEqual(['please do [[work]]'])
    expect(await it().patchOf('hello.txt')).toContain('+gamma')
    expect(it().live.some((item) => item.kind === 'text' && item.at === 0 && WORK[0]?.startsWith(item.append.slice(0, 8)) === true)).toBe(can.live)
    const { usage } = await it().ground.workspace(it().workspace.id)
    expect((usage?.inputTokens ?? 0) > 0 && (usage?.outputTokens ?? 0) > 0).toBe(can.usage)
  }, TEST_MS)

  test('is refused, and told why', async () => {
    const after = await it().tail()
    await it().send('now [[ask denied-file]]')
    const approval = await it().asked(after)
    expect(approval).toMatchObject({ tool: 'Bash', input: { command: 'echo asked >> denied-file' } })
    await it().decide(approval, { behavior: 'deny', message: 'not on a Friday' })
    await it().first('turn.ended', after)
    await it().toldModel('not on a Friday')
    await it().ground.turnOver(it().workspace.id)
    expect(await it().applied(after)).toEqual(['deny api'])
    expect(await it().patchOf('denied-file')).toBe('')
    expect((await it().bodies('tool', after)).findLast(({ name }) => name === 'Bash')?.status).toBe('denied')
    expect((await it().said('user', after)).filter((text) => text.includes('not on a Friday'))).toHaveLength(can.reason === 'with the answer' ? 0 : 1)
  }, TEST_MS)

  test.if(can.questions)('asks, and gets the answer', async () => {
    const after = await it().tail()
    await it().send('then [[question]]')
    const approval = await it().asked(after)
    expect(approval).toMatchObject({ kind: 'question', title: expect.stringContaining('Which database?') })
    await it().decide(approval, { behavior: 'allow', updatedInput: { ...approval.input, answers: { 'Which database?': 'Postgres' } } })
    expect((await it().first('turn.ended', after)).outcome).toBe('done')
    const last = it().ground.model.requests().findLast(({ selected }) => selected?.name === 'question')
    expect(JSON.stringify(last?.body)).toMatch(/Which database\?[^}]{0,40}Postgres/)
  }, TEST_MS)
}

function sharesItsScreen(it: () => AgentWorld, { screen }: Capabilities): void {
  test(`a person at the terminal takes part, on ${screen.of === 'ours' ? 'our' : 'its own'} screen`, async () => {
    const after = await it().tail()
    const person = it().attach()
    await it().send('and [[ask at-the-terminal]]')
    await it().asked(after)
    await person.shows(screen.asks)
    // A screen passes over keys that come right as its dialog opens; ours does not, and would take them for words.
    person.type(screen.yes)
    const pressing = screen.of === 'ours' ? undefined : setInterval(() => { person.type(screen.yes) }, 1000)
    await it().first('approval.applied', after).finally(() => { clearInterval(pressing) })
    await it().first('turn.ended', after)
    await it().ground.turnOver(it().workspace.id)
    expect(await it().applied(after)).toEqual(['allow terminal'])
    expect(await it().patchOf('at-the-terminal')).toContain('+asked')
    const from = await it().tail()
    person.type('[[say heard at the terminal]]')
    await person.shows('[[say heard at the terminal]]')
    person.type('\r')
    await it().first('message', from, ({ role, text }) => role === 'agent' && text.includes('heard at the terminal'))
    await it().ground.turnOver(it().workspace.id)
    expect((await it().said('user', from)).filter((text) => text.includes('heard at the terminal'))).toHaveLength(1)
    await person.detach()
  }, TEST_MS)
}

function takesWords(it: () => AgentWorld, can: Capabilities): void {
  test('shows in its own words that its subscription is inactive, and the workspace runs on (EC3)', async () => {
    const after = await it().tail()
    await it().send('please [[inactive]]')
    await it().first('turn.ended', after)
    await it().ground.turnOver(it().workspace.id)
    expect(JSON.stringify((await it().events(after)).map(({ body }) => body))).toMatch(can.inactive ?? /subscription is inactive/)
    expect((await it().ground.workspace(it().workspace.id)).phase).toBe('running')
    const again = await it().tail()
    await it().send('and now [[say paid again]]')
    await it().first('message', again, ({ role, text }) => role === 'agent' && text.includes('paid again'))
    await it().ground.turnOver(it().workspace.id)
  }, TEST_MS)

  test('is interrupted', async () => {
    const after = await it().tail()
    await it().send('write [[long 600]]')
    await it().ground.model.waitFor((request) => request.selected?.name === 'long', AbortSignal.timeout(TURN_MS))
    // An agent that has not begun to answer passes over the key.
    await eventually(async () => {
      await it().ground.ask('POST', `/workspaces/${it().workspace.id}/interrupt`, {})
      return (await it().bodies('turn.ended', after)).length > 0
    }, 'the end of the turn', TURN_MS)
    expect((await it().bodies('turn.ended', after))[0]?.outcome).toBe('interrupted')
    await it().ground.turnOver(it().workspace.id)
  }, TEST_MS)

  const where = { steers: 'goes into it', queues: 'waits for its end', 'asks its own queue': 'is taken up once' }[can.during]
  test(`what is said during a turn ${where}`, async () => {
    const [after, words] = [await it().tail(), 'second [[say heard you]]']
    await it().send('write [[long 3]]')
    await it().first('turn.started', after)
    await it().send(words)
    await it().toldModel(words)
    await it().first('message', after, ({ role, text }) => role === 'agent' && text.includes('heard you'))
    await it().ground.turnOver(it().workspace.id)
    expect((await it().said('user', after)).filter((text) => text === words)).toHaveLength(1)
    const order = (await it().events(after)).flatMap(({ body }) => (body.type === 'turn.ended' ? ['ended'] : body.type === 'message' && body['role'] === 'user' && body['text'] === words ? ['said'] : []))
    if (can.during !== 'asks its own queue') expect(order[0]).toBe(can.during === 'steers' ? 'said' : 'ended')
  }, TEST_MS)
}

function outlives(it: () => AgentWorld): void {
  test('goes on while its daemon is killed, and is told of once', async () => {
    const after = await it().tail()
    await it().send('slowly [[long 3]]')
    await it().first('turn.started', after)
    await it().toldModel('slowly [[long 3]]')
    expect(it().killDaemon()).toBe(1)
    expect((await it().first('turn.ended', after)).outcome).toBe('done')
    await it().ground.turnOver(it().workspace.id)
    expect([(await it().bodies('turn.started', after)).length, (await it().bodies('turn.ended', after)).length]).toEqual([1, 1])
    expect(await it().said('agent', after)).toEqual([Array.from({ length: 12 }, () => 'word').join(' ')])
    expect(await it().said('user', after)).toEqual(['slowly [[long 3]]'])
  }, TEST_MS)

  test('keeps its question while its daemon is killed, and takes one answer', async () => {
    const after = await it().tail()
    await it().send('and [[ask kept-file]]')
    const approval = await it().asked(after)
    expect(it().killDaemon()).toBe(1)
    await it().decide(approval, { behavior: 'allow' })
    expect((await it().first('turn.ended', after)).outcome).toBe('done')
    expect(await it().patchOf('kept-file')).toMatch(/\n\+asked\n(?!\+)/)
    expect(await it().bodies('approval.asked', after)).toHaveLength(1)
    expect(await it().applied(after)).toEqual(['allow api'])
  }, TEST_MS)

  test('goes on with the same conversation after the machine was off', async () => {
    const { ground: { product, workspace } } = it()
    await product.cli(['stop', it().workspace.id])
    await eventually(async () => (await workspace(it().workspace.id)).phase === 'stopped', 'the stop', TURN_MS)
    expect(it().processes()).toEqual([])
    const after = await it().tail()
    await product.cli(['start', it().workspace.id])
    expect((await it().first('session.started', after)).resumed).toBe(true)
    await it().send('and now [[say back again]]')
    expect(JSON.stringify((await it().toldModel('and now [[say back again]]')).body)).toContain('please do [[work]]')
    expect((await it().first('turn.ended', after)).outcome).toBe('done')
    // What was said before is not said again.
    expect([await it().said('user', after), await it().said('agent', after)]).toEqual([['and now [[say back again]]'], ['back again']])
  }, TEST_MS)
}
