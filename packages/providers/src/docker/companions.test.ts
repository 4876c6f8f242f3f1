/** With a real engine: what is beside a machine is never taken for one, ends with it, and is reaped when its machine is gone. */
import { afterEach, expect, it } from 'bun:test'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { finish, openBench, refusalOf, WAIT } from '../testing/stand-in.ts'
import { createCompanion, inspectCompanion, startCompanion } from './companions.ts'
import { createEngine } from './engine.ts'
import { createDockerProvider } from './index.ts'
import { labelsOf, machineName, serviceVolumeName } from './names.ts'
import { ensureVolume } from './volumes.ts'

const signal = new AbortController().signal
const engine = createEngine(undefined)
const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function open() {
  const bench = await openBench(WAIT)
  cleanups.push(bench.close)
  const provider = createDockerProvider({ installation: bench.installation, home: bench.home, log: () => {}, baseImage: 'host-usr' })
  await mkdir(dirname(bench.spec.boot.link.unixSocket ?? ''), { recursive: true, mode: 0o700 })
  const owner = bench.owner()
  cleanups.push(() => finish((poll) => provider.destroy(owner, { signal, ...(poll ? { poll } : {}) })))
  await finish(() => provider.ensure(owner, bench.spec, { signal }))
  const machine = await engine.json<{ Image: string; Mounts: { Type: string; Source: string; Destination: string }[] }>(`/containers/${machineName(owner)}/json`, { what: 'looking' }, signal)
  await ensureVolume(engine, { owner, Name: serviceVolumeName(owner, 'data'), Labels: labelsOf(owner, Date.now()) }, signal)
  const programs = machine.Mounts.filter(({ Type, Destination }) => Type === 'bind' && Destination === '/usr').map(({ Source, Destination }) => ({ Type: 'bind', Source, Target: Destination, ReadOnly: true }))
  await createCompanion(engine, { owner, name: 'service-db', body: { Image: machine.Image, Cmd: ['sleep', '1000'], HostConfig: { Init: true, NetworkMode: machineName(owner), Mounts: programs } } }, signal)
  await startCompanion(engine, { owner, name: 'service-db' }, signal)
  return { bench, provider, owner, image: machine.Image, db: () => inspectCompanion(engine, { owner, name: 'service-db' }, signal) }
}

it('is no machine, stops with its machine, and goes with it, volumes and all', async () => {
  const { bench, provider, owner, db } = await open()
  expect((await provider.list(bench.installation, signal)).items).toHaveLength(1)
  expect((await provider.leftovers(bench.installation, signal)).items).toEqual([])
  await finish((poll) => provider.stop(owner, { signal, ...(poll ? { poll } : {}) }))
  expect((await db())?.State.Status).toBe('exited')
  await finish((poll) => provider.destroy(owner, { signal, ...(poll ? { poll } : {}) }))
  expect(await db()).toBeNull()
  expect((await provider.leftovers(bench.installation, signal)).items).toEqual([])
}, 120_000)

it('is left over without its machine, and can be removed in the order in which it is told', async () => {
  const { bench, provider, owner, db } = await open()
  await engine.call(`/containers/${machineName(owner)}`, { method: 'DELETE', query: { force: '1', v: '1' }, what: 'removing' }, signal)
  const { items, complete } = await provider.leftovers(bench.installation, signal)
  expect([complete, items.map(({ kind }) => kind)]).toEqual([true, ['container', 'volume', 'volume', 'volume', 'volume', 'network']])
  for (const item of items) await provider.removeLeftover(item, signal)
  expect(await db()).toBeNull()
  expect((await provider.leftovers(bench.installation, signal)).items).toEqual([])
}, 120_000)

it('of somebody else under its name is left alone', async () => {
  const { owner, image } = await open()
  const other = { ...owner, generation: 2 }
  const body = { Image: image, Cmd: ['x'] }
  expect(await refusalOf(inspectCompanion(engine, { owner: other, name: 'service-db' }, signal))).toBeNull()
  const answer = await engine.call(`/containers/${machineName(owner)}-service-db/rename`, { method: 'POST', query: { name: `${machineName(other)}-service-db` }, what: 'renaming' }, signal)
  await answer.body?.cancel()
  expect(await refusalOf(createCompanion(engine, { owner: other, name: 'service-db', body }, signal))).toMatchObject({ category: 'conflict' })
  expect(await refusalOf(inspectCompanion(engine, { owner: other, name: 'service-db' }, signal))).toMatchObject({ category: 'conflict' })
}, 120_000)
