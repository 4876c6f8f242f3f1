import { afterEach, describe, expect, it } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import type { Decision, EventBody } from '@berth/wire'
import { z } from 'zod'
import type { Journal } from '../../contracts.ts'
import { openJournal } from '../../journal/journal.ts'
import { selfCommand } from '../../self.ts'
import { assignmentOf } from '../../testing/test-machine.ts'
import { ARGUMENTS } from './arguments.ts'
import { createOwnMcp, type OwnMcp } from './index.ts'
import { OWN_TOOLS } from './tools.ts'

const closers: (() => Promise<unknown> | void)[] = []
afterEach(async () => { for (const close of closers.splice(0).reverse()) await close() })

const assignment = assignmentOf({ previewUrl: 'http://{port}--demo.localhost:7080' })
type Body<T extends EventBody['type']> = Extract<EventBody, { type: T }>
interface Bench {
  readonly events: EventBody[]
  readonly said: string[]
  readonly socket: string
  client(): Promise<{ client: Client; pid: number }>
  first<T extends EventBody['type']>(type: T): Promise<Body<T>>
  decide(ask: Body<'approval.asked'>['ask'], decision: Partial<Decision>): ReturnType<OwnMcp['decide']>
  mcp(): OwnMcp
  restart(machineBoot?: string): Promise<void>
}
async function bench(): Promise<Bench> {
  const dir = mkdtempSync(join(tmpdir(), 'berth-mcp-'))
  closers.push(() => { rmSync(dir, { recursive: true, force: true }) })
  const kept = openJournal({ path: join(dir, 'journal.sqlite') })
  closers.push(() => { kept.close() })
  const events: EventBody[] = []
  const said: string[] = []
  const keys = new Set<string>()
  const listeners = new Set<() => void>()
  const journal: Journal = { ...kept, append(body, options) {
    kept.append(body, options)
    if (options?.key !== undefined && keys.has(options.key)) return
    keys.add(options?.key ?? '')
    events.push(body)
    for (const listener of listeners) listener()
  } }
  const open = async (machineBoot: string): Promise<OwnMcp> => {
    const made = createOwnMcp({
      context: { boot: { workspaceId: assignment.workspaceId, generation: 1, linkUrl: '', bootToken: '', stateDir: dir, runDir: dir, workDir: dir, homeDir: dir, agentUser: null, toolboxDir: dir, isolation: 'none' }, journal, machineBoot, log: () => {} },
      assignment: () => assignment, ports: () => [3000], changed: () => {},
      say: async (_session, { text }) => { said.push(text); return { status: 'accepted', detail: null } },
    })
    await made.assigned(assignment)
    return made
  }
  let mcp = await open('boot-1')
  closers.push(() => mcp.close())
  return {
    events, said, socket: join(dir, 'mcp.sock'), mcp: () => mcp,
    async client() {
      const [command = '', ...args] = selfCommand('mcp', '--socket', join(dir, 'mcp.sock'), '--session', assignment.agent.sessionId)
      const transport = new StdioClientTransport({ command, args, env: { PATH: process.env['PATH'] ?? '' } })
      const client = new Client({ name: 'oracle', version: '1' })
      await client.connect(transport)
      closers.push(() => client.close())
      return { client, pid: transport.pid ?? -1 }
    },
    first: (type) => new Promise((resolve) => {
      const look = (): void => {
        const found = events.find((body) => body.type === type)
        if (found === undefined) return
        listeners.delete(look)
        // Of that type: it was looked for.
        resolve(found as Body<typeof type>)
      }
      listeners.add(look)
      look()
    }),
    decide: ({ approvalId, contentHash }, decision) => mcp.decide({ approvalId, contentHash, decision: { behavior: 'allow', scope: 'once', ...decision }, via: 'web', ageMs: 0 }),
    async restart(machineBoot = 'boot-1') {
      await mcp.close()
      mcp = await open(machineBoot)
    },
  }
}
const textOf = (result: unknown): string => z.object({ content: z.tuple([z.object({ text: z.string() })]) }).parse(result).content[0].text
const ask = (client: Client, more: object = {}, options: object = {}) => client.callTool({ name: 'ask_user', arguments: { question: 'Which color?', options: [{ label: 'red' }, { label: 'blue', description: 'as the sky' }], ...more } }, undefined, { timeout: 60_000, ...options })

it('offers what the daemon reads', async () => {
  const { client } = await (await bench()).client()
  const { tools } = await client.listTools()
  expect(tools as unknown).toEqual(OWN_TOOLS as unknown)
  for (const { name, inputSchema } of OWN_TOOLS) {
    const { $schema: _, ...read } = z.toJSONSchema(ARGUMENTS[name], { io: 'input' })
    expect(JSON.parse(JSON.stringify(inputSchema, (key, value: unknown) => (key === 'description' && typeof value === 'string' ? undefined : value)))).toEqual(JSON.parse(JSON.stringify(read)))
  }
})

describe('a question', () => {
  it('waits for a person, and is answered in their words', async () => {
    const b = await bench()
    const { client } = await b.client()
    const answer = ask(client)
    const { ask: asked } = await b.first('approval.asked')
    expect(asked).toMatchObject({ kind: 'question', title: 'Which color?', input: { questions: [{ question: 'Which color?', multiSelect: false, options: [{ label: 'red', description: '' }, { label: 'blue', description: 'as the sky' }] }] } })
    expect(b.mcp().asks(assignment.agent.sessionId)).toBe(true)
    expect(await b.decide(asked, { updatedInput: { answers: { 'Which color?': 'blue' } } })).toEqual({ status: 'applied' })
    expect(textOf(await answer)).toBe('The person answered: blue')
    expect(b.mcp().asks(assignment.agent.sessionId)).toBe(false)
    expect(await b.first('approval.applied')).toMatchObject({ behavior: 'allow', via: 'web' })
  })
  it('may be declined, with a reason', async () => {
    const b = await bench()
    const answer = ask((await b.client()).client)
    await b.decide((await b.first('approval.asked')).ask, { behavior: 'deny', message: 'you know that' })
    expect(textOf(await answer)).toBe('The person does not answer this. They said: you know that')
  })
  it('goes on over a restart of the daemon, and counts once', async () => {
    const b = await bench()
    const answer = ask((await b.client()).client)
    const { ask: asked } = await b.first('approval.asked')
    await b.restart()
    await b.decide(asked, { updatedInput: { answers: { 'Which color?': 'red' } } })
    expect(textOf(await answer)).toBe('The person answered: red')
    expect(b.events.filter(({ type }) => type === 'approval.asked' || type === 'approval.orphaned')).toHaveLength(1)
  })
  it('is taken back when the agent does not wait any more', async () => {
    const b = await bench()
    const leaving = new AbortController()
    const answer = ask((await b.client()).client, {}, { signal: leaving.signal }).catch((error: unknown) => error)
    await b.first('approval.asked')
    leaving.abort()
    expect(await answer).toBeInstanceOf(Error)
    expect(await b.first('approval.applied')).toMatchObject({ behavior: 'deny', via: 'terminal' })
  })
  it('outlives the agent that asked: what is answered then comes to it in words', async () => {
    const b = await bench()
    const { client, pid } = await b.client()
    const answer = ask(client).catch((error: unknown) => error)
    const { ask: asked } = await b.first('approval.asked')
    process.kill(pid, 'SIGKILL')
    await answer
    await b.first('approval.orphaned')
    await b.decide(asked, { updatedInput: { answers: { 'Which color?': 'blue' } } })
    expect(b.said).toEqual(['You asked a person before this session was interrupted: Which color?\nThe person answered: blue'])
    expect(await b.first('approval.applied')).toMatchObject({ behavior: 'allow' })
  })
  it('of a machine that is gone has nobody who waits', async () => {
    const b = await bench()
    const { client } = await b.client()
    void ask(client).catch(() => {})
    await b.first('approval.asked')
    await b.restart('boot-2')
    expect(await b.first('approval.orphaned')).toBeDefined()
  })
})

it('a review does not wait: what is said to it is the next message, and a newer one takes its place', async () => {
  const b = await bench()
  const { client } = await b.client()
  const review = (summary: string) => client.callTool({ name: 'request_review', arguments: { summary } })
  expect(textOf(await review('half of it'))).toContain('End your turn')
  await review('all of it')
  const asked = b.events.flatMap((body) => (body.type === 'approval.asked' ? [body.ask] : []))
  expect(asked.map(({ input }) => input['summary'])).toEqual(['half of it', 'all of it'])
  expect(b.events.find(({ type }) => type === 'approval.superseded')).toMatchObject({ approvalId: asked[0]?.approvalId })
  await b.restart('boot-2')
  if (asked[1] !== undefined) expect(await b.decide(asked[1], { updatedInput: { answers: { 'How is it?': 'It needs changes, use fewer words' } } })).toEqual({ status: 'applied' })
  expect(b.said).toEqual(['Your work was reviewed by a person: It needs changes, use fewer words.'])
  expect(b.mcp().asks(assignment.agent.sessionId)).toBe(false)
})

it('says where it is, shows a port, tells the person, within limits', async () => {
  const b = await bench()
  const { client } = await b.client()
  const call = async (name: string, args: object) => textOf(await client.callTool({ name, arguments: { ...args } }))
  expect(await call('report_status', { text: 'half way' })).toBe('Noted.')
  await call('report_status', { text: 'half way' })
  expect(await call('open_preview', { port: 3000, label: 'shop' })).toBe('The person sees it at http://3000--demo.localhost:7080')
  expect(await call('open_preview', { port: 4000 })).toContain('Nothing listens on port 4000 yet')
  expect(await call('notify', { title: 'Deployed', body: 'to staging' })).toContain('told')
  expect(b.events.map(({ type }) => type)).toEqual(['report.status', 'report.preview', 'report.preview', 'report.notice'])
  for (let told = 1; told < 20; told++) await call('notify', { title: 'again', body: 'and again' })
  const more = await client.callTool({ name: 'notify', arguments: { title: 'one more', body: 'of too many' } })
  expect(more).toMatchObject({ isError: true })
  expect(b.events).toHaveLength(4 + 19)
})

it('refuses what is not meant so', async () => {
  const b = await bench()
  const { client } = await b.client()
  const refused = async (name: string, args: object) => client.callTool({ name, arguments: { ...args } })
  expect(await refused('open_preview', { port: 0 })).toMatchObject({ isError: true })
  expect(textOf(await refused('ask_user', { question: 'x'.repeat(2001) }))).toContain('question')
  expect(await refused('notify', { title: 'x', body: 'y', to: 'everybody' })).toMatchObject({ isError: true })
  const answersTo = (text: string) => new Promise<string>((resolve) => {
    let heard = ''
    const socket = createConnection(b.socket, () => { socket.write(text) })
    socket.on('data', (chunk) => { heard += String(chunk); socket.end() })
    socket.on('close', () => { resolve(heard) })
  })
  expect(await answersTo('not json\n')).toBe('')
  expect(await answersTo(`${'x'.repeat(300 * 1024)}`)).toBe('')
  const other = { say: 'call', session: 'ses_somebodyelse', requestId: 'r', tool: 'report_status', args: { text: 'mine' } }
  expect(await answersTo(`${JSON.stringify(other)}\n`)).toContain('not one of the workspace')
  expect(await answersTo(`${JSON.stringify({ ...other, session: assignment.agent.sessionId, tool: 'constructor' })}\n`)).toContain('there is no tool')
  expect(b.events).toEqual([])
})
