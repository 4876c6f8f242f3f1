import { describe, expect, it } from 'bun:test'
import { createTickWorld, daemonsFollowMachines, TEST_INSTALLATION, workspaceRow } from '@berth/testkit'
import { BerthError, type EventBody, type WorkspaceId } from '@berth/wire'
import type { ActivityReport } from '@berth/wire/daemon'
import { deadlines } from '../deadlines.ts'
import { phaseOf } from './phase.ts'
import type { WorkspaceRow } from './records.ts'

const ID = 'ws_0000000000aa' as WorkspaceId
const owner = { installation: TEST_INSTALLATION, workspaceId: ID, generation: 1 }
const quiet: ActivityReport = { agent: 'idle', turnProgressAgeMs: null, backgroundTasks: 0, humanInputAgeMs: null, cpuCores: 0, previewAgeMs: null, waitingSinceAgeMs: null, memoryBytes: 1, ports: [] }

function open(over: Partial<WorkspaceRow> = {}) {
  const world = createTickWorld()
  const now = world.clock.now()
  world.store.put({ workspace: workspaceRow({ id: ID, lastActiveAt: now, wish: { target: 'running', by: 'user', version: 1, reason: null, at: now }, ...over }), machine: null }, now)
  const phase = () => phaseOf(world.store.record(ID), world.clock.now()).phase
  const until = (wanted: string) => world.run({ limit: 200, between: () => daemonsFollowMachines(world, [ID]), done: () => phase() === wanted })
  const wish = (target: 'running' | 'stopped' | 'deleted') => world.store.setWish(ID, { target, by: 'user', reason: null }, world.clock.now())
  const said = <T extends EventBody['type']>(type: T) => world.store.events.map(({ body }) => body).filter((body): body is EventBody & { type: T } => body.type === type)
  const operations = () => world.provider.calls.map(({ operation }) => operation).filter((operation) => operation !== 'observe')
  return { world, phase, until, wish, said, operations }
}

describe('reconcile', () => {
  it('makes, saves, stops, starts again and deletes, and says each step', async () => {
    const { world, until, wish, said, operations } = open()
    await until('running')
    await world.run({ limit: 1 })
    await wish('stopped')
    await until('stopped')
    expect(world.daemons.calls.map(({ method }) => method)).toEqual(['stop.prepare'])
    expect(world.store.record(ID).workspace.saved?.commit).toBe('c'.repeat(40))
    await wish('running')
    await until('running')
    await world.run({ limit: 1 })
    await wish('deleted')
    await until('deleted')
    expect(operations()).toEqual(['ensure', 'stop', 'ensure', 'destroy'])
    const phases = said('workspace.phase').map(({ phase }) => phase)
    expect(phases.filter((phase, index) => phase !== phases[index - 1])).toEqual(['provisioning', 'starting', 'running', 'stopping', 'stopped', 'starting', 'running', 'deleting', 'deleted'])
    const steps = said('workspace.step').map(({ step, state }) => `${step} ${state}`)
    expect(steps.slice(0, 4)).toEqual(['machine started', 'dial pending', 'code pending', 'agent pending'])
    expect(steps).toContain('machine done')
    expect(steps).toContain('dial done')
    expect(world.provider.disks()).toEqual([])
  })
  it('stops and starts what is to be made anew, without anybody who waits for it', async () => {
    const { world, until, wish, said, operations, phase } = open()
    await until('running')
    const asked = async () => {
      const { project } = world.store.record(ID).workspace
      world.store.patch(ID, { workspace: { project: { revision: (project?.revision ?? 0) + 1, outline: null, from: 'save', askedAt: world.clock.now() } } })
      await wish('stopped')
    }
    await asked()
    await world.run({ limit: 200, between: () => daemonsFollowMachines(world, [ID]), done: () => operations().length === 3 && phase() === 'running' })
    expect(operations()).toEqual(['ensure', 'stop', 'ensure'])
    expect(said('workspace.phase').map(({ phase }) => phase)).not.toContain('stopped')
    // Who stops it meanwhile is heard.
    await asked()
    await world.run({ limit: 1 })
    world.clock.advance(1)
    await wish('stopped')
    await until('stopped')
    await world.run({ limit: 20 })
    expect(phase()).toBe('stopped')
  })
  it('writes down that it starts before it calls the provider', async () => {
    const { world } = open()
    await world.run({ limit: 1 })
    world.provider.fault({ operation: 'ensure', when: 'after', category: 'transient' })
    const { ensure } = world.provider
    let sinceAtCall: number | null = null
    Object.assign(world.provider, { ensure: (...args: Parameters<typeof ensure>) => { sinceAtCall = world.store.record(ID).machine?.ensuringSince ?? null; return ensure(...args) } })
    await world.run({ limit: 1 })
    expect(sinceAtCall).not.toBeNull()
    expect(world.provider.machines()).toHaveLength(1)
  })
  it('looks first when the answer was lost, and does not buy again', async () => {
    const { world, until, operations } = open()
    world.provider.fault({ operation: 'ensure', when: 'after', category: 'transient' })
    await until('running')
    expect(operations()).toEqual(['ensure'])
    expect(world.provider.machines()).toHaveLength(1)
  })
  it('fails with the provider\'s words when asking again changes nothing, and leaves nothing running', async () => {
    const { world, until, said } = open()
    world.provider.fault({ operation: 'ensure', when: 'before', category: 'not_found', message: 'no image debian:nope' })
    await until('failed')
    const { workspace } = world.store.record(ID)
    expect(workspace.failure).toMatchObject({ code: 'not_found', message: 'no image debian:nope', hint: 'check that the image exists' })
    expect(workspace.wish).toMatchObject({ target: 'stopped', by: 'failure' })
    expect(said('workspace.step').at(-1)).toMatchObject({ step: 'machine', state: 'failed', detail: 'no image debian:nope' })
  })
  it('gives an engine that is away a few tries, then says so', async () => {
    const { world, until } = open()
    world.provider.fault({ operation: 'observe', when: 'before', category: 'transient', times: 1_000 })
    await until('failed')
    expect(world.store.record(ID).workspace.failure?.code).toBe('provider_unavailable')
  })
  it('never fails a working machine because the engine is away', async () => {
    const { world, until, phase } = open({ autoStopMs: 0 })
    await until('running')
    world.provider.fault({ operation: 'observe', when: 'before', category: 'auth', times: 50 })
    await world.run({ limit: 50, between: () => daemonsFollowMachines(world, [ID]) })
    expect(phase()).toBe('running')
  })
  it('brings back a machine that died under it', async () => {
    const { world, until, operations } = open()
    await until('running')
    world.provider.becomes(owner, { state: 'stopped', exitCode: 137, detail: 'out of memory' })
    await until('recovery')
    await until('running')
    expect(operations()).toEqual(['ensure', 'ensure'])
  })
  it('gives up a machine that dies at each start, with what it said', async () => {
    const { world, until, operations } = open()
    await world.run({ limit: 200, between: () => world.provider.becomes(owner, { state: 'stopped', exitCode: 1, detail: 'exec format error' }), done: () => world.store.record(ID).workspace.failure !== null })
    expect(world.store.record(ID).workspace.failure?.message).toContain('exec format error')
    expect(operations().filter((operation) => operation === 'ensure')).toHaveLength(5)
    await until('failed')
  })
  it('stops without the copy when the save does not end, and says so', async () => {
    const { world, until, wish, said } = open()
    await until('running')
    world.daemons.answer('stop.prepare', () => { throw new BerthError('timeout', 'no answer') })
    await wish('stopped')
    await until('stopped')
    expect(said('workspace.notice').map(({ code }) => code)).toEqual(['save_skipped'])
    expect(world.provider.disk(owner)).not.toBeNull()
  })
  it('fails a machine that nothing is heard from, and keeps its disk', async () => {
    const { world, until, phase } = open()
    await until('running')
    world.daemons.disconnect(ID)
    world.store.patch(ID, { machine: { linkedAt: null } })
    await world.run({ limit: 20, done: () => phase() === 'unreachable' })
    expect(phase()).toBe('unreachable')
    await world.run({ limit: 2_000, done: () => phase() === 'failed' && world.provider.machines()[0]?.observed.state === 'stopped' })
    expect(world.store.record(ID).workspace.failure?.code).toBe('daemon_unreachable')
    expect(world.provider.disk(owner)).not.toBeNull()
  })
  it('puts an idle machine to sleep, and a new wish wakes it', async () => {
    const { world, until, phase, wish } = open({ autoStopMs: deadlines.autoStop })
    await until('running')
    const report = () => {
      world.clock.advance(1) // after the tick before, as reports come
      daemonsFollowMachines(world, [ID])
      if (phase() === 'running') world.store.patch(ID, { workspace: { activity: { ...quiet, at: world.clock.now() } } })
    }
    const began = world.clock.now()
    await world.run({ limit: 500, between: report, done: () => phase() === 'sleeping' })
    expect(phase()).toBe('sleeping')
    expect(world.clock.now() - began).toBeGreaterThan(deadlines.autoStop)
    expect(world.clock.now() - began).toBeLessThan(deadlines.autoStop + 3 * deadlines.tickIdle)
    await wish('running')
    await until('running')
  })
  it('does nothing for a claim that is not the newest', async () => {
    const { world, operations } = open()
    await world.run({ limit: 1 })
    const tick = await world.holdBefore(1)
    world.clock.advance(deadlines.tickLease + 1)
    await world.store.claimDue({ owner: 'other', limit: 1, leaseMs: deadlines.tickLease }, world.clock.now())
    await tick?.release()
    expect(operations()).toEqual([])
  })
})
