/** Up and back again with every state, small; `round-trip-large.test.ts` does the same with fifty thousand files. */
import { afterAll, beforeAll, test } from 'bun:test'
import { proveRoundTrip } from './round-trip-proof.ts'
import { startWorld, type World } from './sync-world.ts'

let world: World
beforeAll(async () => { world = await startWorld() }, 60_000)
afterAll(() => world.close(), 60_000)

test('two hundred files go up, come back as a branch and as a copy, and are pushed again, the same each time', () => proveRoundTrip(world, 200), 60_000)
