/** A sync that is told to end at any moment of its beginning ends. `./test full` only. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { COMMAND } from '../product.ts'
import { startWorld, type World } from './sync-world.ts'

const STARTS = 200
const LANES = ['lane-0', 'lane-1', 'lane-2', 'lane-3']
/** A machine under load takes seconds; one that hangs never ends. */
const HANGS_AFTER_MS = 30_000

let world: World
let dir: string
beforeAll(async () => {
  world = await startWorld()
  dir = await world.repository('here')
  writeFileSync(join(dir, 'a.txt'), 'a\n')
  // One for each: two pushes into one at the same moment refuse each other.
  for (const lane of LANES) await world.up(lane, dir)
}, 180_000)
afterAll(async () => { await world?.close() }, 60_000)

test('ends by SIGTERM however early it comes', async () => {
  const beganAt = performance.now()
  await (await world.sync('lane-0', dir)).stop()
  // From before the first line of it until it only waits, several at once as they are.
  const span = Math.max(500, (performance.now() - beganAt) * LANES.length)
  const hung: number[] = []
  const broke: string[] = []
  const codes = new Map<number, number>()
  let caughtUp = 0
  const one = async (lane: string): Promise<void> => {
    const after = Math.random() * span
    const child = Bun.spawn([...COMMAND, 'sync', lane, '--json'], { cwd: dir, env: world.product.env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
    const [said, wrong] = [new Response(child.stdout).text(), new Response(child.stderr).text()]
    await Bun.sleep(after)
    child.kill('SIGTERM')
    const late = setTimeout(() => {
      hung.push(Math.round(after))
      child.kill('SIGKILL')
    }, HANGS_AFTER_MS)
    const code = await child.exited
    clearTimeout(late)
    codes.set(code, (codes.get(code) ?? 0) + 1)
    if (![0, 130, 143].includes(code)) broke.push(`${code} after ${Math.round(after)} ms: ${await said} ${await wrong}`)
    if ((await said).includes('caught-up')) caughtUp += 1
  }
  let left = STARTS
  await Promise.all(LANES.map(async (lane) => { while (left-- > 0) await one(lane) }))
  console.log(`${STARTS} syncs ended within ${Math.round(span)} ms, ${caughtUp} of them after they had caught up: ${JSON.stringify(Object.fromEntries(codes))}`)
  expect(hung).toEqual([])
  expect(broke).toEqual([])
  // Some were ended in the midst of it, and some when they only waited.
  expect(codes.size).toBeGreaterThan(1)
  expect(caughtUp).toBeGreaterThan(0)
}, 1_200_000)
