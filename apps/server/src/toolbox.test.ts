import { afterEach, describe, expect, it } from 'bun:test'
import { BerthError } from '@berth/wire'
import { FAKE_TOOLBOX, startHarness } from './test/harness.ts'
import type { Harness } from './test/harness.ts'

let b: Harness | null = null
afterEach(async () => {
  await b?.close()
  b = null
})

type Toolbox = NonNullable<Parameters<typeof startHarness>[0]>['toolbox'] & object

async function open(ensureAgent: Toolbox['ensureAgent']): Promise<Harness> {
  b = await startHarness({ toolbox: { ...FAKE_TOOLBOX, ensureAgent } })
  return b
}
const steps = async (harness: Harness, id: Parameters<Harness['until']>[0]) => (await harness.client.listEvents({ id })).events.filter(({ body }) => body.type === 'workspace.step' && body['step'] === 'toolbox').map(({ body }) => `${String(body['state'])} ${String(body['detail'])}`)

describe('a first download', () => {
  it('is one for all, keeps no tick, is shown, and does not concern a plain agent', async () => {
    const fetched = Promise.withResolvers<string>()
    let calls = 0
    const harness = await open(async ({ onProgress }) => {
      calls++
      onProgress?.('claude 2.1.329, 43 %')
      return fetched.promise
    })
    const [one, two] = [await harness.create({ name: 'one', agent: 'claude' }), await harness.create({ name: 'two', agent: 'claude' })]
    for (const { id } of [one, two]) {
      expect(await harness.until(id, ({ step, statusMessage }) => step === 'toolbox' && statusMessage !== null)).toMatchObject({ phase: 'provisioning', statusMessage: expect.stringContaining('claude 2.1.329, 43 %') })
    }
    const plain = await harness.create({ name: 'plain', agent: 'plain' })
    await harness.until(plain.id, ({ phase }) => phase === 'starting')
    expect(harness.provider.machines()).toHaveLength(1)
    // It can be given up while it is being fetched.
    const stopped = harness.until(two.id, ({ phase }) => phase === 'stopped')
    await harness.client.stopWorkspace({ id: two.id })
    await stopped
    fetched.resolve('/opt/berth/agents/claude')
    await harness.until(one.id, ({ phase }) => phase === 'starting')
    expect(calls).toBe(1)
    const said = await steps(harness, one.id)
    expect(said[0]).toBe('started claude 2.1.329, 43 %')
    expect(said.at(-1)).toBe('done null')
  }, 30_000)

  it('that fails says why and what to do, and the next start tries again', async () => {
    let reachable = false
    const harness = await open(async () => {
      if (reachable) return '/opt/berth/agents/claude'
      throw new BerthError('network_unreachable', 'fetching claude ended with 1: ConnectionRefused')
    })
    const { id } = await harness.create({ agent: 'claude' })
    const failed = await harness.until(id, ({ phase }) => phase === 'failed')
    expect(failed).toMatchObject({ step: 'toolbox', error: { code: 'network_unreachable', hint: expect.stringContaining('network') } })
    reachable = true
    const starting = harness.until(id, ({ phase }) => phase === 'starting')
    await harness.client.startWorkspace({ id })
    expect((await starting).error).toBeNull()
  }, 30_000)
})
