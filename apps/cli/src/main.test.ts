import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { admit } from './up/login.ts'

const workspace = { id: 'ws_aabbcc000000', name: 'demo', phase: 'running', provider: 'local', webUrl: 'http://x/w', terminalUrl: 'http://x/t', repository: 'r\u001b[2J', agentState: 'busy', needsYou: 0, startedAt: 1, exposures: [], image: null, agent: 'claude', createdAt: 1 }
const event = (seq: number) => ({ workspaceId: workspace.id, seq, id: 'evt_000000000000', at: seq, source: 'daemon', body: { type: 'message', sessionId: 'ses_000000000000', messageId: 'm', role: 'agent', text: `hi ${seq}\u001b]52;c;eA==\u0007` } })
const asked: string[] = []
let home = ''
let server: ReturnType<typeof Bun.serve>

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'berth-cli-'))
  server = Bun.serve({
    port: 0, hostname: '127.0.0.1',
    fetch(request) {
      const { pathname, searchParams } = new URL(request.url)
      asked.push(`${request.method} ${pathname}`)
      if (request.headers.get('authorization') !== 'Bearer t0k') return Response.json({ code: 'unauthorized', message: 'no valid credential', hint: 'sign in' }, { status: 401 })
      if (pathname === '/api/v1/workspaces') return Response.json([workspace, { ...workspace, id: 'ws_aabbdd000000', name: 'other' }])
      if (pathname.endsWith('/events')) {
        const after = Number(searchParams.get('after'))
        return Response.json({ events: [1, 2, 3].filter((seq) => seq > after).slice(0, 2).map(event), tail: 3 })
      }
      if (pathname.endsWith('/share')) return Response.json({ url: 'http://shared', expiresAt: null })
      if (pathname.endsWith('/previews')) return Response.json([[3000, 'public'], [4000, 'link']].map(([port, access]) => ({ port, from: 'declared', label: null, primary: false, listening: true, process: null, access, url: 'http://open' })))
      if (pathname.endsWith('/logs')) return Response.json({ text: 'x'.repeat(1_000_000) })
      if (request.method === 'DELETE') return Response.json({ ...workspace, phase: 'deleted' })
      return Response.json({ code: 'not_found', message: 'gone' }, { status: 404 })
    },
  })
})
afterAll(async () => {
  await server.stop(true)
  await rm(home, { recursive: true, force: true })
})

async function berth(args: string[], env: Record<string, string> = {}) {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'main.ts'), ...args], {
    env: { PATH: process.env['PATH'] ?? '', BERTH_HOME: home, BERTH_URL: `http://127.0.0.1:${server.port}`, BERTH_TOKEN: 't0k', ...env }, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe',
  })
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  return { out, err, code }
}

describe('berth', () => {
  it('says that a port which is shared is open without the link too, when it is public', async () => {
    const open = await berth(['preview', 'demo', '3000', '--share'])
    expect(open.out.trim()).toBe('http://shared')
    expect(open.err).toContain('port 3000 of demo is public')
    expect((await berth(['preview', 'demo', '4000', '--share'])).err).not.toContain('public')
  })
  it('says of a port that is named twice that it is', async () => {
    for (const ports of [['3000', '3000'], ['8080:3000', '8080:4000'], ['2222:ssh', '2222']]) expect(await berth(['forward', 'demo', ...ports])).toMatchObject({ code: 2, err: expect.stringContaining('named twice') })
    const { err } = await berth(['forward', 'nobody', '0:3000', '0:3000', '3000'])
    expect(err).not.toContain('named twice')
  })

  it('prints the stable fields as JSON and clean text for people', async () => {
    const [first] = JSON.parse((await berth(['list', '--json'])).out) as Record<string, unknown>[]
    expect(Object.keys(first ?? {}).slice(0, 6)).toEqual(['id', 'name', 'phase', 'provider', 'webUrl', 'terminalUrl'])
    const { out, code } = await berth(['list'])
    expect([code, out.includes('● working'), out.includes('\u001b')]).toEqual([0, true, false])
  })

  it('ends only when its reader has everything', async () => {
    const whole = (await berth(['logs', 'demo', '--json'])).out
    const main = join(import.meta.dir, 'main.ts')
    const child = Bun.spawn(['sh', '-c', `'${process.execPath}' '${main}' logs demo --json | wc -c`], { env: { PATH: process.env['PATH'] ?? '', BERTH_HOME: home, BERTH_URL: `http://127.0.0.1:${server.port}`, BERTH_TOKEN: 't0k' }, stdout: 'pipe' })
    expect(Number(await new Response(child.stdout).text())).toBe(whole.length)
    expect(whole.length).toBeGreaterThan(1_000_000)
  })

  it('reads events page by page after a cursor, and takes hostile bytes out of what people see', async () => {
    const { out } = await berth(['events', 'demo', '--json', '--after', '0', '--no-follow'])
    expect(out.trim().split('\n').map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual([1, 2, 3])
    expect((await berth(['events', 'demo', '--after', '2', '--no-follow'])).out).toMatch(/hi 3\n$/)
  })

  it('answers what went wrong with a code, a hint and JSON when asked for', async () => {
    const cases: [string[], Record<string, string>, number, string][] = [
      [['list', '--bogus'], {}, 2, 'bad_request'],
      [['nothing'], {}, 2, 'bad_request'],
      [['stop', 'nope'], {}, 3, 'not_found'],
      [['stop', 'aabb'], {}, 1, 'ambiguous_name'],
      [['list'], { BERTH_TOKEN: 'wrong' }, 4, 'unauthorized'],
      [['list'], { BERTH_URL: 'http://127.0.0.1:1' }, 5, 'server_unreachable'],
      [['list'], { BERTH_URL: '', BERTH_CONTEXT: 'absent' }, 2, 'config_invalid'],
      [['up', '/nowhere/at/all'], {}, 3, 'not_found'],
      [['attach', 'demo'], {}, 3, 'not_found'],
    ]
    for (const [args, env, code, name] of cases) {
      const result = await berth([...args, '--json'], env)
      const { error } = JSON.parse(result.out) as { error: { code: string; hint?: string } }
      expect([args, result.code, error.code]).toEqual([args, code, name])
      expect(result.err).toContain('✗')
    }
  }, 20_000)

  it('refuses words that are too many or of the wrong kind, and always says what to do', async () => {
    const cases: string[][] = [
      ['server', 'status', 'x'], ['approvals', 'a', 'b'], ['logs', 'demo', 'agent', 'x'], ['web', 'a', 'b'], ['serve', 'x'], ['keep-alive', 'demo', '--for', '9d'],
      ['events', 'demo', '--after', '-1'], ['events', 'demo', '--after', '1e5'], ['up', '.', '--cpus', '0'], ['up', '.', '--env', '1A=2'], ['--json', 'list'],
    ]
    for (const args of cases) {
      const { out, err, code } = await berth([...args, '--json'])
      const { error } = JSON.parse(out) as { error: { code: string; message: string; hint?: string } }
      expect([args, code, error]).toEqual([args, 2, { code: 'bad_request', message: expect.stringMatching(/^.*[^.]$/), hint: expect.stringMatching(/\S/) }])
      expect(err.trim().split('\n')).toHaveLength(2)
    }
  }, 20_000)

  it('says as JSON too why a home, a backup or a database cannot be used', async () => {
    const own = { BERTH_URL: '', BERTH_TOKEN: '', HOME: home, BERTH_HOME: join(home, 'own') }
    const cases: [string[], Record<string, string>, number, string][] = [
      [['list'], { BERTH_HOME: '/proc/none' }, 2, 'config_invalid'], [['list'], { BERTH_HOME: '/etc/passwd' }, 2, 'config_invalid'],
      [['restore', '/nowhere/at/all'], {}, 3, 'not_found'], [['backup', '/nowhere/at/all'], {}, 3, 'not_found'],
      [['backup', join(home, 'x')], { DATABASE_URL: 'postgres://u:hush@127.0.0.1:1/none' }, 5, 'database_unavailable'],
    ]
    for (const [args, env, code, name] of cases) {
      const { out, err, code: exit } = await berth([...args, '--json'], { ...own, ...env })
      const { error } = JSON.parse(out) as { error: { code: string } }
      expect([args, exit, error]).toMatchObject([args, code, { code: name, hint: expect.stringMatching(/\S/) }])
      expect(err).toStartWith('✗ ')
      expect(out + err).not.toMatch(/hush|    at /)
    }
  }, 20_000)

  it('deletes nothing without a yes', async () => {
    asked.length = 0
    expect((await berth(['delete', 'demo'])).code).toBe(2)
    expect(asked.some((line) => line.startsWith('DELETE'))).toBe(false)
  })

  it('takes Ctrl-C and Ctrl-D at a question for a no', async () => {
    for (const [key, code] of [['\u0003', 130], ['\u0004', 1], ['n\r', 1]] as const) {
      let text = ''
      asked.length = 0
      const child = Bun.spawn([process.execPath, join(import.meta.dir, 'main.ts'), 'delete', 'demo'], {
        env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm', BERTH_HOME: home, BERTH_URL: `http://127.0.0.1:${server.port}`, BERTH_TOKEN: 't0k' },
        terminal: { cols: 80, rows: 24, data: (terminal, bytes) => {
          text += Buffer.from(bytes).toString()
          if (text.includes('[y/N]')) { text = text.replace('[y/N]', ''); terminal.write(key) }
        } },
      })
      expect([key, await child.exited]).toEqual([key, code])
      expect(text).not.toContain('mistake')
      expect(asked.some((line) => line.startsWith('DELETE'))).toBe(false)
    }
  }, 20_000)

  it('has help with examples for every verb', async () => {
    const { verbs } = await import('./commands/index.ts')
    for (const [name, load] of Object.entries(verbs)) {
      const command = await load()
      expect([name, command.examples.length > 0, command.summary.length > 0]).toEqual([name, true, true])
    }
    expect((await berth(['up', '--help'])).out).toContain('--copy-credentials')
  })

  it('reads a context and says which line of YAML is wrong', async () => {
    await mkdir(join(home, 'contexts'), { recursive: true })
    await writeFile(join(home, 'contexts/work.yaml'), `url: http://127.0.0.1:${server.port}\ntoken: t0k\n`)
    expect((await berth(['list', '--json'], { BERTH_URL: '', BERTH_CONTEXT: 'work' })).code).toBe(0)
    await writeFile(join(home, 'contexts/work.yaml'), 'url: [\n')
    expect((await berth(['list', '--json'], { BERTH_URL: '', BERTH_CONTEXT: 'work' })).code).toBe(2)
  })
})

describe('admit', () => {
  it('lets in only what was named, each with its exposure', async () => {
    const world = { env: { ANTHROPIC_API_KEY: 'sk', OTHER_TOKEN: 'x', HOME: home } }
    const admitted = await admit({ env: ['ANTHROPIC_API_KEY', 'MODE=fast', 'A=b=c'], copyCredentials: false }, world)
    expect(admitted.env).toEqual({ ANTHROPIC_API_KEY: 'sk', MODE: 'fast', A: 'b=c' })
    expect(admitted.exposures.map(({ name, how }) => `${name} ${how}`)).toEqual(['ANTHROPIC_API_KEY env'])
    for (const env of [['MISSING'], ['1x=2'], ['=x']]) expect(await admit({ env, copyCredentials: false }, world).catch((error: unknown) => error)).toMatchObject({ code: 'bad_request' })
  })

  it('copies a login when asked to, never beside an API key', async () => {
    const world = { env: { HOME: home, ANTHROPIC_API_KEY: 'sk' } }
    expect(await admit({ env: [], copyCredentials: true }, world).catch((error: unknown) => error)).toMatchObject({ code: 'not_found' })
    await mkdir(join(home, '.claude'), { recursive: true })
    await writeFile(join(home, '.claude/.credentials.json'), '{"claudeAiOauth":{"accessToken":"a"}}')
    const admitted = await admit({ env: [], copyCredentials: true }, world)
    expect(admitted.homeFiles.map(({ path }) => path)).toEqual(['.claude/.credentials.json'])
    expect(admitted.exposures[0]).toMatchObject({ how: 'copied-login' })
    expect(await admit({ env: ['ANTHROPIC_API_KEY'], copyCredentials: true }, world).catch((error: unknown) => error)).toMatchObject({ code: 'bad_request' })
  })
})

describe('what cannot be meant', () => {
  it.each([
    [['up', '.', '--service', 'dev=a', '--service', 'dev=b'], 'two services "dev"'],
    [['up', '.', '--agent', 'plain'], 'was given none'],
    [['send', 'x'.repeat(5000), 'hi'], `"${'x'.repeat(79)}…"`],
  ])('%j is refused before anything is made', async (args, words) => {
    const before = asked.length
    const { err, code } = await berth(args)
    expect(err).toContain(words)
    expect(code).not.toBe(0)
    expect(asked.slice(before).filter((line) => !line.startsWith('GET'))).toEqual([])
  })
})
