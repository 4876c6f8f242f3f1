import { describe, expect, it } from 'bun:test'
import { createTickWorld, daemonsFollowMachines, workspaceRow } from '@berth/testkit'
import { BerthError, type EventBody, type WorkspaceId } from '@berth/wire'
import { deadlines } from '../deadlines.ts'
import { phaseOf } from './phase.ts'
import type { Prepared } from './reconcile.ts'

const ID = 'ws_0000000000aa' as WorkspaceId

function open() {
  const world = createTickWorld()
  const now = world.clock.now()
  world.store.put({ workspace: workspaceRow({ id: ID, lastActiveAt: now, wish: { target: 'running', by: 'user', version: 1, reason: null, at: now } }), machine: null }, now)
  let answer: () => Prepared = () => ({ ready: true })
  Object.assign(world.deps, { prepared: async () => answer() })
  const phase = () => phaseOf(world.store.record(ID), world.clock.now())
  const until = (wanted: string) => world.run({ limit: 200, between: () => daemonsFollowMachines(world, [ID]), done: () => phase().phase === wanted })
  const steps = () => world.store.events.map(({ body }) => body).filter((body): body is EventBody & { type: 'workspace.step' } => body.type === 'workspace.step').map(({ step, state, detail }) => `${step} ${state}${detail === null ? '' : ` ${detail}`}`)
  return { world, phase, until, steps, set: (next: () => Prepared) => { answer = next } }
}

describe('a machine that waits for the toolbox', () => {
  it('is not asked for until it is there, counts one start, and says how far it is', async () => {
    const { world, until, steps, phase, set } = open()
    const looked = { times: 0 }
    set(() => ({ ready: false, detail: `claude ${(looked.times += 1) > 10 ? 43 : 0} %`, afterMs: 1000 }))
    await world.run({ limit: 20 })
    expect(world.provider.calls.filter(({ operation }) => operation === 'ensure')).toEqual([])
    expect(phase()).toMatchObject({ phase: 'provisioning', step: 'toolbox', statusMessage: 'claude 43 %' })
    expect(world.store.record(ID).machine?.attempts).toBe(1)
    expect(steps().filter((step) => step.startsWith('toolbox'))).toEqual(['toolbox started claude 0 %', 'toolbox started claude 43 %'])
    set(() => ({ ready: true }))
    await until('running')
    expect(steps().slice(-4)).toEqual(expect.arrayContaining(['toolbox done', 'machine started', 'machine done']))
    expect(world.store.record(ID).machine).toMatchObject({ attempts: 1, poll: null })
  })

  it('says nothing of the toolbox when that is there already', async () => {
    const { until, steps } = open()
    await until('running')
    expect(steps().join()).not.toContain('toolbox')
  })

  it('fails with its step and its words, and works at the next start', async () => {
    const { world, until, steps, set } = open()
    set(() => { throw new BerthError('network_unreachable', 'claude cannot be fetched', { hint: 'check the network' }) })
    await until('failed')
    expect(world.store.record(ID).workspace.failure).toMatchObject({ code: 'network_unreachable', message: 'claude cannot be fetched', hint: 'check the network' })
    expect(steps().at(-1)).toBe('toolbox failed claude cannot be fetched')
    expect(world.provider.machines()).toEqual([])
    set(() => ({ ready: true }))
    world.clock.advance(deadlines.tickBusy)
    await world.store.setWish(ID, { target: 'running', by: 'user', reason: null }, world.clock.now())
    await until('running')
    expect(world.store.record(ID).workspace.steps.map(({ state }) => state)).not.toContain('failed')
  })
})
