/** The product as a person runs it: a home of its own, the CLI as a process, the server it starts by itself. */
import { chmodSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createClient } from '@berth/client'
import type { Client, Endpoint } from '@berth/client'
import { BerthError } from '@berth/wire/error'
import { SERVER_FILE, SERVER_LOG_FILE, TOKEN_FILE } from '@berth/wire/server-file'
import type { ServerFile } from '@berth/wire/server-file'

const root = resolve(import.meta.dir, '../..')
/** From source, or the compiled binary that BERTH_BENCH_BINARY names. */
export const BERTH: readonly string[] = process.env['BERTH_BENCH_BINARY'] ? [process.env['BERTH_BENCH_BINARY']] : [process.execPath, `--tsconfig-override=${root}/tsconfig.json`, `${root}/apps/cli/src/main.ts`]
/** Agents and the daemon's build are large: made once for all homes of this machine, and never counted. */
const TOOLBOX = process.env['BERTH_TOOLBOX'] ?? '/var/tmp/berth-toolbox'
const CLI_MS = 180_000
const STDERR_SHOWN = 2000

export interface Product {
  readonly home: string
  readonly env: Readonly<Record<string, string>>
  /** Runs the CLI to its end; throws what it said when it did not end well. */
  cli(args: readonly string[], options?: { cwd?: string; withinMs?: number }): Promise<string>
  json<T>(args: readonly string[], options?: { cwd?: string; withinMs?: number }): Promise<T>
  server(): ServerFile
  endpoint(): Endpoint & { readonly token: string }
  client(): Client
  /** Deletes every workspace, stops the server, removes the home. */
  close(): Promise<void>
}

export function startProduct(extra: Readonly<Record<string, string>> = {}): Product {
  const home = mkdtempSync(join(tmpdir(), 'berth-bench-'))
  // The database's and the agents' users must be able to pass through it.
  chmodSync(home, 0o711)
  const env = { ...cleanEnvironment(), BERTH_HOME: home, BERTH_TOOLBOX: TOOLBOX, NO_COLOR: '1', ...extra }
  const running = new Set<Bun.Subprocess>()

  const cli: Product['cli'] = async (args, options = {}) => {
    const child = Bun.spawn([...BERTH, ...args], { cwd: options.cwd ?? home, env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
    running.add(child)
    const timer = setTimeout(() => child.kill('SIGKILL'), options.withinMs ?? CLI_MS)
    const [stdout, stderr, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
    clearTimeout(timer)
    running.delete(child)
    if (code === 0) return stdout
    throw new BerthError('internal', `berth ${args[0]} ended with ${code}: ${stderr.trim().slice(-STDERR_SHOWN)}`, { hint: `the server said: ${logTail(home)}` })
  }
  const server = (): ServerFile => JSON.parse(readFileSync(join(home, SERVER_FILE), 'utf8')) as ServerFile
  const endpoint: Product['endpoint'] = () => ({ url: server().url, token: readFileSync(join(home, TOKEN_FILE), 'utf8').trim() })
  const client = (): Client => createClient(endpoint())

  async function endServer(): Promise<void> {
    try {
      for (const { id } of await client().listWorkspaces({})) await cli(['delete', id, '-y'])
    } finally {
      await cli(['server', 'stop'])
    }
  }

  return {
    home, env, cli, server, endpoint, client,
    json: async (args, options) => JSON.parse(await cli([...args, '--json'], options)),
    async close() {
      for (const child of running) child.kill('SIGTERM')
      try {
        if (isThere(join(home, SERVER_FILE))) await endServer()
      } finally {
        removeHome(home)
      }
    },
  }
}

/** The database's files of a privileged user lie elsewhere, behind a link. */
export function removeHome(home: string): void {
  const placed = realpathOrNull(join(home, 'postgres'))
  rmSync(home, { recursive: true, force: true })
  if (placed !== null && !placed.startsWith(home)) rmSync(placed, { recursive: true, force: true })
}

function realpathOrNull(path: string): string | null {
  try {
    return realpathSync(path)
  } catch {
    return null
  }
}
const isThere = (path: string): boolean => realpathOrNull(path) !== null

/** Nothing of this machine's own logins reaches what is measured. */
function cleanEnvironment(): Record<string, string> {
  const keep = ['PATH', 'HOME', 'USER', 'LANG', 'TMPDIR', 'TERM', 'npm_config_registry', 'DOCKER_HOST']
  return Object.fromEntries(keep.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name] ?? '']])))
}

function logTail(home: string): string {
  try {
    return readFileSync(join(home, SERVER_LOG_FILE), 'utf8').trim().slice(-STDERR_SHOWN)
  } catch {
    return 'nothing'
  }
}
