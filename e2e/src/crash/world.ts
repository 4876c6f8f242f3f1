/** A product of its own whose parts may be killed: the sweep is the one who starts its server again. */
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { startScriptedModel, type ScriptedModel } from '@berth/testkit/scripted-model'
import { numberedAgentMain } from '@berth/testkit/numbered-agent'
import { SERVER_FILE, SERVER_LOG_FILE } from '@berth/wire/server-file'
import { COMMAND, root, startProduct, type Product } from '../product.ts'
import { modelUrl } from '../providers.ts'
import { until } from './life.ts'
import { createVictims, isAlive, killAll, type Victims } from './victims.ts'

/** What is wrong with the server on purpose; each but `late` must turn a sweep red. See `faulty-server.ts`. */
export type Fault = 'late' | 'no-dedupe' | 'no-fencing'

export interface World {
  readonly product: Product
  readonly victims: Victims
  readonly model: ScriptedModel
  readonly modelUrl: string
  /** Of the installation; known once the server was ready the first time. */
  readonly installation: string
  /** Resolves when the server is ready; one that is already there is kept. */
  startServer(signal?: AbortSignal): Promise<void>
  /** JSON over the API. Throws when the server is away or refuses; `null` when it answers 404. */
  ask<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<T | null>
  close(): Promise<void>
}

const AGENT = join(import.meta.dir, 'agent/claude')
const ANSWER_WITHIN_MS = 15_000

/** `copyOf`: begins with a copy of that home, made now. */
export async function openWorld(options: { fault?: Fault; copyOf?: string }): Promise<World> {
  const product = startProduct()
  if (options.copyOf !== undefined) await copyHome(options.copyOf, product.home)
  const model = await startScriptedModel({ hostname: '127.0.0.1' })
  const { home } = product
  mkdirSync(join(home, 'providers'), { recursive: true })
  writeFileSync(join(home, 'config.yaml'), `port: 0\nagents:\n  claude:\n    executable: ${AGENT}\n`)
  writeFileSync(join(home, 'providers/local.yaml'), `hostPorts: [${new URL(model.url).port}]\nreadOnlyPaths: ['${dirname(AGENT)}', '${dirname(numberedAgentMain)}']\n`)
  const victims = createVictims(home)
  const children = new Set<Bun.Subprocess>()
  let installation = ''

  const spawnServer = (): Bun.Subprocess => {
    mkdirSync(dirname(join(home, SERVER_LOG_FILE)), { recursive: true })
    const log = openSync(join(home, SERVER_LOG_FILE), 'a', 0o600)
    const command = options.fault === undefined ? [...COMMAND, 'serve'] : [process.execPath, `--tsconfig-override=${root}/tsconfig.json`, join(import.meta.dir, 'faulty-server.ts'), options.fault]
    // A session of its own, as the CLI does it: what ends this test does not end the server.
    const child = Bun.spawn(command, { cwd: home, env: product.env, stdin: 'ignore', stdout: log, stderr: log, detached: true })
    closeSync(log)
    children.add(child)
    void child.exited.then(() => children.delete(child))
    return child
  }
  const ready = async (): Promise<boolean> => {
    const response = await product.fetch('/api/v1/health', { signal: AbortSignal.timeout(2000) }).catch(() => null)
    if (response?.ok !== true) return false
    installation = ((await response.json()) as { installation: string }).installation
    return true
  }
  const startServer = async (signal?: AbortSignal): Promise<void> => {
    let child: Bun.Subprocess | null = null
    await until(signal, async () => {
      if (victims.server().length > 0 && (await ready())) return true
      // A service manager would start it again when it ends before it is ready; so do we.
      if (child === null || child.exitCode !== null || child.signalCode !== null) child = spawnServer()
      return false
    }, 'the server', 60_000)
  }
  return {
    product, victims, model, startServer,
    modelUrl: modelUrl(model),
    get installation() { return installation },
    async ask<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<T | null> {
      const response = await product.fetch(`/api/v1${path}`, { method, signal: AbortSignal.timeout(ANSWER_WITHIN_MS), ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
      if (response.status === 404) return null
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${(await response.text()).slice(0, 300)}`)
      return (await response.json()) as T
    },
    async close() {
      await startServer().catch(() => {})
      try {
        await product.close()
      } finally {
        await model.close()
      }
      // A restored database may not know of a machine that was made after its backup.
      killAll(victims.marked(installation).map(({ pid }) => pid))
      for (const child of children) if (isAlive(child.pid)) child.kill('SIGKILL')
    },
  }
}

/** All but what names the first home's own processes. */
async function copyHome(from: string, to: string): Promise<void> {
  const copied = Bun.spawn(['sh', '-c', 'cd "$1" && find . -type s -prune -o -print0 | tar --create --null --no-recursion --files-from=- | tar --extract --same-owner --preserve-permissions --directory "$2"', 'copy', from, to], { stderr: 'pipe' })
  const said = await new Response(copied.stderr).text()
  if ((await copied.exited) !== 0) throw new Error(`the home was not copied: ${said}`)
  for (const name of [SERVER_FILE, 'home.lock']) rmSync(join(to, name), { force: true })
}
