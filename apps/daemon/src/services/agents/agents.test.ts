import { afterEach, describe, expect, it, setDefaultTimeout } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { SessionId, type EventBody } from '@berth/wire'
import { createAgentFiles } from './agent-file.ts'
import { extraArguments, programWords } from './command-line.ts'
import { contentHash } from './content-hash.ts'
import type { AgentSocket } from './agent-socket.ts'
import { startHookServer, type HookAsk } from './hook-server.ts'
import { createRestarts } from './restarts.ts'
import { pasteable } from './prompt-text.ts'
import { seeded, writeHookSettings } from './claude/settings.ts'
import { factsOf } from './claude/transcript.ts'
import { openBench, type AgentBench } from './testing/agent-bench.ts'

setDefaultTimeout(60_000)
const cleanup: (() => unknown)[] = []
afterEach(async () => { for (const clean of cleanup.splice(0).reverse()) await clean() })
function temporary(): string {
  const dir = mkdtempSync(join(tmpdir(), 'berth-agents-'))
  cleanup.push(() => { rmSync(dir, { recursive: true, force: true }) })
  return dir
}

describe('hooks', () => {
  const main = new URL('../../main.ts', import.meta.url).pathname
  function startHook(dir: string, kind: string, payload: unknown): { output: Promise<string>; kill: () => void } {
    const child = spawn(process.execPath, [main, 'hook', kind, '--socket', join(dir, 'hook.sock'), '--run', 'r1'], { stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdin.end(JSON.stringify(payload))
    let out = ''
    child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString() })
    return { output: new Promise((resolve) => { child.once('close', () => { resolve(out.trim()) }) }), kill: () => { child.kill('SIGTERM') } }
  }
  const serve = (dir: string, handle: Parameters<typeof startHookServer>[0]['handle']): Promise<AgentSocket> => startHookServer({ path: join(dir, 'hook.sock'), owner: null, handle, log: () => {} })

  it('answers a question that began before the daemon was there, and is the same ask after it went', async () => {
    const dir = temporary()
    const asks: HookAsk[] = []
    const hook = startHook(dir, 'permission', { hook_event_name: 'PermissionRequest', tool_name: 'Bash' })
    const first = Promise.withResolvers<void>()
    const silent = await serve(dir, (ask) => { asks.push(ask); first.resolve(); return new Promise(() => {}) })
    await first.promise
    await silent.close()
    const delivered = Promise.withResolvers<void>()
    const second = await serve(dir, (ask) => { asks.push(ask); return Promise.resolve({ output: { ok: 1 }, onDelivered: delivered.resolve }) })
    cleanup.push(() => second.close())
    expect(await hook.output).toBe('{"ok":1}')
    await delivered.promise
    expect(asks).toHaveLength(2)
    expect(asks[0]?.requestId).toBe(asks[1]?.requestId ?? '')
  })
  it('says that it was withdrawn when the agent ends it', async () => {
    const dir = temporary()
    const asked = Promise.withResolvers<void>()
    const gone = Promise.withResolvers<unknown>()
    const server = await serve(dir, (_ask, signal) => { asked.resolve(); signal.addEventListener('abort', () => { gone.resolve(signal.reason) }); return new Promise(() => {}) })
    cleanup.push(() => server.close())
    const hook = startHook(dir, 'permission', { hook_event_name: 'PermissionRequest' })
    await asked.promise
    hook.kill()
    expect(await gone.promise).toBe('withdrawn')
    expect(await hook.output).toBe('')
  })
  it('lets the agent go on when nobody listens to an event', async () => {
    expect(await startHook(temporary(), 'event', { hook_event_name: 'Stop' }).output).toBe('')
  })
  it('writes settings the agent cannot change and that quote hostile paths', () => {
    const path = join(temporary(), 'settings.json')
    writeHookSettings(path, { hookCommand: ["/it's/here"], socketPath: '/run/x', run: 'r', skipsQuestions: false })
    expect(readFileSync(path, 'utf8')).toContain(String.raw`'/it'\\''s/here'`)
  })
})

describe('what the agent owns', () => {
  it('is read only when it is a plain file of the agent', () => {
    const dir = temporary()
    writeFileSync(join(dir, 'own'), 'mine')
    symlinkSync(join(dir, 'own'), join(dir, 'link'))
    const own = createAgentFiles(process.getuid?.() ?? null)
    expect(own.read(join(dir, 'own'), 100)).toBe('mine')
    expect(own.read(join(dir, 'own'), 2)).toBeNull()
    expect(own.read(join(dir, 'link'), 100)).toBeNull()
    expect(own.read(dir, 100)).toBeNull()
    expect(createAgentFiles((process.getuid?.() ?? 0) + 1).read(join(dir, 'own'), 100)).toBeNull()
  })
  it('keeps its settings and login when ours are added', () => {
    const config = JSON.parse(seeded(JSON.stringify({ oauthAccount: { email: 'x' }, projects: { '/other': { a: 1 } } }), { workDir: '/w', apiKey: 'sk-0123456789-0123456789', skipsQuestions: false })) as Record<string, unknown>
    expect(config).toMatchObject({ oauthAccount: { email: 'x' }, hasCompletedOnboarding: true, projects: { '/other': { a: 1 }, '/w': { hasTrustDialogAccepted: true } }, customApiKeyResponses: { approved: ['sk-0123456789-0123456789'.slice(-20)] } })
    expect(seeded('not json', { workDir: '/w', apiKey: null, skipsQuestions: false })).toContain('hasCompletedOnboarding')
  })
})

describe('small rules', () => {
  it('binds a decision to the content, not to the order of its keys', () => {
    const hash = (input: unknown): string => contentHash({ sessionId: 's', tool: 'Bash', input, cwd: '/w' })
    expect(hash({ a: 1, b: { c: 2, d: 3 } })).toBe(hash({ b: { d: 3, c: 2 }, a: 1 }))
    expect(hash({ command: 'ls' })).not.toBe(hash({ command: 'ls ' }))
  })
  it('pastes text, never keys', () => { expect(pasteable('a\u001b[201~\rb\u0003\n\tc\u009b')).toBe('a[201~\nb\n\tc') })
  it('starts a dying agent three times in ten minutes', () => {
    let time = 0
    const restarts = createRestarts(() => time)
    expect([restarts.next(), restarts.next(), restarts.next(), restarts.next()]).toEqual([500, 5000, 30_000, null])
    time = 11 * 60_000
    expect(restarts.next()).toBe(500)
  })
  it('passes over lines of a transcript it does not know', () => {
    const session = SessionId.parse('ses_000000000000')
    for (const line of ['', '{', 'null', '{"type":"atis-latch"}', '{"type":"assistant","uuid":"u","message":{"content":[{"type":"new"}]}}']) expect(factsOf(line, session)).toEqual([])
    const facts = factsOf(JSON.stringify({ type: 'assistant', uuid: 'u', message: { id: 'm', content: [{ type: 'tool_use', id: 't', name: 'TodoWrite', input: { todos: [{ content: 'a', status: 'pending' }] } }] } }), session)
    expect(facts.flatMap((fact) => (fact.kind === 'event' ? [fact.key] : []))).toEqual(['u.0', 'u.0.plan'])
  })
  it.each([['a\nb\n', 2], ['a\nb', 2], ['\n', 1]])('counts the lines of a new file: %j', (content, added) => {
    const line = { type: 'user', uuid: 'u', message: { content: [{ type: 'tool_result', tool_use_id: 't', content: 'done' }] }, toolUseResult: { filePath: 'new.txt', content, originalFile: null, structuredPatch: [] } }
    const facts = factsOf(JSON.stringify(line), SessionId.parse('ses_000000000000'))
    expect(facts.flatMap((fact) => (fact.kind === 'event' && fact.body.type === 'tool' ? fact.body.diffs.map((diff) => diff.added) : []))).toEqual([added])
  })
})

describe('the plain driver', () => {
  const messages = (bench: AgentBench): EventBody[] => bench.events.filter((body) => body.type === 'prompt')
  async function plain(command: string): Promise<AgentBench> {
    const bench = await openBench({ kind: 'plain', command })
    cleanup.push(() => bench.close())
    return bench
  }
  it('runs the command and pastes prompts into it, once', async () => {
    const bench = await plain('cat > got')
    const { promptId, result } = bench.prompt('hello there')
    expect((await result).status).toBe('accepted')
    expect((await bench.driver.prompt({ promptId, text: 'hello there' })).status).toBe('accepted')
    bench.terminals.type('agent', 'C-d')
    await bench.waitState('exited')
    expect(bench.file('got')).toBe('hello there\n')
    expect(messages(bench)).toHaveLength(2)
  })
  it('goes on with the command that lives when the daemon comes back', async () => {
    const bench = await plain('echo started >> starts; exec sleep 1000')
    await bench.waitState('idle')
    await bench.restartDaemon()
    await bench.waitState('busy', bench.events.length - 1)
    expect(bench.file('starts')).toBe('started\n')
  })
  it('says what is missing without a command', async () => {
    const bench = await plain('')
    expect((await bench.waitFor('session.state', (body) => body.state === 'error')).detail).toContain('no command')
  })
})

describe('the words of a program', () => {
  it('are split where nothing can be misread', () => { expect(extraArguments('  --model opus\t--verbose ')).toEqual(['--model', 'opus', '--verbose']) })
  it.each(["--append 'a b'", '--x "y"', '--x $HOME', '--x `id`', 'a\\ b'])('refuse quotes and shell signs: %s', (command) => { expect(() => extraArguments(command)).toThrow('cannot hold quotes') })
  it('name the version that is asked for', () => {
    const deps = (agent: object) => ({ context: { boot: { toolboxDir: '/toolbox' } }, assignment: { agent: { executable: null, version: null, ...agent } } }) as unknown as Parameters<typeof programWords>[0]
    expect(programWords(deps({ version: '9.9.9' }), 'codex')).toEqual(['/toolbox/agents/codex-9.9.9/codex'])
    expect(programWords(deps({ executable: '/usr/bin/codex', version: '9.9.9' }), 'codex')).toEqual(['/usr/bin/codex'])
  })
})
