/**
 * The released binary alone: copied into an empty directory, with a home that is not there yet and no repository,
 * package or bun around it, as whoever runs the tests and, where that is root, as somebody without rights too.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { StoredEvent, Workspace } from '@berth/wire'
import { TOKEN_FILE } from '@berth/wire/server-file'
import { VERSION } from '@berth/wire/version'
import { eventually, processesOf, root, serverLog } from './product.ts'

/** Parts that are slow to make stay here, named by their content. */
const CACHE = '/var/tmp/berth-build'
const NOBODY = 65_534
const COMMAND_MS = 45_000
const target = `${process.platform}-${process.arch}`
const asRoot = process.getuid?.() === 0
let built = ''

beforeAll(async () => {
  built = mkdtempSync(join(tmpdir(), 'berth-built-'))
  // A user without rights copies it from here.
  chmodSync(built, 0o755)
  const build = Bun.spawn([process.execPath, 'scripts/build.ts', '--target', target, '--out', built, '--cache', CACHE], { cwd: root, stdout: 'pipe', stderr: 'pipe' })
  const [out, err, code] = await Promise.all([new Response(build.stdout).text(), new Response(build.stderr).text(), build.exited])
  if (code !== 0) throw new Error(`${out}${err}`)
}, 300_000)
afterAll(() => rmSync(built, { recursive: true, force: true }))

test.skipIf(target !== 'linux-x64')('runs on a processor without AVX2', () => {
  const { exitCode, stdout } = Bun.spawnSync(['qemu-x86_64-static', '-cpu', 'Nehalem', join(built, `berth-${target}`), '--version'])
  expect([exitCode, stdout.toString()]).toEqual([0, `${VERSION}\n`])
}, 120_000)

for (const user of asRoot ? (['root', 'nobody'] as const) : (['the tests\' user'] as const)) {
  describe(`the binary alone, run by ${user}`, () => {
    let alone: Alone
    let workspace: Workspace
    const events = async () => (await alone.berth(['events', workspace.id, '--json', '--after', '0', '--no-follow'])).trim().split('\n').map((line) => JSON.parse(line) as StoredEvent)

    beforeAll(() => {
      alone = putAlone(user === 'nobody' ? NOBODY : null)
    })
    afterAll(() => alone.remove())

    test('says its version', async () => {
      expect(await alone.berth(['--version'])).toBe(`${VERSION}\n`)
      expect(JSON.parse(await alone.berth(['version', '--json']))).toMatchObject({ version: VERSION, platform: target })
    })

    test('makes a workspace of a directory and runs a program in it', async () => {
      workspace = JSON.parse(await alone.berth(['up', '--provider', 'local', '--agent', 'plain', '--command', 'echo hi > made.txt; sleep 1000', '--name', 'alone', '--no-open', '-y', '--json'])) as Workspace
      expect(workspace).toMatchObject({ provider: 'local', phase: 'running', name: 'alone', agent: 'plain' })
      await eventually(async () => (await alone.berth(['diff', workspace.id])).includes('made.txt'), 'what the program made')
    }, 120_000)

    test('lists it and tells what happened', async () => {
      const list = JSON.parse(await alone.berth(['list', '--json'])) as Workspace[]
      expect(list.map(({ id }) => id)).toEqual([workspace.id])
      const told = await events()
      expect(told.map(({ seq }) => seq)).toEqual(told.map((_, index) => index + 1))
      expect(told.map(({ body }) => body.type)).toContain('session.started')
    }, 30_000)

    test('serves the page it carries', async () => {
      const page = await alone.fetch('/')
      expect(page.headers.get('content-type')).toStartWith('text/html')
      const [, script = ''] = /<script type="module" src="(\/assets\/[^"]+)"/.exec(await page.text()) ?? []
      const code = await alone.fetch(script)
      expect(code.headers.get('content-type')).toStartWith('text/javascript')
      expect((await code.bytes()).length).toBeGreaterThan(10_000)
    }, 30_000)

    test('deletes it, and the server stops without leaving a process', async () => {
      await alone.berth(['delete', workspace.id, '-y'])
      expect(JSON.parse(await alone.berth(['list', '--json']))).toEqual([])
      await alone.berth(['server', 'stop'])
      expect(alone.processes()).toEqual([])
    }, 60_000)

    test('serves in the foreground until it is asked to end', async () => {
      const server = alone.start(['serve', '--port', '0'])
      try {
        const status = await eventually(async () => {
          const said = JSON.parse(await alone.berth(['server', 'status', '--json'])) as { running: boolean }
          return said.running ? said : null
        }, 'the server')
        expect(status).toMatchObject({ version: VERSION, database: 'embedded' })
      } finally {
        server.kill('SIGTERM')
        await server.exited
      }
      expect(server.exitCode).toBe(0)
      expect(alone.processes()).toEqual([])
    }, 60_000)
  })
}

interface Alone {
  readonly home: string
  /** Runs it to its end in the directory with the code; throws when it does not end well. */
  berth(args: readonly string[]): Promise<string>
  start(args: readonly string[]): Bun.Subprocess<'ignore', 'pipe', 'pipe'>
  fetch(path: string): Promise<Response>
  processes(): { pid: number; command: string }[]
  remove(): Promise<void>
}

function putAlone(uid: number | null): Alone {
  const dir = mkdtempSync(join(tmpdir(), 'berth-alone-'))
  const [binary, home, code, userHome] = ['bin/berth', 'home', 'code', 'user'].map((name) => join(dir, name)) as [string, string, string, string]
  for (const made of [dirname(binary), code, userHome]) mkdirSync(made)
  cpSync(join(built, `berth-${target}`), binary)
  writeFileSync(join(code, 'a.txt'), 'a\n')
  // What a stranger's repository may bring along, and what must not become ours: the binary is made with bun.
  writeFileSync(join(code, '.env'), 'BERTH_URL=http://127.0.0.1:9\nDATABASE_URL=postgres://127.0.0.1:9/none\n')
  writeFileSync(join(code, 'bunfig.toml'), 'preload = ["./preload.ts"]\n')
  writeFileSync(join(code, 'preload.ts'), 'process.exit(3)\n')
  if (uid !== null) Bun.spawnSync(['chown', '-R', `${uid}:${uid}`, dir])
  const drop = uid === null ? [] : ['setpriv', '--reuid', String(uid), '--regid', String(uid), '--clear-groups']
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: userHome, BERTH_HOME: home, BERTH_TOOLBOX: join(dir, 'toolbox'), NO_COLOR: '1' }
  const start: Alone['start'] = (args) => Bun.spawn([...drop, binary, ...args], { cwd: code, env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const berth: Alone['berth'] = async (args) => {
    const child = start(args)
    const timer = setTimeout(() => child.kill('SIGKILL'), COMMAND_MS)
    const [out, err, exit] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
    clearTimeout(timer)
    if (exit !== 0) throw new Error(`berth ${args.join(' ')} ended with ${exit}\n${out}${err}\n${serverLog(home)}`)
    return out
  }
  return {
    home, berth, start,
    fetch: (path) => {
      const { url } = JSON.parse(readFileSync(join(home, 'server.json'), 'utf8')) as { url: string }
      return fetch(new URL(path, url), { headers: { authorization: `Bearer ${readFileSync(join(home, TOKEN_FILE), 'utf8').trim()}` } })
    },
    processes: () => processesOf(dir),
    async remove() {
      if (existsSync(join(home, 'server.json'))) await berth(['delete', 'alone', '-y']).catch(() => {})
      await berth(['server', 'stop']).catch(() => {})
      // What did not end when it was asked to; these are ours, they name our directory.
      for (const { pid } of processesOf(dir)) process.kill(pid, 'SIGKILL')
      // The database of root's server may live outside a home that only root can enter.
      const outside = linkAt(join(home, 'postgres'))
      if (outside !== null) rmSync(dirname(outside), { recursive: true, force: true })
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function linkAt(path: string): string | null {
  try {
    return readlinkSync(path)
  } catch {
    return null
  }
}
