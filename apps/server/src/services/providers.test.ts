import { expect, test } from 'bun:test'
import type { Provider, ProviderCheck } from '@berth/core'
import { createProviderRegistry } from './providers.ts'

const GOOD: ProviderCheck = { ok: true, isolation: 'sandbox', detail: 'works', hint: null }
const hangs = (signal: AbortSignal) => new Promise<ProviderCheck>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
function registry(...looks: ((signal: AbortSignal) => Promise<ProviderCheck>)[]) {
  const provider = { name: 'local', check: (signal: AbortSignal) => (looks.shift() ?? hangs)(signal) }
  return createProviderRegistry([provider as unknown as Provider], null, { withinMs: 20, rememberMs: 0 })
}

test('a look that takes too long leaves what was seen before', async () => {
  const providers = registry(async () => GOOD)
  expect(await providers.check('local')).toEqual(GOOD)
  expect(await providers.check('local')).toEqual(GOOD)
  expect(await providers.check('local')).toEqual(GOOD)
})

test('where nothing was seen yet, or what is wrong is told, that is said', async () => {
  expect(await registry().check('local')).toMatchObject({ ok: false, detail: 'did not answer within 0.02 s' })
  const providers = registry(async () => GOOD, () => Promise.reject(new Error('the engine is away')))
  await providers.check('local')
  expect(await providers.check('local')).toMatchObject({ ok: false, detail: 'the engine is away' })
})
