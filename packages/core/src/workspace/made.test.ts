/** What a machine was made of is told once for each machine, and its ports are declared. */
import { expect, it } from 'bun:test'
import { createTickWorld, daemonsFollowMachines, workspaceRow } from '@berth/testkit'
import type { WorkspaceId } from '@berth/wire'
import type { MachineMade } from '../ports/provider.ts'
import { phaseOf } from './phase.ts'

const ID = 'ws_0000000000aa' as WorkspaceId
const made: MachineMade = { from: 'devcontainer', recovery: null, ports: [{ port: 3000, label: 'web', primary: true }], notices: [{ level: 'info', code: 'devcontainer', message: 'made from it', hint: null }] }

function open(declare: () => Promise<void> = async () => {}) {
  const world = createTickWorld()
  const now = world.clock.now()
  world.store.put({ workspace: workspaceRow({ id: ID, lastActiveAt: now, wish: { target: 'running', by: 'user', version: 1, reason: null, at: now } }), machine: null }, now)
  const declared: MachineMade['ports'][] = []
  const { providers } = world.deps
  Object.assign(world.deps, {
    providers: (name: string) => {
      const provider = providers(name)
      return {
        ...provider,
        ensure: async (...args: Parameters<typeof provider.ensure>) => {
          const step = await provider.ensure(...args)
          return step.done ? { ...step, value: { ...step.value, made } } : step
        },
      }
    },
    declarePorts: async (_: WorkspaceId, ports: MachineMade['ports']) => {
      declared.push(ports)
      await declare()
    },
  })
  const until = (wanted: string) => world.run({ limit: 300, between: () => daemonsFollowMachines(world, [ID]), done: () => phaseOf(world.store.record(ID), world.clock.now()).phase === wanted })
  const told = () => world.store.events.filter(({ body }) => body.type === 'workspace.notice' && body.code === 'devcontainer').length
  const wish = (target: 'running' | 'stopped') => world.store.setWish(ID, { target, by: 'user', reason: null }, world.clock.now())
  return { world, declared, until, told, wish }
}

it('is told when the machine is made, and not again when the same one starts', async () => {
  const { declared, until, told, wish } = open()
  await until('running')
  expect(told()).toBe(1)
  expect(declared).toEqual([made.ports])
  await wish('stopped')
  await until('stopped')
  await wish('running')
  await until('running')
  expect(told()).toBe(1)
  expect(declared).toHaveLength(1)
})

it('comes up also when its ports cannot be declared', async () => {
  const { until, told } = open(() => Promise.reject(new Error('no')))
  await until('running')
  expect(told()).toBe(1)
})
