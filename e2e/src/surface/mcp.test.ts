/** The Model Context Protocol: the person's servers and our own for the agent inside, and Berth for an agent outside. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { programArgv } from '@berth/wire/agents'
import type { Approval, EventBody, Session, Workspace } from '@berth/wire'
import { z } from 'zod'
import { createVictims, killAll } from '../crash/victims.ts'
import { startGround, type Ground } from '../ground.ts'
import { installationOf } from '../inventory.ts'
import { COMMAND, eventually, serverLog, TOOLBOX } from '../product.ts'
import { NOTES_FILE, notesServer, scratch, startWeatherServer, type WeatherServer } from './mcp-servers.ts'

const TOKEN = 'placeholder-token-of-the-notes'
const KEY = 'placeholder-key-of-the-weather'
const EXTRA = 'placeholder-token-of-what-came-later'
const TURN_MS = 60_000
type Body<T extends EventBody['type']> = Extract<EventBody, { type: T }>

let ground: Ground
let weather: WeatherServer
let workspace: Workspace
const files = scratch()

beforeAll(async () => {
  weather = startWeatherServer()
  ground = await startGround({
    from: { 'README.md': '# demo\n', [NOTES_FILE]: await notesServer() },
    scenarios: {
      tell: () => [
        [{ tool: 'mcp:berth/report_status', input: { text: 'looking at the shop' } }],
        [{ tool: 'mcp:berth/open_preview', input: { port: 3000, label: 'shop' } }],
        [{ tool: 'mcp:berth/notify', input: { title: 'Half way', body: 'the shop opens' } }],
        [{ text: 'All told.' }],
      ],
      color: () => [[{ tool: 'mcp:berth/ask_user', input: { question: 'Which color?', options: [{ label: 'red' }, { label: 'blue' }] } }], [{ text: 'I have the color.' }]],
      review: () => [[{ tool: 'mcp:berth/request_review', input: { summary: 'the shop is done' } }], [{ text: 'Now it is yours.' }]],
      theirs: () => [[{ tool: 'mcp:notes/add_note', input: { text: 'milk' } }], [{ tool: 'mcp:weather/forecast', input: { place: 'Bremen' } }], [{ text: 'Noted and forecast.' }]],
      extra: () => [[{ tool: 'mcp:extra/add_note', input: { text: 'bread' } }], [{ text: 'Noted there too.' }]],
      drive: () => [[{ tool: 'mcp:berth/list_workspaces', input: {} }], [{ text: 'Listed.' }]],
    },
  })
  const { product, model } = ground
  writeFileSync(join(product.home, 'providers/local.yaml'), `hostPorts: [${new URL(model.url).port}, ${weather.port}]\n`)
  writeFileSync(join(files.dir, 'mcp.json'), JSON.stringify({ mcpServers: {
    notes: { command: 'node', args: [`/workspace/${NOTES_FILE}`], env: { NOTES_TOKEN: TOKEN } },
  } }))
  // One is the project's: nobody names it again.
  await product.cli(['mcp-server', 'add', `weather=http://host.docker.internal:${weather.port}/mcp`, '--header', 'X-Weather-Key=${WEATHER_KEY}'], { cwd: ground.dir })
  await product.cli(['mcp-server', 'add', 'gone=https://gone.example.com/mcp'], { cwd: ground.dir })
  expect((await product.cli(['mcp-server', 'remove', 'gone'], { cwd: ground.dir })).stdout).toContain('Forgot gone')
  expect((await product.cli(['mcp-server'])).stdout).toMatch(/weather +http:\/\/host\.docker\.internal:\d+\/mcp +\//)
  writeFileSync(join(files.dir, 'key'), KEY)
  workspace = await ground.up('shop', 'hello', '--mcp-file', join(files.dir, 'mcp.json'), '--secret', `WEATHER_KEY=${join(files.dir, 'key')}`)
  await ground.turnOver(workspace.id)
}, 180_000)
afterAll(async () => {
  await ground?.close()
  await weather?.close()
  files.remove()
}, 60_000)

const send = (text: string) => ground.ask('POST', `/workspaces/${workspace.id}/messages`, { text })
const bodies = async <T extends EventBody['type']>(type: T): Promise<Body<T>[]> => (await ground.events(workspace.id)).flatMap(({ body }) => (body.type === type ? [body as Body<T>] : []))
const asked = (fits: (approval: Approval) => boolean): Promise<Approval> => eventually(async () => (await ground.approvals(workspace.id)).find(fits), 'a question', TURN_MS)
const decide = ({ approvalId }: Approval, decision: object) => ground.ask('POST', `/approvals/${approvalId}/decision`, { decision, via: 'web' })
const said = (text: string) => eventually(async () => (await bodies('message')).some((body) => body.role === 'agent' && body.text === text), `"${text}"`, TURN_MS)
/** Its end may be told by another daemon than its beginning, which knows the id only. */
const toolOutput = async (name: string): Promise<string> => {
  const calls = await bodies('tool')
  const { toolCallId } = calls.findLast((body) => body.name.endsWith(name)) ?? {}
  return calls.findLast((body) => body.toolCallId === toolCallId && body.output !== null)?.output ?? ''
}

describe('inside', () => {
  test('the agent says where it is, shows a port, and notifies, and nobody is asked', async () => {
    await send('now [[tell]]')
    await said('All told.')
    await ground.turnOver(workspace.id)
    expect((await bodies('report.status')).map(({ text }) => text)).toEqual(['looking at the shop'])
    // It is of the turn, and the turn is over.
    await eventually(async () => (await ground.workspace(workspace.id)).report === null, 'that it is gone', TURN_MS)
    const [preview] = await bodies('report.preview')
    expect(preview).toMatchObject({ port: 3000, label: 'shop', url: expect.stringMatching(/^http:\/\/3000--shop\.localhost:\d+$/) })
    const { origin } = new URL((await ground.ask<{ url: string }>('POST', `/workspaces/${workspace.id}/previews/3000/share`, {})).url)
    expect(preview?.url).toEqual(origin)
    expect(await toolOutput('open_preview')).toContain('Nothing listens on port 3000 yet')
    expect(await bodies('report.notice')).toMatchObject([{ title: 'Half way', text: 'the shop opens' }])
    expect(await bodies('approval.asked')).toEqual([])
  }, TURN_MS)

  test('a question waits over the death of the daemon, and is answered once', async () => {
    await send('then [[color]]')
    const question = await asked(({ tool }) => tool === 'ask_user')
    expect(question).toMatchObject({ kind: 'question', title: 'Which color?' })
    await eventually(async () => (await ground.workspace(workspace.id)).agentState === 'waiting', 'that it waits', TURN_MS)
    expect(killAll(createVictims(ground.product.home).daemons(installationOf(ground.product.home) ?? '').map(({ pid }) => pid))).toBeGreaterThan(0)
    await decide(question, { behavior: 'allow', updatedInput: { ...question.input, answers: { 'Which color?': 'blue' } } })
    await said('I have the color.')
    await ground.turnOver(workspace.id)
    expect(await eventually(() => toolOutput('ask_user'), 'what the tool said', TURN_MS)).toBe('The person answered: blue')
    expect((await bodies('approval.asked')).length).toBe(1)
    expect(await bodies('approval.applied')).toMatchObject([{ behavior: 'allow', via: 'web' }])
  }, 2 * TURN_MS)

  test('a review waits without the agent, and what is said to it is its next message', async () => {
    await send('and [[review]]')
    await said('Now it is yours.')
    await ground.turnOver(workspace.id)
    const review = await asked(({ tool }) => tool === 'request_review')
    expect((await ground.workspace(workspace.id)).needsYou).toBe(1)
    await decide(review, { behavior: 'allow', updatedInput: { ...review.input, answers: { 'How is it?': 'It needs changes, fewer words' } } })
    await ground.model.waitFor((request) => JSON.stringify(request.body).includes('Your work was reviewed by a person: It needs changes, fewer words.'), AbortSignal.timeout(TURN_MS))
    await eventually(async () => (await ground.approvals(workspace.id)).length === 0, 'that nothing waits', TURN_MS)
    await ground.turnOver(workspace.id)
  }, 2 * TURN_MS)

  test("the person's own servers are there, asked about as any tool, and their secrets nowhere to be read", async () => {
    await send('at last [[theirs]]')
    for (const name of ['add_note', 'forecast']) await decide(await asked(({ tool }) => tool.endsWith(name)), { behavior: 'allow' })
    await said('Noted and forecast.')
    await ground.turnOver(workspace.id)
    expect(await toolOutput('forecast')).toBe('rain in Bremen')
    expect(new Set(weather.keys)).toEqual(new Set([KEY]))
    const noted = await toolOutput('add_note')
    expect(noted).toStartWith('noted milk with ')
    expect(JSON.stringify(ground.model.requests().at(-1)?.body)).toContain(`noted milk with ${TOKEN}`)
    const events = JSON.stringify(await ground.events(workspace.id))
    for (const secret of [TOKEN, KEY]) {
      expect(events).not.toContain(secret)
      expect(commandLines()).not.toContain(secret)
      expect(serverLog(ground.product.home)).not.toContain(secret)
    }
    expect((await ground.workspace(workspace.id)).exposures.map(({ name }) => name).sort()).toEqual(['ANTHROPIC_AUTH_TOKEN', 'MCP_NOTES_NOTES_TOKEN', 'WEATHER_KEY'])
  }, 2 * TURN_MS)

  test('a server given to a workspace that is there is the next session\'s, and no other\'s once it is taken back', async () => {
    const { product } = ground
    const missing = await product.cli(['mcp-server', 'add', `extra=node /workspace/${NOTES_FILE}`, '--workspace', 'shop', '--env', 'NOTES_TOKEN'], { exit: null })
    expect([missing.exitCode === 0, missing.stderr]).toEqual([false, expect.stringContaining('${NOTES_TOKEN} is no variable of this workspace')])
    const child = Bun.spawn([...COMMAND, 'secret', 'set', 'NOTES_TOKEN'], { cwd: ground.dir, env: product.env, stdin: new Blob([`${EXTRA}\n`]), stdout: 'ignore', stderr: 'inherit' })
    expect(await child.exited).toBe(0)
    expect((await product.cli(['mcp-server', 'add', `extra=node /workspace/${NOTES_FILE}`, '--workspace', 'shop', '--env', 'NOTES_TOKEN'])).stdout).toContain('the next session has it')
    // One of the project's is named as such, and it is not taken away from here.
    expect((await product.cli(['mcp-server', '--workspace', 'shop'])).stdout).toMatch(/notes +node .* the workspace\n(.*\n)*extra +node .* the workspace\n(.*\n)*weather .* the project/)
    expect((await product.cli(['mcp-server', 'remove', 'weather', '--workspace', 'shop'], { exit: null })).stderr).toContain('no MCP server weather of its own')
    const session = await product.json<Session>(['session', 'new', 'shop', '--agent', 'claude-headless', '--prompt', 'now [[extra]]'])
    await decide(await asked(({ tool }) => tool.endsWith('mcp__extra__add_note')), { behavior: 'allow' })
    await said('Noted there too.')
    expect(JSON.stringify(ground.model.requests().at(-1)?.body)).toContain(`noted bread with ${EXTRA}`)
    await product.cli(['session', 'end', 'shop', session.id])
    expect((await product.cli(['mcp-server', 'remove', 'extra', '--workspace', 'shop'])).stdout).toContain('Forgot extra')
    await product.json<Session>(['session', 'new', 'shop', '--agent', 'claude-headless', '--prompt', 'without it [[say nothing extra]]'])
    await said('nothing extra')
    const offered = JSON.stringify(ground.model.requests().findLast(({ body }) => JSON.stringify(body).includes('without it'))?.body)
    expect([offered.includes('mcp__notes__add_note'), offered.includes('mcp__extra__add_note')]).toEqual([true, false])
    const record = await (await product.fetch('/api/v1/audit')).text()
    expect(['mcp.set', 'mcp.remove'].map((action) => record.includes(`"${action}"`))).toEqual([true, true])
    for (const told of [record, JSON.stringify(await ground.events(workspace.id)), commandLines()]) expect(told).not.toContain(EXTRA)
  }, 3 * TURN_MS)

  test('what is missing is refused before anything is made', async () => {
    writeFileSync(join(files.dir, 'missing.json'), JSON.stringify({ mcpServers: { x: { command: 'run', env: { A: '${NOT_GIVEN}' } } } }))
    const { stdout } = await ground.product.cli(['up', '.', '--no-open', '-y', '--name', 'no', '--json', '--mcp-file', join(files.dir, 'missing.json')], { cwd: ground.dir, exit: 2 })
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'bad_request', message: expect.stringContaining('${NOT_GIVEN}'), hint: expect.stringContaining('--secret NOT_GIVEN') } })
  }, TURN_MS)
})

describe('outside', () => {
  let client: Client
  beforeAll(async () => {
    const [command = '', ...args] = COMMAND
    client = new Client({ name: 'oracle', version: '1' })
    await client.connect(new StdioClientTransport({ command, args: [...args, 'mcp', '--provider', 'local'], env: ground.product.env, cwd: ground.dir, stderr: 'ignore' }))
  }, TURN_MS)
  afterAll(() => client?.close())

  const call = async (name: string, args: object = {}): Promise<{ text: string; refused: boolean }> => {
    const result = z.object({ content: z.tuple([z.object({ text: z.string() })]), isError: z.boolean() }).parse(await client.callTool({ name, arguments: { ...args } }, undefined, { timeout: TURN_MS }))
    return { text: result.content[0].text, refused: result.isError }
  }
  const ok = async <T>(name: string, args: object = {}): Promise<T> => {
    const { text, refused } = await call(name, args)
    if (refused) throw new Error(`${name}: ${text}`)
    return JSON.parse(text) as T
  }

  test('an agent looks, speaks and reads, and cannot answer for the person', async () => {
    expect((await client.listTools()).tools.map(({ name }) => name).filter((name) => /approve|deny|decide/.test(name))).toEqual([])
    const { workspaces } = await ok<{ workspaces: { name: string; agentState: string }[] }>('list_workspaces')
    expect(workspaces).toMatchObject([{ name: 'shop', agentState: 'idle' }])
    const { after } = await ok<{ after: number }>('send_prompt', { workspace: 'shop', text: '[[say hello from outside]]' })
    const heard = await eventually(async () => {
      const { events } = await ok<{ events: { type: string; text?: string }[] }>('read_events', { workspace: 'shop', after, waitSeconds: 5 })
      return events.some(({ type }) => type === 'turn.ended') ? events : null
    }, 'the end of the turn', TURN_MS)
    expect(heard.some(({ type, text }) => type === 'message' && text === 'hello from outside')).toBe(true)
    await ground.turnOver(workspace.id)
    expect(await ok('waiting_questions')).toMatchObject({ questions: [] })
  }, 2 * TURN_MS)

  test('it edits what it has read, and nothing else', async () => {
    const first = await ok<{ text: string; sha256: string }>('read_file', { workspace: 'shop', path: 'README.md' })
    expect(first.text).toBe('# demo\n')
    await ok('write_file', { workspace: 'shop', path: 'docs/new.md', text: 'one two one\n', expect: null })
    await ok('apply_edit', { workspace: 'shop', path: 'README.md', old: 'demo', new: 'shop' })
    expect(await call('write_file', { workspace: 'shop', path: 'README.md', text: 'late', expect: first.sha256 })).toEqual({ refused: true, text: 'the file is another by now: read it again' })
    expect((await call('apply_edit', { workspace: 'shop', path: 'docs/new.md', old: 'one', new: '1' })).text).toContain('stands 2 times')
    expect(await call('write_file', { workspace: 'shop', path: '.git/hooks/post-commit', text: 'x', expect: null })).toMatchObject({ refused: true })
    expect(await ok('list_files', { workspace: 'shop', dir: 'docs' })).toMatchObject({ entries: [{ path: 'docs/new.md', change: 'untracked' }] })
    const { stat, patch } = await ok<{ stat: { path: string }[]; patch: string }>('get_diff', { workspace: 'shop' })
    expect(stat.map(({ path }) => path).sort()).toEqual(['README.md', 'docs/new.md'])
    expect(patch).toContain('+# shop')
  }, TURN_MS)

  test('it makes a workspace, stops one, and deletes one only by its name', async () => {
    const { workspace: made } = await ok<{ workspace: { id: string; name: string } }>('create_workspace', { source: ground.dir, name: 'second' })
    expect(made.name).toBe('second')
    expect(await call('create_workspace', { source: '/nowhere/at/all' })).toMatchObject({ refused: true })
    expect(await call('delete_workspace', { workspace: 'second', confirm: 'yes' })).toMatchObject({ refused: true, text: expect.stringContaining('second') })
    expect(await call('delete_workspace', { workspace: 'second', confirm: 'second', force: true })).toMatchObject({ refused: true })
    await ok('delete_workspace', { workspace: 'second', confirm: 'second' })
    await ok('stop_workspace', { workspace: 'shop' })
    await eventually(async () => (await ground.workspace(workspace.id)).phase === 'stopped', 'that it is off', TURN_MS)
    expect(await call('read_file', { workspace: 'shop', path: 'README.md' })).toMatchObject({ refused: true })
  }, 2 * TURN_MS)

  test('Claude Code calls it, with what is printed for it', async () => {
    const { stdout } = await ground.product.cli(['mcp', '--print-config', 'cursor'])
    writeFileSync(join(files.dir, 'outside.json'), stdout)
    const child = Bun.spawn([...programArgv(TOOLBOX, 'claude'), '-p', 'please [[drive]]', '--mcp-config', join(files.dir, 'outside.json'), '--allowedTools', 'mcp__berth'], {
      cwd: files.dir, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe',
      env: { ...ground.product.env, HOME: files.dir, ANTHROPIC_BASE_URL: ground.model.url, ANTHROPIC_API_KEY: 'placeholder-not-a-secret', DISABLE_AUTOUPDATER: '1' },
    })
    const [text, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
    expect({ text: text.trim(), errors, code: await child.exited }).toEqual({ text: 'Listed.', errors: '', code: 0 })
    const last = ground.model.requests().findLast(({ selected }) => selected?.name === 'drive')
    expect(JSON.stringify(last?.body)).toContain('\\"name\\": \\"shop\\"')
  }, 2 * TURN_MS)
})

/** Of every process on this machine. */
function commandLines(): string {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((pid) => {
    try { return readFileSync(`/proc/${pid}/cmdline`, 'utf8') } catch { return '' }
  }).join('\n')
}
