/**
 * Other self-hosted pages for agents, installed from npm into a directory of their own (BERTH_BENCH_PEERS) and started
 * with a home of their own. Each is visited as its owner sees it first: signed in, without any session.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContextOptions } from 'playwright-core'
import { freePort } from '@berth/testkit/free-ports'
import { BerthError } from '@berth/wire/error'

type Storage = Exclude<NonNullable<BrowserContextOptions['storageState']>, string>
export interface PagePeer { readonly name: string; start(signal: AbortSignal): Promise<RunningPeer> }
export interface RunningPeer { readonly url: string; readonly version: string; readonly storage: Storage; close(): Promise<void> }

interface Recipe {
  readonly name: string
  readonly package: string
  readonly version: string
  /** Packages that compile something when they are installed: newer npm asks for each. */
  readonly scripts: readonly string[]
  readonly command: (installed: string, port: number) => string[]
  readonly env: (home: string, port: number) => Record<string, string>
  readonly path: string
  readonly signIn: (url: string) => Promise<Storage>
}

const PLACE = process.env['BERTH_BENCH_PEERS'] ?? '/var/tmp/berth-bench-peers'
const INSTALL_MS = 300_000
const START_MS = 120_000
const ANSWER_MS = 5000
const NOBODY: Storage = { cookies: [], origins: [] }

const recipes: readonly Recipe[] = [
  {
    name: 'claude-code-ui', package: '@siteboon/claude-code-ui', version: '1.12.0', scripts: ['bcrypt', 'better-sqlite3', 'node-pty', 'sqlite3'],
    command: (installed) => ['node', join(installed, 'node_modules/@siteboon/claude-code-ui/server/index.js')],
    env: (home, port) => ({ PORT: String(port), DATABASE_PATH: join(home, 'auth.db') }),
    path: '/',
    async signIn(url) {
      const response = await fetch(`${url}/api/auth/register`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username: 'bench', password: crypto.randomUUID() }) })
      const { token } = (await response.json()) as { token?: string }
      if (token === undefined) throw new BerthError('unsupported', `claude-code-ui did not make an account: ${response.status}`)
      return { cookies: [], origins: [{ origin: url, localStorage: [{ name: 'auth-token', value: token }] }] }
    },
  },
  {
    name: 'opencode', package: 'opencode-ai', version: '1.18.33', scripts: ['opencode-ai'],
    command: (installed, port) => [join(installed, 'node_modules/.bin/opencode'), 'serve', '--port', String(port), '--hostname', '127.0.0.1'],
    env: (home) => ({ XDG_DATA_HOME: join(home, 'data'), XDG_CONFIG_HOME: join(home, 'config'), OPENCODE_DISABLE_AUTOUPDATE: '1' }),
    path: '/',
    signIn: async () => NOBODY,
  },
]

export const pagePeers: readonly PagePeer[] = recipes.map((recipe) => ({ name: recipe.name, start: (signal) => start(recipe, signal) }))

async function start(recipe: Recipe, signal: AbortSignal): Promise<RunningPeer> {
  const installed = await install(recipe, signal)
  const home = mkdtempSync(join(tmpdir(), 'berth-bench-peer-'))
  const port = freePort()
  const url = `http://127.0.0.1:${port}`
  const child = Bun.spawn(recipe.command(installed, port), { cwd: home, env: { PATH: process.env['PATH'] ?? '', HOME: home, ...recipe.env(home, port) }, stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
  const close = async (): Promise<void> => {
    child.kill()
    await child.exited
    rmSync(home, { recursive: true, force: true })
  }
  try {
    await answering(`${url}${recipe.path}`, child, signal)
    return { url: `${url}${recipe.path}`, version: recipe.version, storage: await recipe.signIn(url), close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Once for this machine. */
async function install({ name, package: wanted, version, scripts }: Recipe, signal: AbortSignal): Promise<string> {
  const dir = join(PLACE, `${name}-${version}`)
  const done = join(dir, 'installed')
  if (await Bun.file(done).exists()) return dir
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ private: true, dependencies: { [wanted]: version }, allowScripts: Object.fromEntries(scripts.map((script) => [script, true])) }))
  const npm = Bun.spawn(['npm', 'install', '--no-audit', '--no-fund'], { cwd: dir, stdin: 'ignore', stdout: 'ignore', stderr: 'pipe', timeout: INSTALL_MS, signal })
  const [said, code] = await Promise.all([new Response(npm.stderr).text(), npm.exited])
  if (code !== 0) throw new BerthError('unsupported', `npm install ${wanted}@${version} ended with ${code}: ${said.trim().slice(-400)}`)
  await Bun.write(done, '')
  return dir
}

async function answering(url: string, child: Bun.Subprocess<'ignore', 'ignore', 'pipe'>, signal: AbortSignal): Promise<void> {
  const until = performance.now() + START_MS
  for (;;) {
    signal.throwIfAborted()
    // What is asked before it is ready may never be answered.
    if (await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) }).then(({ ok }) => ok, () => false)) return
    if (child.exitCode !== null) throw new BerthError('unsupported', `it ended with ${child.exitCode}: ${(await new Response(child.stderr).text()).trim().slice(0, 400)}`)
    if (performance.now() > until) throw new BerthError('timeout', `it does not answer within ${START_MS / 1000} s`)
    await Bun.sleep(100)
  }
}
