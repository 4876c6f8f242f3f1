import { expect, it } from 'bun:test'
import { createFakeProvider, createMemoryStore, createTestClock, workspaceRow } from '@berth/testkit'
import type { WorkspaceId } from '@berth/wire'
import { deadlines } from '../deadlines.ts'
import type { MachineSpec, Owner } from '../ports/provider.ts'
import { newMachine } from '../workspace/apply-change.ts'
import { REAP_AT_MOST } from './decide-reap.ts'
import { reap } from './reap.ts'

const installation = '0123456789abcdef0123456789abcdef'
const ID = 'ws_0000000000aa' as WorkspaceId
const signal = new AbortController().signal
const spec = { image: null, memoryBytes: 1, cpus: 1, pids: 1, boot: { bootToken: 'b', link: { unixSocket: null, loopbackUrl: null, publicUrl: null }, toolbox: { hostDir: '', hash: '' } } } as MachineSpec
const owner: Owner = { installation, workspaceId: ID, generation: 1 }

function open() {
  const clock = createTestClock()
  const store = createMemoryStore(installation)
  const provider = createFakeProvider({ clock })
  const run = (providers = [provider]) => reap({ store: store.installation, providers, clock, log: () => {} }, signal)
  const old = () => clock.advance(deadlines.reaperMinimumAge)
  const later = () => clock.advance(deadlines.reaperInterval)
  return { clock, store, provider, run, old, later }
}

it('removes an old machine nobody answers for, at the second sighting, disk and all', async () => {
  const { provider, run, old, later } = open()
  await provider.ensure(owner, spec, { signal })
  expect((await run()).suspects).toEqual([])
  old()
  expect(await run()).toMatchObject({ removed: [], suspects: [`fake/machine/${ID}/1`] })
  later()
  expect((await run()).removed).toEqual([`fake/machine/${ID}/1`])
  expect(provider.machines()).toEqual([])
  expect(provider.disks()).toEqual([])
})
it('leaves a machine alone that has its row, and takes another generation of it', async () => {
  const { store, provider, run, old, later, clock } = open()
  const workspace = workspaceRow({ id: ID, generation: 2 })
  store.put({ workspace, machine: newMachine(workspace, clock.now()) }, clock.now())
  await provider.ensure({ ...owner, generation: 2 }, spec, { signal })
  await provider.ensure(owner, spec, { signal })
  old()
  await run()
  later()
  expect((await run()).removed).toEqual([`fake/machine/${ID}/1`])
  expect(provider.machines()).toHaveLength(1)
})
it('never touches what is foreign, ambiguous or of another installation', async () => {
  const { provider, run, old, later } = open()
  provider.addForeign('berth-like')
  provider.addAmbiguous('berth-like')
  await provider.ensure({ ...owner, installation: 'f'.repeat(32) }, spec, { signal })
  for (let look = 0; look < 4; look += 1) {
    old()
    expect(await run()).toMatchObject({ removed: [], suspects: [] })
    later()
  }
  expect(provider.machines()).toHaveLength(2)
  expect(provider.calls.map(({ operation }) => operation)).not.toContain('destroy')
})
it('does nothing while held, and says why', async () => {
  const { store, provider, run, old, later } = open()
  await provider.ensure(owner, spec, { signal })
  store.holdReaper('the database was restored')
  old()
  await run()
  later()
  expect(await run()).toMatchObject({ held: 'the database was restored', removed: [], suspects: [`fake/machine/${ID}/1`] })
  expect(provider.machines()).toHaveLength(1)
})
it('concludes nothing from an inventory that is not complete', async () => {
  const { provider, run, old, later } = open()
  for (const generation of [1, 2, 3]) await provider.ensure({ ...owner, generation }, spec, { signal })
  old()
  provider.incomplete('an engine is away')
  await run()
  later()
  expect((await run()).removed).toEqual([])
  expect(provider.machines()).toHaveLength(3)
})
it('keeps one provider\'s refusal from hiding another one\'s leaks', async () => {
  const { provider, run, old, later, clock } = open()
  const away = createFakeProvider({ clock, name: 'away' })
  away.fault({ operation: 'list', when: 'before', category: 'transient', times: 9 })
  await provider.ensure(owner, spec, { signal })
  old()
  await run([away, provider])
  later()
  const report = await run([away, provider])
  expect(report.errors.map(({ key }) => key)).toEqual(['away'])
  expect(report.removed).toEqual([`fake/machine/${ID}/1`])
})
it('removes a disk whose machine is gone', async () => {
  const { provider, run, old, later } = open()
  await provider.ensure(owner, spec, { signal })
  provider.vanish(owner)
  old()
  await run()
  later()
  expect((await run()).removed).toHaveLength(1)
  expect(provider.disks()).toEqual([])
})
it('removes a few at a time', async () => {
  const { provider, run, old, later } = open()
  for (let generation = 1; generation <= REAP_AT_MOST + 5; generation += 1) await provider.ensure({ ...owner, generation }, spec, { signal })
  old()
  await run()
  later()
  expect((await run()).removed).toHaveLength(REAP_AT_MOST)
  expect(provider.machines()).toHaveLength(5)
})

it('has providers tidy up what they keep for later, unless it is held, and goes on when one cannot', async () => {
  const { provider, store, run } = open()
  const tidy = { ...provider, name: 'tidy', tidy: async () => ['an image'] }
  const broken = { ...provider, name: 'broken', tidy: async () => { throw new Error('no engine') } }
  expect(await run([broken, tidy])).toMatchObject({ removed: ['tidy/an image'], errors: [{ key: 'broken/tidy', message: 'no engine' }] })
  store.holdReaper('restored')
  expect((await run([tidy])).removed).toEqual([])
})
it('asks nothing of a provider that nobody set up, and forgets what the others do not have any more', async () => {
  const { clock, store, provider, old, later } = open()
  const asked: string[] = []
  const absent = { ...createFakeProvider({ clock }), name: 'absent', isSetUp: () => false, list: async () => { asked.push('list'); throw new Error('no token') } }
  const lines: string[] = []
  const run = () => reap({ store: store.installation, providers: [provider, absent], clock, log: (line) => lines.push(line) }, signal)
  await provider.ensure(owner, spec, { signal })
  old()
  expect((await run()).suspects).toHaveLength(1)
  await provider.destroy(owner, { signal })
  later()
  await run()
  // It comes again: that is a first sighting.
  await provider.ensure(owner, spec, { signal })
  old()
  expect(await run()).toMatchObject({ removed: [], suspects: [`fake/machine/${ID}/1`], errors: [] })
  expect({ asked, lines }).toEqual({ asked: [], lines: [] })
})
