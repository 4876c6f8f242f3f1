/** A workspace with real Claude Code on the scripted model, without a sandbox: what it calls and writes is in reach. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { startScriptedModel } from '@berth/testkit/scripted-model'
import type { ScriptedModel, Scenarios } from '@berth/testkit/scripted-model'
import type { WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { SOCKET_PATH } from '@berth/wire/live'
import type { ToPage } from '@berth/wire/live'
import { startProduct } from './product.ts'
import type { Product } from './product.ts'
import { bringUp, machineDir } from './workspace.ts'

const BEGUN_MS = 60_000
/** The first one fetches the agent. */
const UP_MS = 300_000

export interface ClaudeWorkspace {
  readonly product: Product
  readonly id: WorkspaceId
  readonly workDir: string
  /** Where the agent says what it displays, and what it calls its conversation; once it has begun one. */
  door(): Promise<{ url: string; sessionId: string }>
  close(): Promise<void>
}

/** `words`: further ones of `berth up`. */
export async function startClaudeWorkspace(scenarios: Scenarios, words: readonly string[] = []): Promise<ClaudeWorkspace> {
  const model: ScriptedModel = await startScriptedModel({ scenarios })
  const product = startProduct()
  const close = async (): Promise<void> => {
    try {
      await product.close()
    } finally {
      await model.close()
    }
  }
  try {
    mkdirSync(join(product.home, 'providers'), { recursive: true })
    // Without a sandbox the machine's user goes to its directory by itself.
    mkdirSync(join(product.home, 'workspaces'), { mode: 0o711 })
    writeFileSync(join(product.home, 'providers/local.yaml'), 'sandbox: none\n')
    const { id } = await bringUp(product, 'bench', ['--provider', 'local', '--accept-no-isolation', '--prompt', 'please [[say ready]]', '--env', `ANTHROPIC_BASE_URL=${model.url}`, '--env', 'ANTHROPIC_AUTH_TOKEN=placeholder-not-a-secret', '--env', 'CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1', ...words], UP_MS)
    const machine = machineDir(product.home, id)
    return {
      product, id, workDir: join(machine, 'work'), close,
      async door() {
        const [path] = [...new Bun.Glob('**/claude-hooks-*.json').scanSync({ cwd: machine, absolute: true })]
        if (path === undefined) throw new BerthError('not_found', 'the agent\'s settings are not where they were looked for')
        const { hooks } = JSON.parse(readFileSync(path, 'utf8')) as { hooks: { MessageDisplay: { hooks: { url: string }[] }[] } }
        return { url: hooks.MessageDisplay[0]?.hooks[0]?.url ?? '', sessionId: await conversationIn(machine) }
      },
    }
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
}

/** Its transcript is named after it. */
async function conversationIn(machine: string): Promise<string> {
  for (const until = performance.now() + BEGUN_MS; performance.now() < until; await Bun.sleep(100)) {
    const [path] = [...new Bun.Glob('**/.claude/projects/*/*.jsonl').scanSync({ cwd: machine, absolute: true, dot: true })]
    if (path !== undefined) return basename(path, '.jsonl')
  }
  throw new BerthError('timeout', 'the agent began no conversation')
}

/** A second client: a page's socket with the CLI's token. */
export async function openPage(product: Product, id: WorkspaceId, heard: (message: ToPage) => void): Promise<{ close(): void }> {
  const { url, token } = product.endpoint()
  const { tail } = await product.client().getWorkspace({ id })
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}${SOCKET_PATH}`, { headers: { authorization: `Bearer ${token}` } } as unknown as string[])
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve()
    socket.onerror = () => reject(new BerthError('server_unreachable', 'the page\'s socket was refused'))
  })
  const watching = Promise.withResolvers<void>()
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(String(data)) as ToPage
    if (message.type === 'events') watching.resolve()
    heard(message)
  }
  socket.send(JSON.stringify({ type: 'watch', workspaceId: id, after: tail, at: null, hunkId: null }))
  await watching.promise
  return { close: () => socket.close() }
}
