/**
 * The whole product as a stranger runs it: a home of its own, the CLI as a process, the server it starts by itself.
 * `BERTH_E2E_BINARY` runs the same on the compiled binary.
 */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { SERVER_FILE, SERVER_LOG_FILE, TOKEN_FILE } from '@berth/wire/server-file'

export const root = resolve(import.meta.dir, '../..')
/** Agents are large: one download for all test homes of this machine. */
export const TOOLBOX = process.env['BERTH_TOOLBOX'] ?? '/var/tmp/berth-toolbox'

export interface CliResult { readonly exitCode: number; readonly stdout: string; readonly stderr: string }
export interface Product {
  readonly home: string
  readonly env: Record<string, string>
  /** Runs the CLI to its end. Throws with its output when it exits otherwise than expected (0). */
  cli(args: readonly string[], options?: { cwd?: string; exit?: number | null; env?: Record<string, string>; withinMs?: number }): Promise<CliResult>
  json<T>(args: readonly string[], options?: { cwd?: string; env?: Record<string, string> }): Promise<T>
  /** A request with the CLI's token, as another client would make it. */
  fetch(path: string, init?: RequestInit): Promise<Response>
  /** Deletes every workspace, stops the server, removes the home. */
  close(): Promise<void>
}

export const COMMAND = process.env['BERTH_E2E_BINARY'] ? [process.env['BERTH_E2E_BINARY']] : [process.execPath, `--tsconfig-override=${root}/tsconfig.json`, `${root}/apps/cli/src/main.ts`]

/** `withinMs`: for each command to end. `through`: words before each command, as for a computer of its own. */
export function startProduct(extra: Record<string, string> = {}, { withinMs = 180_000, through = [] }: { withinMs?: number; through?: readonly string[] } = {}): Product {
  const home = mkdtempSync(join(tmpdir(), 'berth-e2e-'))
  // The database's and the agents' users must be able to pass through it.
  chmodSync(home, 0o711)
  const env = cleanEnvironment({ BERTH_HOME: home, BERTH_TOOLBOX: TOOLBOX, ...extra })
  const cli: Product['cli'] = async (args, options = {}) => {
    const child = Bun.spawn([...through, ...COMMAND, ...args], { cwd: options.cwd ?? home, env: { ...env, ...options.env }, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
    const timer = setTimeout(() => child.kill('SIGKILL'), options.withinMs ?? withinMs)
    const [stdout, stderr, exitCode] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
    clearTimeout(timer)
    const expected = options.exit === undefined ? 0 : options.exit
    if (expected !== null && exitCode !== expected) throw new Error(`berth ${args.join(' ')}: exit ${exitCode}, expected ${expected}\n${stdout}\n${stderr}\n${serverLog(home)}`)
    return { exitCode, stdout, stderr }
  }
  return {
    home,
    env,
    cli,
    json: async (args, options) => {
      const { stdout } = await cli([...args, '--json'], options)
      return JSON.parse(stdout)
    },
    fetch: async (path, init = {}) => {
      const { url } = JSON.parse(readFileSync(join(home, SERVER_FILE), 'utf8')) as { url: string }
      const token = readFileSync(join(home, TOKEN_FILE), 'utf8').trim()
      const headers = new Headers(init.headers)
      headers.set('authorization', `Bearer ${token}`)
      if (!headers.has('content-type')) headers.set('content-type', 'application/json')
      return fetch(new URL(path, url), { ...init, headers })
    },
    close: async () => {
      if (existsSync(join(home, SERVER_FILE))) {
        const list = await cli(['list', '--json'], { exit: null })
        const workspaces = list.exitCode === 0 ? (JSON.parse(list.stdout) as { id: string }[]) : []
        await Promise.all(workspaces.map(({ id }) => cli(['delete', id, '-y'], { exit: null })))
        await cli(['server', 'stop'], { exit: null })
      }
      const placed = await realPath(join(home, 'postgres'))
      rmSync(home, { recursive: true, force: true })
      if (placed && !placed.startsWith(home)) rmSync(placed, { recursive: true, force: true })
    },
  }
}

async function realPath(path: string): Promise<string | null> {
  const { realpath } = await import('node:fs/promises')
  return realpath(path).catch(() => null)
}

/** Nothing of the machine's own logins reaches the product under test. */
function cleanEnvironment(extra: Record<string, string>): Record<string, string> {
  const keep = ['PATH', 'HOME', 'USER', 'LANG', 'TMPDIR', 'TERM', 'npm_config_registry', 'DOCKER_HOST']
  const env: Record<string, string> = {}
  for (const name of keep) if (process.env[name] !== undefined) env[name] = process.env[name] ?? ''
  return { ...env, NO_COLOR: '1', ...extra }
}

export function serverLog(home: string): string {
  const path = join(home, SERVER_LOG_FILE)
  return existsSync(path) ? `--- server.log\n${readFileSync(path, 'utf8').slice(-6000)}` : '(no server log)'
}

/** Asks until the answer is there; the test's own timeout is the limit. Throws what `onGiveUp` says after `withinMs`. */
export async function eventually<T>(ask: () => Promise<T | null | undefined | false>, what: string, withinMs = 60_000): Promise<T> {
  const end = Date.now() + withinMs
  let last: unknown = null
  while (Date.now() < end) {
    try {
      const value = await ask()
      if (value) return value
    } catch (error) {
      last = error
    }
    await Bun.sleep(150)
  }
  throw new Error(`${what}: not seen within ${withinMs / 1000} s${last ? ` (${String(last)})` : ''}`)
}

/** Every process whose environment carries the home's marker or whose command line names the home. */
export function processesOf(home: string): { pid: number; command: string }[] {
  const found: { pid: number; command: string }[] = []
  for (const pid of new Bun.Glob('[0-9]*').scanSync({ cwd: '/proc', onlyFiles: false })) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8')
      if (Number(pid) !== process.pid && (command.includes(home) || environment.includes(`BERTH_HOME=${home}`))) found.push({ pid: Number(pid), command: command.slice(0, 200) })
    } catch {
      // It ended while we looked.
    }
  }
  return found
}
