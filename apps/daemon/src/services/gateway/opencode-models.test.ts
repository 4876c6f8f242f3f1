import { expect, test } from 'bun:test'
import { modelEnvironment } from './model-environment.ts'
import { OPENCODE_CONFIG, withOpencodeModels } from './opencode-models.ts'

const BASE = 'http://127.0.0.1:4000/secret/model'
const configOf = (env: Record<string, string>): unknown => JSON.parse(withOpencodeModels(env)[OPENCODE_CONFIG] ?? 'null')

test('each vendor with a key at the server is said, as its own program wants it', () => {
  expect(configOf(modelEnvironment(['anthropic', 'openai', 'gemini'], BASE))).toEqual({ provider: {
    anthropic: { options: { baseURL: `${BASE}/anthropic/v1`, apiKey: 'berth-placeholder' } },
    openai: { options: { baseURL: `${BASE}/openai/v1`, apiKey: 'berth-placeholder' } },
    google: { options: { baseURL: `${BASE}/gemini/v1beta`, apiKey: 'berth-placeholder' } },
  } })
})

test('what a person said stays, and a key of their own is no way through the server', () => {
  const own = { ...modelEnvironment(['openai', 'gemini'], BASE), OPENAI_API_KEY: 'mine', [OPENCODE_CONFIG]: JSON.stringify({ model: 'google/one', provider: { google: { options: { baseURL: 'http://mine' } } } }) }
  expect(configOf(own)).toEqual({ model: 'google/one', provider: { google: { options: { baseURL: 'http://mine', apiKey: 'berth-placeholder' } } } })
  expect(withOpencodeModels({ A: 'b' })).toEqual({ A: 'b' })
  const commented = { ...modelEnvironment(['openai'], BASE), [OPENCODE_CONFIG]: '{ /* mine */ }' }
  expect(withOpencodeModels(commented)).toEqual(commented)
})
