/**
 * One life of two workspaces under random wishes, faults of the vendor, kills between any two calls, suspended processes
 * and machines that change by themselves; then the world calms down, and the vendor's bill says what is left.
 */
import { deadlines, isInPool, reap, type Owner } from '@berth/core'
import { createTestClock, createTickWorldOn, TEST_INSTALLATION, workspaceRow, type TickWorld } from '@berth/testkit'
import type { WorkspaceId } from '@berth/wire'
import type { Provider } from '@berth/core'
import { createPoolLife, type PoolLife } from './pool.ts'
import { numberOf, type Mutation, type Open, type Random, type Vendor } from './vendor.ts'

const IDS = ['ws_0000000000aa', 'ws_0000000000bb'] as const satisfies readonly string[]
const EVENTS = 28
const RESTS = 400
const QUIET_TICKS = 60
/** More than the hours after which a machine without a server ends, and what an end may take. */
const AWAY_MS = 13 * 3_600_000
const ENDING_MS = 5 * 60_000
const ids = IDS as readonly string[] as readonly WorkspaceId[]

export interface Life { readonly problems: readonly string[]; readonly requests: number; readonly script: readonly string[] }

/** The same seed is the same life. */
function randomOf(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (below: number): number => Math.floor(next() * below)
  // Callers pass lists that are not empty.
  return { int, pick: <T>(of: readonly T[]): T => of[int(of.length)] as T }
}

interface Scene { readonly world: TickWorld<Provider>; readonly vendor: Vendor; readonly random: Random; readonly held: { release(): Promise<void> }[]; readonly script: string[]; readonly pool: PoolLife | null; readonly pauses: boolean; readonly waste: Waste }
/** Wishes under which what failed before anybody could work on it was given back, disk and all, by the workspace's number: a start after that buys another disk, and nothing was lost. */
type Waste = ReadonlyMap<string, ReadonlySet<number>>

/** Every so many lives have a warm pool. */
const POOL_EACH = 3
/** Every so many are stopped and started as a whole in the end. */
const PAUSE_EACH = 4
/** Those of the beginning, and what a pool made. */
const idsIn = ({ world }: Pick<Scene, 'world'>): WorkspaceId[] => world.store.records().map(({ workspace }) => workspace.id)

export async function live(open: Open, seed: number, mutation?: Mutation & { readonly world?: (world: TickWorld<Provider>) => void }): Promise<Life> {
  const random = randomOf(seed)
  const clock = createTestClock()
  const owners: Owner[] = ids.map((workspaceId) => ({ installation: TEST_INSTALLATION, workspaceId, generation: 1 }))
  const vendor = open({ installation: TEST_INSTALLATION, clock, random, mutation, lookAlike: owners })
  try {
    const waste = new Map<string, Set<number>>()
    const world: TickWorld<Provider> = createTickWorldOn({ ...vendor.provider, destroy(owner, context) {
      const { wish: { target, by, version }, readyAt } = world.store.record(owner.workspaceId as WorkspaceId).workspace
      const number = numberOf(owner.workspaceId)
      if (target === 'stopped' && by === 'failure' && readyAt === null) waste.set(number, (waste.get(number) ?? new Set()).add(version))
      return vendor.provider.destroy(owner, context)
    } }, clock)
    mutation?.world?.(world)
    const scene: Scene = { world, vendor, random, waste, held: [], script: [], pauses: seed % PAUSE_EACH === 0, pool: seed % POOL_EACH === 0 ? createPoolLife(world, random, mutation?.pools) : null }
    for (const id of ids) world.store.put({ workspace: workspaceRow({ id, autoStopMs: 0, wish: { target: 'running', by: 'user', version: 1, reason: null, at: clock.now() } }), machine: null }, clock.now())
    for (let at = 0; at < EVENTS; at += 1) await act(scene)
    await calm(scene)
    const problems = await judge(scene)
    return { problems: [...problems, ...vendor.wrong()], requests: vendor.requests(), script: scene.script }
  } finally {
    await vendor.close()
  }
}

const WISHES = ['running', 'running', 'stopped', 'deleted'] as const
async function act(scene: Scene): Promise<void> {
  const { random, script, pool } = scene
  const [name, run] = random.pick([...ACTS, ...(pool?.acts ?? [])])
  script.push(name)
  await run(scene)
}

/** Each as often as it stands here. */
const ACTS: readonly (readonly [string, (scene: Scene) => unknown])[] = [
  ...Array.from({ length: 6 }, () => ['tick', async ({ world, random }: Scene) => world.tick(random.int(2) === 0 ? {} : { killAt: 1 + random.int(16) })] as const),
  ...Array.from({ length: 4 }, () => ['pass', ({ world, random }: Scene) => world.clock.advance(random.pick([500, 2_000, 20_000, 61_000, 40 * 60_000]))] as const),
  ...Array.from({ length: 3 }, () => ['wish', ({ world, random }: Scene) => wish(world, random.pick(personal(world)), random.pick(WISHES))] as const),
  ...Array.from({ length: 4 }, () => ['fault', ({ vendor }: Scene) => vendor.addFault()] as const),
  ...Array.from({ length: 2 }, () => ['daemons', (scene: Scene) => follow(scene)] as const),
  ['hold', async ({ world, random, held }) => {
    const tick = await world.holdBefore(1 + random.int(3))
    if (tick !== null) held.push(tick)
  }],
  ['release', ({ held }) => held.shift()?.release()],
  ['capacity', ({ vendor }) => vendor.limitCapacity('some')],
  ['no capacity', ({ vendor }) => vendor.limitCapacity('none')],
  ['token', ({ vendor, random }) => vendor.setToken(random.int(2) === 0)],
  ['stuck', ({ vendor, random }) => vendor.stick(random.int(2) === 0)],
  ['off', ({ vendor }) => vendor.switchOff()],
]

/** Nobody sees those of a pool. */
const personal = ({ store }: TickWorld<Provider>): WorkspaceId[] => store.records().filter(({ workspace }) => !isInPool(workspace)).map(({ workspace }) => workspace.id)

async function wish({ store, clock }: TickWorld<Provider>, id: WorkspaceId, target: (typeof WISHES)[number]): Promise<void> {
  if (store.record(id).workspace.wish.target !== 'deleted') await store.setWish(id, { target, by: 'user', reason: null }, clock.now())
}

/** A daemon calls home from each server that is on, and is gone with it. */
function follow({ world, vendor }: Pick<Scene, 'world' | 'vendor'>): void {
  for (const id of idsIn({ world })) {
    const { workspace, machine } = world.store.record(id)
    const now = world.clock.now()
    if (machine !== null && vendor.running(id)) {
      world.daemons.connect(id)
      world.store.patch(id, { machine: { linkedAt: machine.linkedAt ?? now, lastSeenAt: now }, workspace: { readyAt: workspace.readyAt ?? now } })
    } else {
      world.daemons.disconnect(id)
      world.store.patch(id, { machine: { linkedAt: null } })
    }
  }
}

async function calm(scene: Scene): Promise<void> {
  const { world, vendor, held } = scene
  // Suspended processes come back late: after their leases, when others did the work.
  world.clock.advance(deadlines.tickLease + 1)
  await world.run({ limit: 30, between: () => follow(scene) })
  for (const tick of held) await tick.release()
  vendor.calm()
  await rest(scene)
}

/** Ticks and looks of the reaper until nothing moves. */
async function rest(scene: Scene): Promise<void> {
  const { world, vendor } = scene
  const quiet = vendor.quietTicks ?? QUIET_TICKS
  const allSettled = (): boolean => idsIn(scene).every((id) => settled(scene, id))
  await scene.pool?.look()
  await world.run({ limit: RESTS, between: () => follow(scene), done: allSettled })
  // What is right now stays right.
  await world.run({ limit: quiet, between: () => follow(scene) })
  for (let look = 0; look < 3; look += 1) {
    world.clock.advance(deadlines.reaperMinimumAge)
    await reap({ store: world.store.installation, providers: [vendor.provider], clock: world.clock, log: () => {} }, new AbortController().signal)
    await scene.pool?.look()
    await world.run({ limit: scene.pool === null ? quiet : RESTS, between: () => follow(scene), done: allSettled })
  }
}

function settled({ world, vendor }: Scene, id: WorkspaceId): boolean {
  const { workspace } = world.store.record(id)
  if (workspace.wish.target === 'running') return vendor.running(id) && workspace.readyAt !== null
  if (workspace.wish.target === 'stopped') return chargesOf(vendor, id).every((kind) => vendor.keeps.includes(kind))
  return workspace.deletedAt !== null
}

const chargesOf = (vendor: Vendor, id: WorkspaceId): string[] => vendor.charged().filter(({ whose }) => whose === numberOf(id)).map(({ kind }) => kind).sort()

async function judge(scene: Scene): Promise<string[]> {
  const { world, vendor } = scene
  const problems = [...await wrong(scene), ...await away(scene), ...(scene.pauses ? await pause(scene) : [])]
  await scene.pool?.remove()
  for (const id of personal(world)) await wish(world, id, 'deleted')
  await rest(scene)
  for (const id of idsIn(scene)) {
    if (world.store.record(id).workspace.deletedAt === null) problems.push(`${id} was not deleted`)
    for (const kind of chargesOf(vendor, id)) problems.push(`${id} is deleted, and a ${kind} is still paid for`)
  }
  for (const { whose, kind, name } of vendor.charged()) if (whose === 'nobody') problems.push(`a ${kind} named ${name} is paid for and nobody's`)
  const disks = vendor.disks()
  for (const name of new Set(disks)) if (disks.filter((each) => each === name).length > 1 + givenUp(scene.waste, name)) problems.push(`the disk ${name} was lost, and another one bought`)
  const left = vendor.foreignLeft()
  for (const name of vendor.foreign) if (!left.includes(name)) problems.push(`${name} was somebody else's, and is gone`)
  return problems
}

const givenUp = (waste: Waste, disk: string): number => [...waste].find(([number]) => disk.includes(number))?.[1].size ?? 0

/** All are stopped, and wanted again: what that leaves is the declared rest, and the disks are those of before. */
async function pause(scene: Scene): Promise<string[]> {
  const { world } = scene
  const problems: string[] = []
  for (const target of ['stopped', 'running'] as const) {
    for (const id of personal(world)) await wish(world, id, target)
    await world.run({ limit: RESTS, between: () => follow(scene), done: () => idsIn(scene).every((id) => settled(scene, id)) })
    problems.push(...await wrong(scene))
  }
  return problems
}

/** No server for hours: what can end by itself ends, and comes back with the server. */
async function away(scene: Scene): Promise<string[]> {
  const { world, vendor } = scene
  if (!vendor.leaveAlone(0)) return []
  world.clock.advance(AWAY_MS)
  vendor.leaveAlone(AWAY_MS)
  world.clock.advance(ENDING_MS)
  vendor.leaveAlone(AWAY_MS)
  const problems = idsIn(scene).flatMap((id) => {
    const beyond = chargesOf(vendor, id).filter((kind) => !vendor.keeps.includes(kind) && vendor.free?.includes(kind) !== true)
    return vendor.running(id) || beyond.length > 0 ? [`${id} heard of no server for ${AWAY_MS / 3_600_000} hours, and ${beyond.join(', ') || 'a machine'} is still paid for`] : []
  })
  await rest(scene)
  return [...problems, ...await wrong(scene)]
}

const wrong = async (scene: Scene): Promise<string[]> => [...idsIn(scene).flatMap((id) => wrongWith(scene, id)), ...(await scene.pool?.problems() ?? [])]

/** What is paid for is what the wish is, and at most once. */
function wrongWith({ world, vendor }: Scene, id: WorkspaceId): string[] {
  const { workspace } = world.store.record(id)
  const charges = chargesOf(vendor, id)
  const isTwice = new Set(charges).size < charges.length
  const beyond = charges.filter((kind) => !vendor.keeps.includes(kind))
  const { target } = workspace.wish
  return [
    ...(isTwice ? [`${id}: ${charges.join(', ')}`] : []),
    ...(target === 'running' && !vendor.running(id) ? [`${id} is wanted and does not run`] : []),
    ...(target !== 'running' && beyond.length > 0 ? [`${id} is ${target}, and ${beyond.join(', ')} are paid for`] : []),
    ...(target === 'deleted' && charges.length > 0 ? [`${id} is deleted, and ${charges.join(', ')} are paid for`] : []),
  ]
}
