/**
 * What every driver promises, shown with the real agent in the real product against the scripted model: one workspace
 * on `local`, from the first prompt to the last process. What an agent cannot do stands in `capabilities.ts`.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Approval, EventBody, StoredEvent, Workspace } from '@berth/wire'
import { SOCKET_PATH, type LiveItem, type ToPage } from '@berth/wire/live'
import { SERVER_FILE, TOKEN_FILE } from '@berth/wire/server-file'
import { createVictims, killAll } from '../crash/victims.ts'
import { startGround, type Ground } from '../ground.ts'
import { installationOf } from '../inventory.ts'
import { eventually } from '../product.ts'
import { modelUrl } from '../providers.ts'
import { CAPABILITIES } from './capabilities.ts'

/** The machine may be busy, and an agent takes seconds to begin. */
const TURN_MS = 120_000
const TEST_MS = 150_000

export interface AgentUnderTest {
  readonly kind: keyof typeof CAPABILITIES
  /** The words of `berth up` that lead it to the model at that address. */
  readonly words: (modelUrl: string) => readonly string[]
}
type Body<T extends EventBody['type']> = Extract<EventBody, { type: T }>

export function agentContract(agent: AgentUnderTest): void {
  const can = CAPABILITIES[agent.kind]
  let ground: Ground
  let workspace: Workspace
  const live: LiveItem[] = []
  let socket: WebSocket

  const bodies = async <T extends EventBody['type']>(type: T, after = 0): Promise<Body<T>[]> =>
    (await ground.events(workspace.id)).flatMap(({ seq, body }) => (seq > after && body.type === type ? [body as Body<T>] : []))
  const tail = async (): Promise<number> => (await ground.events(workspace.id)).at(-1)?.seq ?? 0
  const send = (text: string) => ground.product.cli(['send', workspace.id, text])
  /** The next question that was asked after that event and waits. */
  const asked = (after: number): Promise<Approval> => eventually(async () => {
    const ids = (await bodies('approval.asked', after)).map(({ ask }) => ask.approvalId)
    return (await ground.approvals(workspace.id)).find(({ approvalId, state }) => state === 'open' && ids.includes(approvalId))
  }, 'a question', TURN_MS)
  const decide = (approval: Approval, decision: Record<string, unknown>) => ground.ask('POST', `/approvals/${approval.approvalId}/decision`, { decision, via: 'api' })
  const turnEnded = (after: number): Promise<Body<'turn.ended'>> => eventually(async () => (await bodies('turn.ended', after))[0], 'the end of the turn', TURN_MS)
  const fileInTree = async (name: string): Promise<string> => (await ground.product.cli(['diff', workspace.id])).stdout.split('diff --git').find((part) => part.includes(`b/${name}`)) ?? ''
  const toldModel = (text: string) => ground.model.waitFor((request) => request.offersTools && JSON.stringify(request.body).includes(text), AbortSignal.timeout(TURN_MS))
  const victims = () => createVictims(ground.product.home)
  const installation = (): string => installationOf(ground.product.home) ?? ''
  const up = (name: string, words: readonly string[]) => ground.product.json<Workspace>(['up', '.', '--provider', 'local', '--agent', agent.kind, '--name', name, '--no-open', '-y', ...words], { cwd: ground.dir })

  beforeAll(async () => {
    ground = await startGround({ from: { 'README.md': '# demo\n' } })
    workspace = await up('agent', agent.words(modelUrl(ground.model)))
    socket = watch(ground.product.home, workspace.id, (item) => { live.push(item) })
  }, 300_000)
  afterAll(async () => {
    socket.close()
    await ground.close()
  }, 60_000)

  test('starts, in the version that is pinned', async () => {
    const [started] = await eventually(async () => { const found = await bodies('session.started'); return found.length > 0 && found }, 'the session', TURN_MS)
    expect(started).toMatchObject({ agent: agent.kind, driver: can.driver, resumed: false, agentVersion: can.version })
    await ground.turnOver(workspace.id)
  }, TEST_MS)

  test('does what it is told: words as they are written, calls, approvals, usage', async () => {
    const after = await tail()
    await send('please do [[work]]')
    const answered = new Set<string>()
    const ended = await eventually(async () => {
      for (const { approvalId, state } of await ground.approvals(workspace.id)) if (state === 'open' && !answered.has(approvalId)) { answered.add(approvalId); await ground.ask('POST', `/approvals/${approvalId}/decision`, { decision: { behavior: 'allow' }, via: 'api' }) }
      return (await bodies('turn.ended', after))[0]
    }, 'the end of the turn', TURN_MS)
    expect(ended).toMatchObject({ outcome: 'done', message: 'Done: hello.txt says alpha and gamma.' })
    expect(answered.size).toBe(3)
    expect((await bodies('approval.applied', after)).map(({ behavior, via }) => `${behavior} ${via}`)).toEqual(['allow api', 'allow api', 'allow api'])
    const over = (await bodies('tool', after)).filter(({ status }) => status === 'completed')
    expect(over.map(({ name }) => name)).toEqual([...can.tools])
    expect(over.find(({ name }) => name === 'Bash')?.output).toContain('alpha')
    expect(over.some(({ name, diffs }) => name === 'Edit' && diffs.some(({ added, removed }) => added === 1 && removed === 1))).toBe(can.diffs)
    expect((await bodies('message', after)).filter(({ role }) => role === 'agent').map(({ text }) => text)).toEqual(['I will write hello.txt, run a command and edit the file.', 'Now the command.', 'Done: hello.txt says alpha and gamma.'])
    expect((await bodies('message', after)).filter(({ role }) => role === 'user').map(({ text }) => text)).toEqual(['please do [[work]]'])
    expect(await fileInTree('hello.txt')).toContain('+gamma')
    expect(live.some((item) => item.kind === 'text' && 'I will write hello.txt'.startsWith(item.append.slice(0, 8)) && item.at === 0)).toBe(can.live)
    const { usage } = await ground.workspace(workspace.id)
    expect((usage?.inputTokens ?? 0) > 0 && (usage?.outputTokens ?? 0) > 0).toBe(can.usage)
  }, TEST_MS)

  test('is refused, and told why', async () => {
    const after = await tail()
    await send('now [[ask denied-file]]')
    const approval = await asked(after)
    expect(approval).toMatchObject({ tool: 'Bash', input: { command: 'echo asked >> denied-file' } })
    await decide(approval, { behavior: 'deny', message: 'not on a Friday' })
    await turnEnded(after)
    await toldModel('not on a Friday')
    await ground.turnOver(workspace.id)
    expect((await bodies('approval.applied', after)).map(({ behavior, via }) => `${behavior} ${via}`)).toEqual(['deny api'])
    expect(await fileInTree('denied-file')).toBe('')
    expect((await bodies('tool', after)).findLast(({ name }) => name === 'Bash')?.status).toBe('denied')
    expect((await bodies('message', after)).filter(({ role, text }) => role === 'user' && text.includes('not on a Friday'))).toHaveLength(can.reason === 'with the answer' ? 0 : 1)
  }, TEST_MS)

  test.if(can.questions)('asks, and gets the answer', async () => {
    const after = await tail()
    await send('then [[question]]')
    const approval = await asked(after)
    expect(approval).toMatchObject({ kind: 'question', title: expect.stringContaining('Which database?') })
    await decide(approval, { behavior: 'allow', updatedInput: { ...approval.input, answers: { 'Which database?': 'Postgres' } } })
    expect((await turnEnded(after)).outcome).toBe('done')
    const last = ground.model.requests().findLast(({ selected }) => selected?.name === 'question')
    expect(JSON.stringify(last?.body)).toMatch(/Which database\?[^}]*Postgres/)
  }, TEST_MS)

  test('is interrupted', async () => {
    const after = await tail()
    await send('write [[long 600]]')
    await eventually(async () => (await ground.workspace(workspace.id)).agentState === 'busy', 'the turn', TURN_MS)
    await ground.model.waitFor((request) => request.selected?.name === 'long', AbortSignal.timeout(TURN_MS))
    // An agent that has not begun to answer passes over the key.
    const ended = await eventually(async () => {
      await ground.ask('POST', `/workspaces/${workspace.id}/interrupt`, {})
      return (await bodies('turn.ended', after))[0]
    }, 'the end of the turn', TURN_MS)
    expect(ended.outcome).toBe('interrupted')
    await ground.turnOver(workspace.id)
  }, TEST_MS)

  test(`what is said during a turn ${can.during === 'steers' ? 'goes into it' : 'waits for its end'}`, async () => {
    const after = await tail()
    await send('write [[long 5]]')
    await eventually(async () => (await bodies('turn.started', after))[0], 'the turn', TURN_MS)
    await send('second [[say heard you]]')
    await toldModel('second [[say heard you]]')
    await eventually(async () => (await bodies('message', after)).some(({ role, text }) => role === 'agent' && text.includes('heard you')), 'the second answer', TURN_MS)
    await ground.turnOver(workspace.id)
    expect((await bodies('message', after)).filter(({ role, text }) => role === 'user' && text === 'second [[say heard you]]')).toHaveLength(1)
    const events = (await ground.events(workspace.id)).filter(({ seq }) => seq > after)
    const at = (fits: (body: StoredEvent['body']) => boolean): number => events.findIndex(({ body }) => fits(body))
    const [accepted, ended] = [at((body) => body.type === 'message' && body['role'] === 'user' && body['text'] === 'second [[say heard you]]'), at((body) => body.type === 'turn.ended')]
    expect(accepted < ended).toBe(can.during === 'steers')
  }, TEST_MS)

  test('goes on while its daemon is killed, and is told of once', async () => {
    const after = await tail()
    await send('slowly [[long 4]]')
    await eventually(async () => (await bodies('turn.started', after))[0], 'the turn', TURN_MS)
    await ground.model.waitFor((request) => JSON.stringify(request.body).includes('slowly [[long 4]]') && request.selected !== null, AbortSignal.timeout(TURN_MS))
    expect(killAll(victims().daemons(installation()).map(({ pid }) => pid))).toBe(1)
    const ended = await turnEnded(after)
    expect(ended.outcome).toBe('done')
    await ground.turnOver(workspace.id)
    expect((await bodies('turn.started', after)).length).toBe(1)
    expect((await bodies('turn.ended', after)).length).toBe(1)
    expect((await bodies('message', after)).filter(({ role }) => role === 'agent').map(({ text }) => text.trim())).toEqual([Array(16).fill('word').join(' ')])
    expect((await bodies('message', after)).filter(({ role }) => role === 'user')).toHaveLength(1)
  }, TEST_MS)

  test('keeps its question while its daemon is killed, and takes one answer', async () => {
    const after = await tail()
    await send('and [[ask kept-file]]')
    const approval = await asked(after)
    expect(killAll(victims().daemons(installation()).map(({ pid }) => pid))).toBe(1)
    await decide(approval, { behavior: 'allow' })
    expect((await turnEnded(after)).outcome).toBe('done')
    expect(await fileInTree('kept-file')).toMatch(/\n\+asked\n(?!\+)/)
    expect((await bodies('approval.asked', after))).toHaveLength(1)
    expect((await bodies('approval.applied', after)).map(({ behavior, via }) => `${behavior} ${via}`)).toEqual(['allow api'])
  }, TEST_MS)

  test('goes on with the same conversation after the machine was off', async () => {
    await ground.product.cli(['stop', workspace.id])
    await eventually(async () => (await ground.workspace(workspace.id)).phase === 'stopped', 'the stop', TURN_MS)
    expect(victims().marked(installation())).toEqual([])
    const after = await tail()
    await ground.product.cli(['start', workspace.id])
    const started = await eventually(async () => (await bodies('session.started', after))[0], 'the session', TURN_MS)
    expect(started.resumed).toBe(true)
    await send('and now [[say back again]]')
    const request = await toldModel('and now [[say back again]]')
    expect(JSON.stringify(request.body)).toContain('please do [[work]]')
    expect((await turnEnded(after)).outcome).toBe('done')
    // What was said before is not said again.
    expect((await bodies('message', after)).map(({ text }) => text)).toEqual(['and now [[say back again]]', 'back again'])
  }, TEST_MS)

  test('leaves no process behind', async () => {
    await ground.product.cli(['delete', workspace.id, '-y'])
    await eventually(async () => victims().marked(installation()).length === 0, 'the end of its processes', TURN_MS)
  }, TEST_MS)

  test.if(can.withoutLogin !== null)('says that it has no login, and what to do', async () => {
    workspace = await up('no-login', [])
    const said = await eventually(async () => (await bodies('session.state')).find(({ state }) => state === 'error'), 'the missing login', TURN_MS)
    expect(said.detail).toMatch(can.withoutLogin ?? /never/)
    expect(said.detail).toContain('berth up')
    expect((await ground.workspace(workspace.id)).phase).toBe('running')
  }, TEST_MS)
}

/** The page's socket, as another client would open it. */
function watch(home: string, workspaceId: string, onLive: (item: LiveItem) => void): WebSocket {
  const { url } = JSON.parse(readFileSync(join(home, SERVER_FILE), 'utf8')) as { url: string }
  const token = readFileSync(join(home, TOKEN_FILE), 'utf8').trim()
  // Bun takes headers here; the browser's type does not know them.
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}${SOCKET_PATH}`, { headers: { authorization: `Bearer ${token}` } } as unknown as string[])
  socket.addEventListener('open', () => { socket.send(JSON.stringify({ type: 'watch', workspaceId, after: 0 })) })
  socket.addEventListener('message', ({ data }: MessageEvent<string>) => {
    const message = JSON.parse(data) as ToPage
    if (message.type === 'live') for (const item of message.items) onLive(item)
  })
  return socket
}
