/** Fifty thousand files with every state, up and back again. */
import { afterAll, beforeAll, test } from 'bun:test'
import { proveRoundTrip } from './round-trip-proof.ts'
import { startWorld, type World } from './sync-world.ts'

let world: World
beforeAll(async () => { world = await startWorld() }, 60_000)
afterAll(() => world.close(), 120_000)

test('fifty thousand files go up, come back as a branch and as a copy, and are pushed again, the same each time', () => proveRoundTrip(world, 50_000), 900_000)
