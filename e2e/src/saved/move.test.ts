/** One workspace on one provider, on the other, and back: the same tree, the same conversation, one machine. */
import { afterAll, beforeAll, test } from 'bun:test'
import { wander } from './wander.ts'
import { startSavedWorld, type SavedWorld } from './world.ts'

let world: SavedWorld
beforeAll(async () => { world = await startSavedWorld() })
afterAll(() => world?.close())

test('docker, local and docker again: tree, index, branches and conversation are the same, and one machine is left', () => wander(world, ['docker', 'local', 'docker']), 300_000)
