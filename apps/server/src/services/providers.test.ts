import { expect, test } from 'bun:test'
import { ProviderFault } from '@berth/core'
import type { Provider, ProviderCheck } from '@berth/core'
import { createProviderRegistry } from './providers.ts'

const GOOD: ProviderCheck = { ok: true, isolation: 'sandbox', detail: 'works', hint: null }
const hangs = (signal: AbortSignal) => new Promise<ProviderCheck>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
type Look = (signal: AbortSignal) => Promise<ProviderCheck>
const registry = (...looks: Look[]) => registryOf({ withinMs: 20, rememberMs: 0 }, ...looks)
function registryOf(options: { withinMs: number; rememberMs: number }, ...looks: Look[]) {
  const provider = { name: 'local', check: (signal: AbortSignal) => (looks.shift() ?? hangs)(signal) }
  return createProviderRegistry([provider as unknown as Provider], null, options)
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

test('a hiccup of the vendor is looked past, and one that goes on leaves what was seen before', async () => {
  const hiccup = () => Promise.reject(new ProviderFault('transient', 'bad gateway', { hint: 'try again' }))
  const options = { withinMs: 5000, rememberMs: 0 }
  expect(await registryOf(options, hiccup, async () => GOOD).check('local')).toEqual(GOOD)
  const later = registryOf(options, async () => GOOD, hiccup, hiccup, hiccup)
  await later.check('local')
  expect(await later.check('local')).toEqual(GOOD)
  expect(await registryOf(options, hiccup, hiccup, hiccup).check('local')).toMatchObject({ ok: false, detail: 'bad gateway', hint: 'try again' })
})
