import { expect, it } from 'bun:test'
import { ProviderFault, type MachineSpec, type Owner } from '@berth/core'
import { createFakeProvider } from './fake-provider.ts'
import { providerContract } from './provider-contract.ts'
import { createTestClock } from './test-clock.ts'

const specOf = (token: string): MachineSpec => ({
  image: null, memoryBytes: 1024 ** 3, cpus: 1, pids: 512,
  boot: { bootToken: token, link: { unixSocket: null, loopbackUrl: null, publicUrl: null }, toolbox: { hostDir: '/opt/berth', hash: 'h' } } as MachineSpec['boot'],
})
const installation = '0123456789abcdef0123456789abcdee'
const open = async (polls: number) => {
  const provider = createFakeProvider({ clock: createTestClock() })
  provider.slow(polls)
  return {
    provider, installation, cleanup: async () => {}, makeSpec: () => specOf('token-of-this-case'),
    capabilities: {
      vanish: async (owner: Owner) => provider.vanish(owner),
      crash: async (owner: Owner) => provider.becomes(owner, { state: 'stopped', exitCode: 137, detail: 'killed' }),
      shown: async (owner: Owner) => JSON.stringify(await provider.observe(owner, new AbortController().signal)),
      foreign: async () => {
        provider.addForeign('berth-like')
        provider.addAmbiguous('berth-like')
        return { untouched: async () => provider.disks().some(({ name }) => name === 'berth-like') && provider.machines().some(({ owner }) => owner === 'ambiguous') }
      },
    },
  }
}
providerContract('fake', () => open(0))
providerContract('fake, slow', () => open(2))

const owner = { installation, workspaceId: 'ws_0000000000ab', generation: 1 }
const signal = new AbortController().signal

it('says that a change may have happened when the answer was lost', async () => {
  const { provider } = await open(0)
  provider.fault({ operation: 'ensure', when: 'after', category: 'transient' })
  const fault: unknown = await provider.ensure(owner, specOf('t'), { signal }).catch((error: unknown) => error)
  expect(fault).toBeInstanceOf(ProviderFault)
  expect((fault as ProviderFault).committed).toBe('unknown')
  expect((await provider.observe(owner, signal)).observed.state).toBe('running')
})
it('changes nothing when it refuses before', async () => {
  const { provider } = await open(0)
  provider.fault({ operation: 'ensure', when: 'before', category: 'capacity' })
  const fault: unknown = await provider.ensure(owner, specOf('t'), { signal }).catch((error: unknown) => error)
  expect(fault).toMatchObject({ category: 'capacity', committed: 'no' })
  expect((await provider.observe(owner, signal)).observed.state).toBe('absent')
})
it('brings the newest boot file before it starts', async () => {
  const { provider } = await open(1)
  await provider.ensure(owner, specOf('first'), { signal })
  await provider.ensure(owner, specOf('second'), { signal })
  expect(provider.machines().map(({ boot }) => boot.bootToken)).toEqual(['second'])
})
it('admits that an inventory is not complete', async () => {
  const { provider } = await open(0)
  await provider.ensure(owner, specOf('t'), { signal })
  provider.incomplete('an engine is away')
  expect(await provider.list(installation, signal)).toEqual({ items: [], complete: false, missing: ['an engine is away'] })
})
