/** A workspace goes to sleep here and wakes on a cloud's machine, and back: nothing of it is lost, and nothing is paid for twice. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { wander } from '../saved/wander.ts'
import { startSavedWorld, type SavedWorld } from '../saved/world.ts'
import { startHetznerGround, type HetznerGround } from './hetzner-ground.ts'

let ground: HetznerGround
let world: SavedWorld
beforeAll(async () => {
  ground = startHetznerGround()
  world = await startSavedWorld('', ground.setUp)
})
afterAll(async () => {
  await world?.close()
  await ground?.close()
})

test('local, Hetzner, docker and Hetzner again: tree, index, branches and conversation are the same, and one machine is left', async () => {
  const { world: { servers, volumes, ledger }, faulty, refused } = ground.hetzner
  let old: string[] = []
  await wander(world, ['local', 'hetzner', 'docker', 'hetzner'], async (id, provider) => {
    const there = await ground.inventory(id)
    // A server and its disk, of another generation each time; none of the one before.
    expect([provider, there.length]).toEqual([provider, provider === 'hetzner' ? 2 : 0])
    expect(there.filter((name) => old.includes(name))).toEqual([])
    old = [...old, ...there]
    expect(ledger.running().length).toBe(provider === 'hetzner' ? 3 : 0)
  })
  expect([servers.size, volumes.size]).toEqual([1, 1])
  const [workspace] = await world.product.json<{ id: string }[]>(['list'])
  await world.product.cli(['delete', workspace?.id ?? '', '-y'])
  expect([ledger.running(), [...faulty, ...refused]]).toEqual([[], []])
}, 600_000)
