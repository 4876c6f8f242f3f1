/**
 * Every agent that speaks to a model of its own works with a placeholder: the real programs, each one turn with a call of
 * a tool, through the server that holds the key. Claude is shown in `../model-key.test.ts`. `./test full` only.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { AgentKind, EventBody, Workspace } from '@berth/wire'
import type { ModelUsageDay, ModelVendor } from '@berth/wire/model-access'
import { startScriptedModel, type ModelRequest, type ScriptedModel } from '@berth/testkit/scripted-model'
import { COMMAND, eventually, startProduct, type Product } from '../product.ts'
import { secretsFound } from '../secret-search.ts'

const TURN_MS = 120_000
const KEYS = { openai: 'sk-proj-canary-5b1d70e9cc', gemini: 'AIza-canary-8e02c4b6a1' } as const
interface Way {
  readonly vendor: keyof typeof KEYS
  /** What it needs beside the address and the placeholder. */
  readonly words: readonly string[]
  /** Where the real key is, as the vendor wants it. */
  readonly credential: (headers: ModelRequest['headers']) => string | undefined
  readonly path: RegExp
}
const bearer = (headers: ModelRequest['headers']): string | undefined => headers['authorization']?.replace('Bearer ', '')
const WAYS: Readonly<Partial<Record<AgentKind, Way>>> = {
  // A model whose tools are those of every model.
  codex: { vendor: 'openai', words: ['--command=-c model=gpt-5.5 -c notice.model_migrations={"gpt-5.5"="gpt-6-sol"}'], credential: bearer, path: /^\/v1\/responses$/ },
  opencode: { vendor: 'openai', words: ['--env', 'OPENCODE_DISABLE_MODELS_FETCH=1', '--env', 'OPENCODE_DISABLE_LSP_DOWNLOAD=1', '--env', 'OPENCODE_DISABLE_DEFAULT_PLUGINS=1', '--env', `OPENCODE_CONFIG_CONTENT=${JSON.stringify({ model: 'openai/gpt-5.5', small_model: 'openai/gpt-5.5', share: 'disabled' })}`], credential: bearer, path: /^\/v1\/responses$/ },
  gemini: { vendor: 'gemini', words: ['--command=-m gemini-2.5-flash'], credential: (headers) => headers['x-goog-api-key'], path: /^\/v1beta\/models\/[^/]+:streamGenerateContent/ },
  qwen: { vendor: 'openai', words: ['--env', 'OPENAI_MODEL=scripted'], credential: bearer, path: /^\/v1\/chat\/completions$/ },
}
let model: ScriptedModel
let product: Product

async function keep(vendor: ModelVendor, key: string): Promise<void> {
  const child = Bun.spawn([...COMMAND, 'model-key', 'add', vendor, '--url', model.url], { env: product.env, stdin: Buffer.from(`${key}\n`), stdout: 'ignore', stderr: 'inherit' })
  expect(await child.exited).toBe(0)
}
async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await product.fetch(`/api/v1${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  // As the contract says it; what matters of it is expected below.
  return (await response.json()) as T
}

beforeAll(async () => {
  model = await startScriptedModel({ hostname: '127.0.0.1' })
  product = startProduct()
  await product.cli(['provider', 'setup', 'local'])
  for (const [vendor, key] of Object.entries(KEYS)) await keep(vendor as keyof typeof KEYS, key)
}, 120_000)
afterAll(async () => {
  await product?.close()
  await model?.close()
}, 60_000)

for (const [kind, { vendor, words, credential, path }] of Object.entries(WAYS)) {
  test(`${kind} works with a placeholder, and its model sees the key`, async () => {
    const workspace = await product.json<Workspace>(['up', '--provider', 'local', '--agent', kind, '--name', kind, '--no-open', '-y', ...words, '--prompt', `please [[ask told-${kind}]]`])
    const bodies = async (): Promise<EventBody[]> => (await ask<{ events: { body: EventBody }[] }>('GET', `/workspaces/${workspace.id}/events?after=0&limit=1000`)).events.map(({ body }) => body)
    const answered = new Set<string>()
    const turn = await eventually(async () => {
      for (const { approvalId } of await ask<{ approvalId: string }[]>('GET', `/approvals?workspace=${workspace.id}`)) {
        if (answered.has(approvalId)) continue
        answered.add(approvalId)
        await ask('POST', `/approvals/${approvalId}/decision`, { decision: { behavior: 'allow' }, via: 'api' })
      }
      return (await bodies()).find((body) => body.type === 'turn.ended')
    }, 'the end of the turn', TURN_MS)
    expect(turn).toMatchObject({ outcome: 'done', message: 'The command was answered.' })
    const inside = (script: string) => product.cli(['ssh', kind, script])
    expect((await inside(`cat /workspace/told-${kind}`)).stdout).toBe('asked\n')

    // Both calls of the turn: the second one carries what the tool said.
    const calls = model.requests().filter(({ offersTools, body }) => offersTools && JSON.stringify(body).includes(`told-${kind}`))
    expect(calls.length).toBeGreaterThanOrEqual(2)
    for (const { path: asked, headers } of calls) {
      expect(asked).toMatch(path)
      expect(credential(headers)).toBe(KEYS[vendor])
      expect(JSON.stringify(headers)).not.toContain('placeholder')
    }
    expect(await secretsFound(inside, KEYS[vendor])).toEqual([])
    const used = await eventually(async () => (await product.json<ModelUsageDay[]>(['usage', kind, '--days'])).find(({ outputTokens }) => outputTokens > 0), 'what it used')
    expect(used).toMatchObject({ vendor, keyName: '', sessionId: workspace.sessionId })
    await product.cli(['delete', kind, '-y'])
  }, TURN_MS + 90_000)
}

test('nobody asked the model for a socket: that was answered before it', () => {
  expect(model.requests().filter(({ method, path }) => method === 'GET' && path.endsWith('/responses'))).toEqual([])
})
