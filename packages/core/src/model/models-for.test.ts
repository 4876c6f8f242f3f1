import { expect, test } from 'bun:test'
import { modelsFor } from './models-for.ts'

const keys = [{ vendor: 'anthropic' as const }, { vendor: 'openai' as const }]

test('a vendor is reached through the server unless somebody chose another way', () => {
  expect(modelsFor(keys, { env: {}, homeFiles: [] })).toEqual(['anthropic', 'openai'])
  expect(modelsFor(keys, { env: { ANTHROPIC_API_KEY: '', OPENAI_API_KEY: 'sk' }, homeFiles: [] })).toEqual(['anthropic'])
  expect(modelsFor(keys, { env: { CLAUDE_CODE_OAUTH_TOKEN: 'x' }, homeFiles: [] })).toEqual(['openai'])
  expect(modelsFor(keys, { env: {}, homeFiles: [{ path: '.claude/.credentials.json' }, { path: '.codex/config.toml' }] })).toEqual(['openai'])
  expect(modelsFor([], { env: {}, homeFiles: [] })).toEqual([])
})
