import { expect, it } from 'bun:test'
import { createFakeProvider, createTestClock } from '@berth/testkit'
import type { MachineSpec, Owner } from '../ports/provider.ts'
import { lookAlone, removeAlone } from './reap-alone.ts'

const installation = '0123456789abcdef0123456789abcdef'
const signal = new AbortController().signal
const spec = { image: null, memoryBytes: 1, cpus: 1, pids: 1, boot: { bootToken: 'b', link: { unixSocket: null, loopbackUrl: null, publicUrl: null }, toolbox: { hostDir: '', hash: '' } } } as MachineSpec
const owner: Owner = { installation, workspaceId: 'ws_0000000000aa', generation: 1 }

it('finds all that is ours, whatever its state, and nothing else', async () => {
  const provider = createFakeProvider({ clock: createTestClock() })
  await provider.ensure(owner, spec, { signal })
  await provider.ensure({ ...owner, generation: 2 }, spec, { signal })
  await provider.stop({ ...owner, generation: 2 }, { signal })
  await provider.ensure({ ...owner, generation: 3 }, spec, { signal })
  provider.vanish({ ...owner, generation: 3 })
  await provider.ensure({ ...owner, installation: 'f'.repeat(32) }, spec, { signal })
  provider.addForeign('berth-like')
  provider.addAmbiguous('berth-like')
  const { found, complete } = await lookAlone(provider, installation, signal)
  expect(complete).toBe(true)
  expect(found.map(({ kind, state, owner: { generation } }) => [kind, state, generation])).toEqual([['machine', 'running', 1], ['machine', 'stopped', 2], ['volume', null, 3]])
  for (const each of found) await removeAlone({ wait: async () => {}, now: () => 0 }, { provider, found: each }, signal)
  expect((await lookAlone(provider, installation, signal)).found).toEqual([])
  // Those of others.
  expect(provider.machines()).toHaveLength(2)
  expect(provider.disks()).toHaveLength(2)
})

it('says that something is missing, and gives up on what does not go', async () => {
  const provider = createFakeProvider({ clock: createTestClock() })
  await provider.ensure(owner, spec, { signal })
  provider.incomplete('an engine is away')
  expect(await lookAlone(provider, installation, signal)).toMatchObject({ complete: false, missing: ['an engine is away'] })
  provider.incomplete(null)
  const { found: [machine] } = await lookAlone(provider, installation, signal)
  if (machine === undefined) throw new Error('it was not found')
  const stuck = { ...provider, destroy: async () => ({ done: false as const, poll: {}, afterMs: 1000, detail: 'it is locked' }) }
  let now = 0
  await expect(removeAlone({ wait: async (ms) => { now += ms }, now: () => now }, { provider: stuck, found: machine }, signal)).rejects.toThrow('it is locked')
})
