/**
 * A move from its wish to its end, and the server killed at every call of every tick on the way: the work is always on a
 * machine that has all of it, never on two that run, and in the end there is one.
 */
import { describe, expect, it } from 'bun:test'
import { createTickWorld, daemonsFollowMachines, workspaceRow, type TickWorld } from '@berth/testkit'
import type { SavedId, UserId, WorkspaceId } from '@berth/wire'
import type { MoveRow } from '../ports/saved-store.ts'
import type { Moves, Saving } from './move.ts'

const ID = 'ws_0000000000aa' as WorkspaceId
const SAVED = 'sav_000000000000' as SavedId
const TICKS = 26
const CALLS = 8

interface MoveWorld { readonly world: TickWorld; rest(limit?: number): Promise<void>; saved: Saving[]; /** What the new machine has. */ begun: string | null }

async function ready(over: Partial<MoveRow> = {}): Promise<MoveWorld> {
  const world = createTickWorld()
  const { store, clock, daemons } = world
  const at = clock.now()
  store.put({ workspace: workspaceRow({ id: ID, autoStopMs: 0, agentState: 'idle', wish: { target: 'running', by: 'user', version: 1, reason: null, at } }), machine: null }, at)
  const made: MoveWorld = { world, saved: [{ state: 'saving', detail: 'saving' }, { state: 'verified' }], begun: SAVED, rest: async (limit = 60) => { await world.run({ limit, between: () => daemonsFollowMachines(world, [ID]) }) } }
  let looks = 0
  const moves: Moves = {
    newId: () => SAVED,
    begin: async () => {},
    look: async () => made.saved[Math.min(looks++, made.saved.length - 1)] ?? { state: 'failed', why: 'nothing' },
  }
  Object.assign(world.deps, { moves })
  daemons.answer('state.begun', () => ({ savedId: made.begun as SavedId }))
  daemons.answer('session.interrupt', () => ({ interrupted: true }))
  await made.rest(12)
  const now = clock.now()
  const move: MoveRow = { from: { provider: 'fake', generation: 1 }, to: { provider: 'elsewhere', generation: null }, interrupt: false, step: 'waiting', savedId: null, why: null, askedBy: 'usr_000000000000' as UserId, askedAt: now, stepAt: now, ...over }
  store.patch(ID, { workspace: { move } })
  await store.wake(ID, now)
  return made
}

const alive = ({ provider }: TickWorld) => provider.machines().filter(({ observed }) => observed.state === 'running').length
const notices = ({ store }: TickWorld): string[] => store.events.flatMap(({ body }) => (body.type === 'workspace.notice' ? [body.code] : []))

describe('a move', () => {
  it('ends with one machine of the next generation, where it was to go, and says so', async () => {
    const { world, rest } = await ready()
    await rest()
    const { workspace, machine, others } = world.store.record(ID)
    expect(workspace).toMatchObject({ provider: 'elsewhere', generation: 2, move: null, restore: { savedId: SAVED, generation: 2 } })
    expect([machine?.observed.state, others ?? [], world.provider.machines().length, world.provider.disks().length]).toEqual(['running', [], 1, 1])
    expect(notices(world)).toEqual(['moved'])
  })

  it('leaves one machine that has everything, wherever the server is killed', async () => {
    const wrong: unknown[] = []
    for (let ticks = 0; ticks < TICKS; ticks += 1) {
      for (let killAt = 1; killAt <= CALLS; killAt += 1) {
        const { world, rest } = await ready()
        const step = async (options: { killAt?: number } = {}) => {
          daemonsFollowMachines(world, [ID])
          world.clock.advance(Math.max(0, (await world.store.nextDue() ?? world.clock.now()) - world.clock.now()))
          await world.tick(options)
          if (alive(world) > 1 && wrong.length < 5) wrong.push({ ticks, killAt, is: 'two machines run at once' })
        }
        for (let n = 0; n < ticks; n += 1) await step()
        await step({ killAt })
        await rest(120)
        const { workspace, others } = world.store.record(ID)
        const left = world.provider.machines()
        if ((workspace.move !== null || workspace.generation !== 2 || others !== undefined || left.length !== 1 || alive(world) !== 1) && wrong.length < 5) wrong.push({ ticks, killAt, move: workspace.move, generation: workspace.generation, left: left.length })
      }
    }
    expect(wrong).toEqual([])
  }, 60_000)

  it('waits for the end of the turn, or interrupts it', async () => {
    const patient = await ready()
    patient.world.store.patch(ID, { workspace: { agentState: 'busy' } })
    await patient.rest(20)
    expect(patient.world.store.record(ID).workspace.move?.step).toBe('waiting')
    patient.world.store.patch(ID, { workspace: { agentState: 'idle' } })
    await patient.rest()
    expect(patient.world.store.record(ID).workspace.generation).toBe(2)
    const hasty = await ready({ interrupt: true })
    hasty.world.store.patch(ID, { workspace: { agentState: 'busy' } })
    await hasty.rest(90)
    expect(hasty.world.daemons.calls.some(({ method }) => method === 'session.interrupt')).toBe(true)
    expect(hasty.world.store.record(ID).workspace.generation).toBe(2)
  })

  it('stays where it is when nothing could be saved, and its agents go on', async () => {
    const made = await ready()
    made.saved = [{ state: 'failed', why: 'no space' }]
    await made.rest(20)
    const { world } = made
    expect(world.store.record(ID).workspace).toMatchObject({ generation: 1, provider: 'fake', move: null })
    expect([notices(world), alive(world), world.daemons.reassigned.length > 1, world.provider.calls.some(({ operation }) => operation === 'stop')]).toEqual([['move_undone'], 1, true, false])
  })

  it('goes back when the new machine cannot be had, and leaves nothing there', async () => {
    const { world, rest } = await ready()
    world.provider.fault({ operation: 'ensure', when: 'before', category: 'quota', times: 1 })
    await rest(90)
    const { workspace, machine, others } = world.store.record(ID)
    expect(workspace).toMatchObject({ generation: 1, provider: 'fake', move: null, failure: null, wish: { target: 'running' } })
    expect([machine?.observed.state, others, world.provider.machines().length, alive(world), notices(world)]).toEqual(['running', undefined, 1, 1, ['move_undone']])
    // It was worked on: a machine that never was ready may be thrown away.
    expect(workspace.readyAt).not.toBeNull()
  })

  it('makes a machine of its own after a move that was undone, and never one that was', async () => {
    const { world, rest } = await ready()
    world.provider.fault({ operation: 'ensure', when: 'before', category: 'quota', times: 1 })
    await rest(90)
    const at = world.clock.now()
    world.store.patch(ID, { workspace: { move: { from: { provider: 'fake', generation: 1 }, to: { provider: 'a third', generation: null }, interrupt: false, step: 'waiting', savedId: null, why: null, askedBy: 'usr_000000000000' as UserId, askedAt: at, stepAt: at } } })
    await world.store.wake(ID, at)
    await rest()
    const { workspace, machine } = world.store.record(ID)
    expect([workspace.provider, workspace.generation, machine?.provider, machine?.generation]).toEqual(['a third', 3, 'a third', 3])
  })

  it('goes back also while the new provider is away, and removes what is there when it is back', async () => {
    const { world, rest } = await ready()
    world.provider.fault({ operation: 'ensure', when: 'after', category: 'quota', times: 1 })
    world.provider.fault({ operation: 'destroy', when: 'before', category: 'transient', times: 6 })
    let back: { machines: number; left: number } | null = null
    for (let tick = 0; tick < 120; tick += 1) {
      await rest(1)
      const { workspace, machine, others = [] } = world.store.record(ID)
      if (back === null && workspace.generation === 1 && workspace.move === null && machine?.observed.state === 'running') back = { machines: world.provider.machines().length, left: others.length }
    }
    expect(back).toEqual({ machines: 2, left: 1 })
    expect([world.store.record(ID).others, world.provider.machines().length, alive(world)]).toEqual([undefined, 1, 1])
  })

  it('keeps the old machine as long as the new one has not everything', async () => {
    const made = await ready()
    made.begun = null
    await made.rest(60)
    const { world } = made
    expect(world.store.record(ID).workspace).toMatchObject({ generation: 2, move: { step: 'starting' } })
    expect([world.provider.machines().length, alive(world)]).toEqual([2, 1])
    made.begun = SAVED
    await made.rest(60)
    expect(world.provider.machines()).toHaveLength(1)
  })

  it('is over when the workspace is deleted, with both machines', async () => {
    const made = await ready()
    made.begun = null
    await made.rest(40)
    await made.world.store.setWish(ID, { target: 'deleted', by: 'user', reason: null }, made.world.clock.now())
    await made.rest(40)
    expect(made.world.store.record(ID).workspace.deletedAt).not.toBeNull()
    expect([made.world.provider.machines(), made.world.provider.disks()]).toEqual([[], []])
  })
})
