/** The server is killed in the middle of a move, at each of its steps: it goes on, and one machine with everything is left. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import { SERVER_FILE } from '@berth/wire/server-file'
import { eventually } from '../product.ts'
import { dockerInventory } from '../providers.ts'
import { startSavedWorld, type SavedWorld } from './world.ts'

let world: SavedWorld
beforeAll(async () => { world = await startSavedWorld() })
afterAll(() => world?.close(), 60_000)

test('wherever the server is killed, the workspace arrives with all of it, once', async () => {
  const { product } = world
  const { id } = await world.up('survivor', 'docker', 'nothing', '--agent', 'plain', '--command', 'sleep 100000')
  await world.run(id, 'cd /workspace && git stash push -q && git stash pop -q && head -c 4000000 /dev/urandom > big.bin')
  const picture = await world.picture(id)
  const steps = ['saving', 'stopping', 'starting', 'ending'] as const
  for (const [at, step] of steps.entries()) {
    const provider = at % 2 === 0 ? 'local' : 'docker'
    await product.cli(['move', id, '--provider', provider, '--no-wait'])
    // One that is over before it is seen is killed at the next.
    await eventually(async () => {
      const { move } = await world.workspace(id)
      return !move || steps.indexOf(move.step as (typeof steps)[number]) >= at
    }, step)
    process.kill((JSON.parse(readFileSync(join(product.home, SERVER_FILE), 'utf8')) as { pid: number }).pid, 'SIGKILL')
    await product.cli(['list'])
    const there = await eventually(async () => {
      const now = (await product.json<Workspace[]>(['list'])).find((one) => one.id === id)
      return now !== undefined && !now.move && now.phase === 'running' ? now : null
    }, `the end of a move killed at ${step}`, 90_000)
    expect([step, there.provider, there.generation]).toEqual([step, provider, at + 2])
    expect(await world.picture(id)).toBe(picture)
    expect((await dockerInventory(id)).filter((line) => line.startsWith('container'))).toHaveLength(provider === 'docker' ? 1 : 0)
  }
}, 280_000)
