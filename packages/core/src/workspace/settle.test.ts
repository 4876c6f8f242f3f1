/**
 * From any state, under refusals, lost answers, kills between any two calls, late writers and machines that change by
 * themselves: once the world calms down, ticks come to rest, and what then runs is what is wanted.
 *
 * The last test breaks the promise of the owner key and expects the search to find it; `late-writer.test.ts` does the
 * same for the fence. A test that cannot fail proves nothing.
 */
import { describe, expect, it } from 'bun:test'
import { createTickWorld, daemonsFollowMachines, TEST_INSTALLATION, workspaceRow, type FakeOperation, type TickWorld } from '@berth/testkit'
import type { WorkspaceId } from '@berth/wire'
import fc from 'fast-check'
import { deadlines } from '../deadlines.ts'
import type { FaultCategory, Observed, Owner } from '../ports/provider.ts'
import { newMachine } from './apply-change.ts'
import { phaseOf } from './phase.ts'
import type { MachineRow } from './records.ts'

const A = 'ws_0000000000aa' as WorkspaceId
const B = 'ws_0000000000bb' as WorkspaceId
const IDS = [A, B]

type Event =
  | { readonly do: 'wish'; readonly id: WorkspaceId; readonly target: 'running' | 'stopped' | 'deleted' }
  | { readonly do: 'tick'; readonly killAt: number | null }
  | { readonly do: 'hold'; readonly write: number }
  | { readonly do: 'release' }
  | { readonly do: 'fault'; readonly operation: FakeOperation; readonly when: 'before' | 'after'; readonly category: FaultCategory; readonly times: number }
  | { readonly do: 'slow'; readonly polls: number }
  | { readonly do: 'vanish'; readonly id: WorkspaceId; readonly withDisk: boolean }
  | { readonly do: 'becomes'; readonly id: WorkspaceId; readonly observed: Observed }
  | { readonly do: 'daemons' }
  | { readonly do: 'save-hangs'; readonly hangs: boolean }
  | { readonly do: 'advance'; readonly ms: number }

const id = fc.constantFrom(...IDS)
const observed = fc.constantFrom<Observed>(
  { state: 'creating' }, { state: 'starting' }, { state: 'stopping' }, { state: 'running', startedAt: null },
  { state: 'stopped', exitCode: 137, detail: null }, { state: 'failed', detail: 'dead' }, { state: 'unknown', raw: 'odd' },
)
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wish' as const), id, target: fc.constantFrom('running', 'running', 'stopped', 'deleted') }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('tick' as const), killAt: fc.option(fc.integer({ min: 1, max: 16 })) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('hold' as const), write: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.constant({ do: 'release' as const }) },
  { weight: 3, arbitrary: fc.record({
    do: fc.constant('fault' as const), operation: fc.constantFrom<FakeOperation>('ensure', 'observe', 'stop', 'destroy'), when: fc.constantFrom('before', 'after'),
    category: fc.constantFrom<FaultCategory>('transient', 'capacity', 'invalid', 'unknown', 'no_space', 'conflict'), times: fc.integer({ min: 1, max: 7 }),
  }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('slow' as const), polls: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('vanish' as const), id, withDisk: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('becomes' as const), id, observed }) },
  { weight: 3, arbitrary: fc.constant({ do: 'daemons' as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('save-hangs' as const), hangs: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(100, 2_000, 30_000, 61_000, 45 * 60_000) }) },
)

/** Fields as offsets from now; a row that decide has never seen must be survived as well as any it made itself. */
const age = fc.option(fc.constantFrom(0, 1_000, 60_000, 3_600_000))
const start = fc.record({
  target: fc.constantFrom('running' as const, 'stopped' as const, 'deleted' as const), wishAge: fc.constantFrom(0, 5_000, 7_200_000),
  known: fc.boolean(), observed, exists: fc.option(observed), ensuring: age, stopping: age, ready: age, started: age,
  save: fc.constantFrom<MachineRow['saveState']>('none', 'trying', 'done', 'gave-up'), attempts: fc.integer({ min: 0, max: 9 }), retry: fc.option(fc.constantFrom(-1_000, 20_000)),
  poll: fc.option(fc.constantFrom('ensure', 'stop', 'destroy')),
})
type Start = typeof start extends fc.Arbitrary<infer T> ? T : never

const ownerOf = (workspaceId: WorkspaceId, generation = 1): Owner => ({ installation: TEST_INSTALLATION, workspaceId, generation })
const signal = new AbortController().signal

async function begin(world: TickWorld, workspaceId: WorkspaceId, from: Start): Promise<void> {
  const now = world.clock.now()
  const ago = (ms: number | null) => (ms === null ? null : now - ms)
  const workspace = workspaceRow({
    id: workspaceId, autoStopMs: 0, generation: from.known ? 1 : 0, readyAt: from.known ? ago(from.ready) : null, startedAt: from.known ? ago(from.started) : null,
    wish: { target: from.target, by: 'user', version: 1, reason: null, at: now - from.wishAge },
  })
  const owner = ownerOf(workspaceId)
  if (!from.known) return world.store.put({ workspace, machine: null }, now)
  const machine: MachineRow = {
    ...newMachine(workspace, now - 7_200_000), observed: from.observed, observedAt: now - 1_000, ref: { id: 1 },
    ensuringSince: ago(from.ensuring), stoppingSince: ago(from.stopping), saveState: from.save, attempts: from.attempts, retryAt: from.retry === null ? null : now + from.retry,
    poll: from.poll === null ? null : { op: from.poll, of: { for: `${TEST_INSTALLATION}/${workspaceId}/1` } },
  }
  world.store.put({ workspace, machine }, now)
  if (from.exists === null) return
  await world.provider.ensure(owner, await world.deps.specFor({ workspace, machine }), { signal })
  world.provider.becomes(owner, from.exists)
}

/** Nobody can wish for what was deleted. */
async function wishFor({ store, clock }: TickWorld, workspaceId: WorkspaceId, target: 'running' | 'stopped' | 'deleted'): Promise<void> {
  if (store.record(workspaceId).workspace.wish.target !== 'deleted') await store.setWish(workspaceId, { target, by: 'user', reason: null }, clock.now())
}

const killOf = (killAt: number | null) => (killAt === null ? {} : { killAt })

type Held = { release(): Promise<void> }
async function apply(world: TickWorld, one: Event, held: Held[]): Promise<void> {
  const { store, provider, daemons, clock } = world
  switch (one.do) {
    case 'wish': return wishFor(world, one.id, one.target)
    case 'tick': return world.tick(killOf(one.killAt))
    case 'hold': {
      const tick = await world.holdBefore(one.write)
      if (tick !== null) held.push(tick)
      return
    }
    case 'release': return held.shift()?.release()
    case 'fault': return provider.fault(one)
    case 'slow': return provider.slow(one.polls)
    case 'vanish': return provider.vanish(ownerOf(one.id, store.record(one.id).workspace.generation), { withDisk: one.withDisk })
    case 'becomes': return provider.becomes(ownerOf(one.id, store.record(one.id).workspace.generation), one.observed)
    case 'daemons': return daemonsFollowMachines(world, IDS)
    case 'save-hangs': return daemons.answer('stop.prepare', one.hangs ? () => { throw new Error('the save did not end') } : () => ({ commit: null }))
    case 'advance': return clock.advance(one.ms)
  }
}

/** Refusals end, and what the vendor was in the middle of comes to an end: the reconciler is alone with its wishes. */
function calm(world: TickWorld): void {
  world.provider.clearFaults()
  world.provider.slow(0)
  for (const { owner, observed: at } of world.provider.machines()) {
    if (typeof owner !== 'object') continue
    if (at.state === 'stopping') world.provider.becomes(owner, { state: 'stopped', exitCode: 0, detail: null })
    if (at.state === 'unknown') world.provider.becomes(owner, { state: 'running', startedAt: null })
  }
}

const running = (world: TickWorld, workspaceId: WorkspaceId) => world.provider.machines().filter(({ owner, observed: at }) => typeof owner === 'object' && owner.workspaceId === workspaceId && at.state !== 'stopped' && at.state !== 'failed')

function oneMachineEach(world: TickWorld): void {
  const keys = world.provider.machines().map(({ owner }) => (typeof owner === 'object' ? `${owner.workspaceId}/${owner.generation}` : ''))
  expect(new Set(keys).size).toBe(keys.length)
}

function atRest(world: TickWorld): void {
  oneMachineEach(world)
  for (const workspaceId of IDS) {
    const record = world.store.record(workspaceId)
    const { phase } = phaseOf(record, world.clock.now())
    const { target } = record.workspace.wish
    expect(['running', 'stopped', 'failed', 'deleted']).toContain(phase)
    expect(running(world, workspaceId)).toHaveLength(phase === 'running' ? 1 : 0)
    if (phase === 'running') expect(target).toBe('running')
    if (target === 'deleted') {
      expect(phase).toBe('deleted')
      expect(world.provider.machines().some(({ owner }) => typeof owner === 'object' && owner.workspaceId === workspaceId)).toBe(false)
      expect(world.provider.disks().some(({ owner }) => typeof owner === 'object' && owner.workspaceId === workspaceId)).toBe(false)
    }
  }
}

async function live(world: TickWorld, starts: readonly Start[], events: readonly Event[]): Promise<void> {
  for (const [index, workspaceId] of IDS.entries()) await begin(world, workspaceId, starts[index] as Start)
  const held: Held[] = []
  for (const one of events) {
    await apply(world, one, held)
    oneMachineEach(world)
  }
  // Suspended processes come back last, long after their leases ended and others did the work.
  world.clock.advance(deadlines.tickLease + 1)
  await world.run({ limit: 40, between: () => daemonsFollowMachines(world, IDS) })
  for (const tick of held) await tick.release()
  calm(world)
  await world.run({ limit: 150, between: () => daemonsFollowMachines(world, IDS) })
  atRest(world)
}

const property = (make: () => TickWorld) => fc.asyncProperty(fc.tuple(start, start), fc.array(event, { maxLength: 30 }), async (starts, events) => live(make(), starts, events))
const RUNS = Number(process.env['BERTH_SETTLE_RUNS'] ?? 400)

describe('ticks', () => {
  it('come to rest with exactly what is wanted running', async () => {
    await fc.assert(property(createTickWorld), { numRuns: RUNS })
  }, 120_000)

  const finds = async (make: () => TickWorld) => (await fc.check(property(make), { numRuns: 3_000, endOnFailure: true })).failed
  it('would be caught if a provider bought twice for one key', async () => {
    expect(await finds(() => { const world = createTickWorld(); world.provider.forgetOwners(); return world })).toBe(true)
  }, 120_000)
})
