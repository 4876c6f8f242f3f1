/** A model's key that stays with the server: real Claude Code works with a placeholder, and is stopped at the limit. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Session, Workspace } from '@berth/wire'
import type { ModelKey, ModelUsage, ModelUsageDay } from '@berth/wire/model-access'
import { startScriptedModel, type ScriptedModel } from '@berth/testkit/scripted-model'
import { COMMAND, eventually, startProduct, type Product } from './product.ts'
import { secretsFound } from './secret-search.ts'

const KEY = 'sk-ant-api03-canary-91c4e7d2aa'
let model: ScriptedModel
let product: Product

async function keep(args: readonly string[], key = KEY): Promise<string> {
  const child = Bun.spawn([...COMMAND, 'model-key', 'add', ...args, '--json'], { env: product.env, stdin: Buffer.from(`${key}\n`), stdout: 'pipe', stderr: 'inherit' })
  return new Response(child.stdout).text()
}
const PROBE = 'curl -s --noproxy "*" -d "{}" "$ANTHROPIC_BASE_URL/v1/messages"'
const inside = (script: string, exit: number | null = 0) => product.cli(['ssh', 'demo', script], { exit })

beforeAll(async () => {
  model = await startScriptedModel({ hostname: '127.0.0.1' })
  product = startProduct()
  await product.cli(['provider', 'setup', 'local'])
  expect(JSON.parse(await keep(['anthropic', '--url', model.url])) as ModelKey).toMatchObject({ vendor: 'anthropic', baseUrl: model.url, limitMicros: null })
  const workspace = await product.json<Workspace>(['up', '--provider', 'local', '--agent', 'claude-headless', '--name', 'demo', '--prompt', 'please [[say good morning]]', '--no-open', '-y'])
  expect(workspace.exposures).toEqual([])
}, 120_000)
afterAll(async () => {
  await product?.close()
  await model?.close()
}, 60_000)

test('the agent speaks with its model, which sees the key that the workspace does not have', async () => {
  const request = await model.waitFor(({ body }) => JSON.stringify(body).includes('good morning'), AbortSignal.timeout(60_000))
  expect(request.headers['x-api-key']).toBe(KEY)
  expect(request.headers['authorization']).toBeUndefined()
  expect(JSON.stringify(request.headers)).not.toContain('placeholder')
  const used = await eventually(async () => (await product.json<ModelUsage[]>(['usage', 'demo'])).find(({ outputTokens }) => outputTokens > 0), 'what it used')
  expect(used).toMatchObject({ vendor: 'anthropic' })
  expect(used.costMicros).toBeGreaterThan(0)
  expect(await secretsFound(inside, KEY)).toEqual([])
  expect((await inside('echo "$ANTHROPIC_AUTH_TOKEN"')).stdout).toBe('berth-placeholder\n')
}, 90_000)

test('what another session uses is counted for that session', async () => {
  const session = await product.json<Session>(['session', 'new', 'demo', '--agent', 'claude-headless', '--prompt', 'please [[say from another]]'])
  await model.waitFor(({ body }) => JSON.stringify(body).includes('from another'), AbortSignal.timeout(60_000))
  await eventually(async () => (await product.json<ModelUsageDay[]>(['usage', 'demo', '--days'])).some(({ sessionId, outputTokens }) => sessionId === session.id && outputTokens > 0), 'what it used')
  await product.cli(['session', 'end', 'demo', session.id])
}, 90_000)

test('only the calls of agents are passed on, with their bytes as they are', async () => {
  const ask = (path: string, more = ''): string => `curl -s --noproxy "*" -o - -w "%{http_code}" ${more} "$ANTHROPIC_BASE_URL${path}"`
  expect((await inside(ask('/v1/organizations/me/api_keys'))).stdout).toEndWith('404')
  expect((await inside(ask('/v1/messages/../organizations/me'))).stdout).toEndWith('404')
  expect((await inside('curl -s --noproxy "*" -o /dev/null -w "%{http_code}" "${ANTHROPIC_BASE_URL/anthropic/openai}/v1/models"')).stdout).toBe('403')
  const body = JSON.stringify({ model: 'claude-opus-5-5', max_tokens: 100, stream: true, messages: [{ role: 'user', content: '[[say exactly this]]' }] })
  const direct = await (await fetch(`${model.url}/v1/messages`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-api-key': 'x' }, body })).text()
  const through = await inside(`curl -s --noproxy "*" -H "content-type: application/json" -H "x-api-key: mine" -H "cookie: a=b" -d '${body}' "$ANTHROPIC_BASE_URL/v1/messages"`)
  const still = (text: string): string => text.replaceAll(/msg_[0-9a-f]+/g, 'msg')
  expect(still(through.stdout)).toBe(still(direct))
  expect(model.requests().at(-1)?.headers['x-api-key']).toBe(KEY)
  expect(model.requests().at(-1)?.headers['cookie']).toBeUndefined()
}, 60_000)

test('at the limit the agent is told why, and nothing goes on', async () => {
  await keep(['anthropic', '--url', model.url, '--limit', '0.0001'])
  // What is kept is remembered for a moment.
  await eventually(async () => (await inside(PROBE)).stdout.includes('has used what it may'), 'the limit')
  const asked = model.requests().length
  const said = await inside('timeout 50 claude -p "[[say more]]" 2>&1', null)
  expect(said.stdout).toContain('has used what it may, $0.00')
  expect(model.requests()).toHaveLength(asked)
}, 90_000)

test('without the key the agent is told who can help', async () => {
  await product.cli(['model-key', 'remove', 'anthropic'])
  await eventually(async () => (await inside(PROBE)).stdout.includes('has no key for Anthropic: berth model-key add anthropic'), 'the end of the key')
}, 60_000)
