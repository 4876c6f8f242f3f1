/** What answers say was used, read from the bytes of a server that speaks the vendors' protocols. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { startScriptedModel, type ScriptedModel } from '@berth/testkit/scripted-model'
import type { ModelVendor } from '@berth/wire/model-access'
import { isModelCall, requestHeaders } from './routes.ts'
import { createUsageReader } from './usage.ts'

let model: ScriptedModel
beforeAll(async () => { model = await startScriptedModel({ hostname: '127.0.0.1' }) })
afterAll(() => model?.close())

async function read(vendor: ModelVendor, path: string, body: object, pieceBytes: number) {
  const answer = await fetch(`${model.url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  const bytes = new Uint8Array(await answer.arrayBuffer())
  const reader = createUsageReader({ vendor, contentType: answer.headers.get('content-type') ?? '', asked: { model: 'asked-for', inputTokens: 5, maxOutputTokens: 9 }, now: () => 0 })
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.read(bytes.subarray(at, at + pieceBytes))
  return reader.end(false)
}

const said = '[[say good morning]]'
const calls: readonly (readonly [string, ModelVendor, string, object])[] = [
  ['messages, stream', 'anthropic', '/v1/messages', { model: 'claude-opus-5-5', max_tokens: 9, stream: true, messages: [{ role: 'user', content: said }] }],
  ['messages, whole', 'anthropic', '/v1/messages', { model: 'claude-opus-5-5', max_tokens: 9, messages: [{ role: 'user', content: said }] }],
  ['responses, stream', 'openai', '/v1/responses', { model: 'gpt-5.5', stream: true, input: said }],
  ['chat, stream', 'openai', '/v1/chat/completions', { model: 'gpt-5.5', stream: true, stream_options: { include_usage: true }, messages: [{ role: 'user', content: said }] }],
  ['gemini, stream', 'gemini', '/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse', { contents: [{ role: 'user', parts: [{ text: said }] }] }],
]
for (const [name, vendor, path, body] of calls) {
  test(`${name}: the same however its bytes are cut`, async () => {
    for (const pieceBytes of [1, 7, 65_536]) {
      const used = await read(vendor, path, body, pieceBytes)
      expect(used).toMatchObject({ requests: 1 })
      expect(used?.inputTokens).toBeGreaterThan(0)
      expect(used?.outputTokens).toBeGreaterThan(0)
      const [ofInput, ofOutput] = { anthropic: [4, 20], openai: [5, 30], gemini: [0, 0] }[vendor]
      expect(used?.costMicros).toBe((used?.inputTokens ?? 0) * (ofInput ?? 0) + (used?.outputTokens ?? 0) * (ofOutput ?? 0))
    }
  })
}

describe('an answer that is not what it should be', () => {
  test.each(['', 'data: {"usage":', 'data: {"usage": 7}', 'data: {"usage":{"input_tokens":-1,"output_tokens":"x"}}\n', '{"usage":null}', '"usage"', 'data: [DONE]'])('%s', (text) => {
    const reader = createUsageReader({ vendor: 'anthropic', contentType: 'text/event-stream; charset=utf-8', asked: { model: 'm', inputTokens: 5, maxOutputTokens: 9 }, now: () => 0 })
    reader.read(new TextEncoder().encode(text))
    const used = reader.end(false)
    expect(used === null || (used.inputTokens === 0 && used.outputTokens === 0 && used.costMicros === 0)).toBe(true)
  })
})

test('no other call of a vendor is passed on', () => {
  for (const [vendor, method, path] of [['anthropic', 'GET', '/v1/messages'], ['anthropic', 'POST', '/v1/messages/batches'], ['anthropic', 'POST', '/v1/organizations'], ['anthropic', 'DELETE', '/v1/models'], ['openai', 'POST', '/v1/files'], ['openai', 'GET', '/v1/responses'], ['gemini', 'POST', '/v1beta/models/a/b:generateContent'], ['gemini', 'POST', '/upload/v1beta/files'], ['anthropic', 'POST', '/v1/messages/'], ['anthropic', 'POST', '//v1/messages']] as const) {
    expect(isModelCall(vendor, method, path)).toBe(false)
  }
})

test('the key stands where the vendor looks for it, and nothing of the workspace\'s own credential goes along', () => {
  const from = new Headers({ authorization: 'Bearer mine', 'x-api-key': 'mine', 'x-goog-api-key': 'mine', cookie: 'a=mine', 'anthropic-version': '2023-06-01', 'x-forwarded-for': 'mine' })
  const to = (vendor: ModelVendor, key: string) => Object.fromEntries(requestHeaders(vendor, from, { key }))
  expect(to('anthropic', 'sk-ant-api03-k')).toEqual({ 'accept-encoding': 'identity', 'anthropic-version': '2023-06-01', 'x-api-key': 'sk-ant-api03-k' })
  expect(to('anthropic', 'sk-ant-oat01-k')).toMatchObject({ authorization: 'Bearer sk-ant-oat01-k', 'anthropic-beta': 'oauth-2025-04-20' })
  expect(to('openai', 'sk-k')).toMatchObject({ authorization: 'Bearer sk-k' })
  expect(to('gemini', 'k')).toMatchObject({ 'x-goog-api-key': 'k' })
})

test('an answer of another tier, or of a model that is on no list, has no price; what is written to a cache is told apart', () => {
  const reader = (model: string) => createUsageReader({ vendor: 'openai', contentType: 'application/json', asked: { model, inputTokens: 9, maxOutputTokens: 9 }, now: () => 0 })
  const answered = (body: object) => {
    const one = reader('gpt-6.2-sol')
    one.read(new TextEncoder().encode(JSON.stringify({ model: 'gpt-6.2-sol', usage: { input_tokens: 1000, output_tokens: 10, input_tokens_details: { cached_tokens: 300, cache_write_tokens: 400 } }, ...body })))
    return one.end(false)
  }
  expect(answered({ service_tier: 'default' })).toMatchObject({ model: 'gpt-6.2-sol', inputTokens: 300, cacheReadTokens: 300, cacheWriteTokens: 400, costMicros: 300 * 2 + 30 + 400 * 2.5 + 100 })
  expect(answered({ service_tier: 'priority' })).toMatchObject({ model: 'gpt-6.2-sol (priority)', costMicros: 0 })
  expect(answered({ model: 'gpt-99' })).toMatchObject({ model: 'gpt-99', costMicros: 0 })
})
