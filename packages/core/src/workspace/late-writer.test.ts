/**
 * A process that was suspended in the middle of a tick comes back after its lease, when others did the work and
 * people changed their minds. Every such moment is tried: each first wish, each write, each second wish.
 */
import { expect, it } from 'bun:test'
import { createTickWorld, daemonsFollowMachines, workspaceRow, type TickWorld } from '@berth/testkit'
import type { WishTarget, WorkspaceId } from '@berth/wire'
import { deadlines } from '../deadlines.ts'
import { phaseOf } from './phase.ts'

const ID = 'ws_0000000000aa' as WorkspaceId
const TARGETS: readonly WishTarget[] = ['running', 'stopped', 'deleted']
const LAST_TICK = 8
const LAST_WRITE = 3

/** What went wrong, or null; and whether that moment exists at all. */
async function lateWriter(make: () => TickWorld, at: { first: WishTarget; second: WishTarget; tick: number; write: number }): Promise<{ reached: boolean; wrong: string | null }> {
  const world = make()
  const { store, provider, clock } = world
  const now = clock.now()
  store.put({ workspace: workspaceRow({ id: ID, autoStopMs: 0, wish: { target: 'running', by: 'user', version: 1, reason: null, at: now } }), machine: null }, now)
  const ids = [ID]
  const rest = () => world.run({ limit: 60, between: () => daemonsFollowMachines(world, ids) })
  if (at.first !== 'running') {
    await rest()
    await store.setWish(ID, { target: at.first, by: 'user', reason: null }, clock.now())
  }
  await world.run({ limit: at.tick, between: () => daemonsFollowMachines(world, ids) })
  clock.advance(Math.max(0, (await store.nextDue() ?? clock.now()) - clock.now()))
  const held = await world.holdBefore(at.write)
  if (held === null) return { reached: false, wrong: null }
  await store.setWish(ID, { target: at.second, by: 'user', reason: null }, clock.now())
  clock.advance(deadlines.tickLease + 1)
  await rest()
  const before = JSON.stringify({ record: store.record(ID), machines: provider.machines() })
  const calls = provider.calls.length
  await held.release()
  const after = JSON.stringify({ record: store.record(ID), machines: provider.machines() })
  if (after !== before) return { reached: true, wrong: 'it changed what others had settled' }
  if (provider.calls.slice(calls).some(({ operation }) => operation === 'ensure' || operation === 'stop' || operation === 'destroy')) return { reached: true, wrong: 'it acted on a machine' }
  const { phase } = phaseOf(store.record(ID), clock.now())
  const expected = { running: 'running', stopped: 'stopped', deleted: 'deleted' }[at.first === 'deleted' ? 'deleted' : at.second]
  return { reached: true, wrong: phase === expected || at.first === 'deleted' ? null : `it is ${phase}` }
}

async function everyMoment(make: () => TickWorld): Promise<{ reached: number; wrong: string[] }> {
  let reached = 0
  const wrong: string[] = []
  for (const first of TARGETS) for (const second of TARGETS) for (let tick = 0; tick < LAST_TICK; tick += 1) for (let write = 1; write <= LAST_WRITE; write += 1) {
    if (first === 'deleted' && second !== 'deleted') continue // nobody can wish for a deleted workspace
    const outcome = await lateWriter(make, { first, second, tick, write })
    if (outcome.reached) reached += 1
    if (outcome.wrong !== null) wrong.push(`${first} tick ${tick} write ${write} then ${second}: ${outcome.wrong}`)
  }
  return { reached, wrong }
}

it('a late writer changes nothing and touches no machine', async () => {
  const { reached, wrong } = await everyMoment(createTickWorld)
  expect(wrong).toEqual([])
  expect(reached).toBeGreaterThan(60)
})

it('this test sees it when the fence is not kept', async () => {
  const { wrong } = await everyMoment(() => { const world = createTickWorld(); world.store.forgetFences(); return world })
  expect(wrong.filter((one) => one.endsWith('it changed what others had settled')).length).toBeGreaterThan(10)
})
