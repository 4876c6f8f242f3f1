/**
 * Lives of two workspaces on a real host, with the reconciler that drives them: random wishes, ticks that die at any call,
 * a connection that breaks at any point, units that are killed. Then it is calm, and the host has what is wanted.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Owner, Provider } from '@berth/core'
import { createTestClock, createTickWorldOn, TEST_INSTALLATION, workspaceRow, type TickWorld } from '@berth/testkit'
import type { WorkspaceId } from '@berth/wire'
import { createCutSsh, type Cut } from '../testing/cut-ssh.ts'
import { openSshBench, type SshBench } from '../testing/ssh-bench.ts'
import { namesOf } from './names.ts'

/** More of them, and from which on: `BERTH_LIVES=20 BERTH_SEED=100`. */
const LIVES = Number(process.env['BERTH_LIVES'] ?? 2)
const SEED = Number(process.env['BERTH_SEED'] ?? 1)
const EVENTS = 20
const TICKS_AT_MOST = 150
const QUIET_TICKS = 5
const ids = ['ws_0000000000aa', 'ws_0000000000bb'] as readonly string[] as readonly WorkspaceId[]
const ownerOf = (id: WorkspaceId): Owner => ({ installation: TEST_INSTALLATION, workspaceId: id, generation: 1 })
const ssh = createCutSsh()

let bench: SshBench
let strangers: readonly string[] = []
beforeAll(async () => {
  bench = await openSshBench('ssh-lives')
  // Of another installation, and a unit of somebody's that is named almost like ours.
  await bench.host.exec(`useradd -M --comment "berth ${'f'.repeat(32)}/${ids[0]}/1" stranger && printf '[Service]\\nExecStart=/bin/true\\n' > /etc/systemd/system/berth-${TEST_INSTALLATION.slice(0, 8)}-other.service`)
  strangers = await bench.ledger()
  expect(strangers).toHaveLength(2)
}, 120_000)
afterAll(async () => {
  await (bench as SshBench | undefined)?.close()
  ssh.remove()
})

function randomOf(seed: number): { int(below: number): number; pick<T>(of: readonly T[]): T } {
  let state = seed * 2_654_435_761 >>> 0
  const int = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  // Callers pass lists that are not empty.
  return { int, pick: <T>(of: readonly T[]): T => of[int(of.length)] as T }
}

const activeUnits = async (): Promise<Set<string>> => new Set((await bench.host.look("systemctl list-units --no-legend --state=active 'berth-*' | cut -d ' ' -f 3")).stdout.split('\n').map((line) => line.trim()).filter(Boolean))
const runs = (active: Set<string>, id: WorkspaceId): boolean => active.has(namesOf(ownerOf(id)).unit)

/** The daemon of each unit that is active calls home, and is gone with it. */
async function follow({ store, daemons, clock }: TickWorld<Provider>): Promise<Set<string>> {
  const active = await activeUnits()
  const now = clock.now()
  for (const id of ids) {
    const { workspace, machine } = store.record(id)
    if (machine !== null && runs(active, id)) {
      daemons.connect(id)
      store.patch(id, { machine: { linkedAt: machine.linkedAt ?? now, lastSeenAt: now }, workspace: { readyAt: workspace.readyAt ?? now } })
    } else {
      daemons.disconnect(id)
      store.patch(id, { machine: { linkedAt: null } })
    }
  }
  return active
}

async function wish({ store, clock }: TickWorld<Provider>, id: WorkspaceId, target: 'running' | 'stopped' | 'deleted'): Promise<void> {
  if (store.record(id).workspace.wish.target !== 'deleted') await store.setWish(id, { target, by: 'user', reason: null }, clock.now())
}

/** What is there is what is wanted. */
function asWanted({ store }: TickWorld<Provider>, active: Set<string>): boolean {
  return ids.every((id) => {
    const { workspace } = store.record(id)
    if (workspace.wish.target === 'deleted') return workspace.deletedAt !== null
    return runs(active, id) === (workspace.wish.target === 'running')
  })
}

async function rest(world: TickWorld<Provider>): Promise<void> {
  for (let ticks = 0, quiet = 0; ticks < TICKS_AT_MOST && quiet < QUIET_TICKS; ticks += 1) {
    quiet = asWanted(world, await follow(world)) ? quiet + 1 : 0
    const due = await world.store.nextDue()
    if (due === null) return
    world.clock.advance(Math.max(0, due - world.clock.now()))
    await world.tick()
    await Bun.sleep(50)
  }
}

async function live(seed: number): Promise<string[]> {
  const random = randomOf(seed)
  const clock = createTestClock()
  const world = createTickWorldOn(bench.provider(TEST_INSTALLATION, { program: ssh.program, now: clock.now }), clock)
  for (const id of ids) world.store.put({ workspace: workspaceRow({ id, autoStopMs: 0, wish: { target: 'running', by: 'user', version: 1, reason: null, at: clock.now() } }), machine: null }, clock.now())
  const tick = () => world.tick(random.int(2) === 0 ? {} : { killAt: 1 + random.int(16) })
  const acts: readonly (() => unknown)[] = [
    tick, tick, tick, tick, tick, tick,
    () => clock.advance(random.pick([500, 2_000, 20_000, 61_000])), () => clock.advance(61_000),
    () => wish(world, random.pick(ids), random.pick(['running', 'running', 'stopped', 'deleted'])), () => wish(world, random.pick(ids), 'stopped'),
    () => ssh.plan(random.pick<Cut>(['none', 'before', 'after', 1 + random.int(100), 1 + random.int(100)])), () => ssh.plan(1 + random.int(100)), () => ssh.plan('none'),
    () => follow(world),
    () => bench.host.look(`systemctl kill --signal=KILL ${namesOf(ownerOf(random.pick(ids))).unit}`),
  ]
  for (let at = 0; at < EVENTS; at += 1) await random.pick(acts)()
  ssh.plan('none')
  clock.advance(61_000)
  await rest(world)
  const problems = asWanted(world, await activeUnits()) ? [] : [`not as wanted: ${ids.map((id) => world.store.record(id).workspace.wish.target).join(', ')}; active: ${[...await activeUnits()].join(', ')}`]
  for (const id of ids) {
    const users = (await bench.ledger(namesOf(ownerOf(id)).comment)).length
    const wanted = world.store.record(id).workspace.wish.target === 'deleted' ? 0 : 1
    if (users > wanted) problems.push(`${id}: ${users} users`)
    await wish(world, id, 'deleted')
  }
  await rest(world)
  const left = (await bench.ledger()).filter((line) => !strangers.includes(line))
  return [...problems, ...left]
}

test(`of ${LIVES} random lives nothing is left on the host but what was there before`, async () => {
  for (let seed = SEED; seed < SEED + LIVES; seed += 1) {
    expect({ seed, problems: await live(seed) }).toEqual({ seed, problems: [] })
    expect(await bench.ledger()).toEqual([...strangers])
  }
}, 600_000)
