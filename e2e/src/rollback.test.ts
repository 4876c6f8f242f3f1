/**
 * One side goes back in time, or there are suddenly two of it: nothing is silently dropped, no machine is reaped, no
 * stream is stuck. The agent's own numbers are the judge.
 */
import { Database } from 'bun:sqlite'
import { afterEach, describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StoredEvent, Workspace } from '@berth/wire'
import { createChance } from './crash/chance.ts'
import { countedIn, judge } from './crash/judge.ts'
import { createSubject, type Subject } from './crash/subject.ts'
import { isAlive } from './crash/victims.ts'
import { openWorld, type World } from './crash/world.ts'
import { eventually } from './product.ts'

const worlds: World[] = []
const dirs: string[] = []
afterEach(async () => {
  for (const world of worlds.splice(0).toReversed()) await world.close()
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
}, 120_000)

async function begin(options: Parameters<typeof openWorld>[0] = {}): Promise<World> {
  const world = await openWorld(options)
  worlds.push(world)
  await world.startServer()
  return world
}
const aDir = (): string => {
  const dir = mkdtempSync(join(tmpdir(), 'berth-rollback-'))
  dirs.push(dir)
  return dir
}
const spec = (name: string, askEvery = 0) => ({ name, agent: 'numbered' as const, delayMs: 20, askEvery })
const chance = createChance(7)

/** Lets the agent count on until all of at least so many events are here, then lets it come to rest. */
async function count(subject: Subject, events: number): Promise<void> {
  await eventually(async () => { await subject.look({ feed: true, chance }); return subject.tail() >= events }, `${events} events`)
  await rest(subject)
}
const rest = (subject: Subject) => eventually(async () => { await subject.look({ feed: false, chance }); return subject.unsettled() === null }, 'rest', 90_000)
const machine = (world: World, { id }: Subject, ...path: string[]): string => join(world.product.home, 'workspaces', id, 'machine-g1', ...path)
/** The server goes back to the backup in that file. */
async function restore(world: World, file: string): Promise<void> {
  await world.product.cli(['server', 'stop'])
  await world.product.cli(['restore', file, '--replace', '-y'])
  await world.startServer()
}
const phaseIs = (subject: Subject, phase: string) => eventually(async () => (await subject.phase()) === phase, `${subject.spec.name} is ${phase}`, 90_000)
const daemonsOf = (world: World, { id }: { id: string }): number[] => world.victims.daemons(world.installation).filter(({ workspaceId }) => workspaceId === id).map(({ pid }) => pid)

describe('rolled back', () => {
  test('the server\'s database, while the daemon ran on', async () => {
    const world = await begin()
    const subject = await createSubject(world, spec('elder', 12))
    await count(subject, 40)
    const file = join(aDir(), 'kept.backup')
    await world.product.cli(['backup', file])
    await count(subject, subject.tail() + 40)
    const younger = await createSubject(world, spec('younger'))
    await count(younger, 30)
    const before = await subject.evidence()
    const behind = subject.tail()
    const daemons = [...daemonsOf(world, subject), ...daemonsOf(world, younger)]
    expect(daemons).toHaveLength(2)

    for (const pid of daemons) process.kill(pid, 'SIGSTOP')
    await restore(world, file)
    // Who read further than the restored stream goes is told so, and does not wait for it to come by.
    expect(await world.ask('GET', `/workspaces/${subject.id}/events?after=${behind}`).then(() => null, String)).toContain('cursor_gone')
    for (const pid of daemons) process.kill(pid, 'SIGCONT')
    subject.forget()
    await count(subject, 60)
    const after = await subject.evidence()
    expect(judge(after)).toEqual([])
    expect(countedIn(after.events).length).toBeGreaterThan(countedIn(before.events).length)
    // Whoever the restored database does not know stays until a person has looked, and that is said.
    expect((await world.ask<{ reaperHeld: string | null }>('GET', '/server'))?.reaperHeld).toContain('restored')
    expect(daemonsOf(world, subject)).toEqual(daemons.slice(0, 1))
    expect(existsSync(machine(world, younger, 'machine.json'))).toBe(true)
    expect(((await world.ask<Workspace[]>('GET', '/workspaces')) ?? []).map(({ name }) => name)).toEqual(['elder'])
  }, 300_000)

  test('the server\'s database, while the daemon let go of what it had sent long ago: what is missing is said aloud', async () => {
    const world = await begin()
    const subject = await createSubject(world, spec('forgetful'))
    await count(subject, 40)
    const file = join(aDir(), 'kept.backup')
    await world.product.cli(['backup', file])
    const early = countedIn((await subject.evidence()).events)
    await count(subject, subject.tail() + 40)
    const lost = subject.written()
    // As it does after seven days or 256 MB; the newest entry always stays.
    const journal = new Database(machine(world, subject, 'state/journal.sqlite'))
    journal.run('DELETE FROM entry WHERE n < (SELECT max(n) FROM entry)')
    journal.close()

    await restore(world, file)
    subject.forget()
    await count(subject, 70)
    const { events, written } = await subject.evidence()
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, at) => at + 1))
    const [gap, ...more] = events.filter(({ body }) => body.type === 'gap')
    expect(more).toEqual([])
    expect(Number(gap?.body['to']) - Number(gap?.body['from'])).toBeGreaterThanOrEqual(lost.length - early.length)
    // What came before it and what came after it is whole.
    expect(countedIn(events.filter(({ seq }) => seq < (gap?.seq ?? 0)))).toEqual(early)
    expect(countedIn(events.filter(({ seq }) => seq > (gap?.seq ?? 0)))).toEqual(written.slice(lost.length))
    expect(written.length).toBeGreaterThan(lost.length)
  }, 300_000)

  test('the workspace, while the server ran on', async () => {
    const world = await begin()
    const subject = await createSubject(world, spec('revived'))
    await count(subject, 40)
    const stop = async (): Promise<void> => {
      await world.ask('POST', `/workspaces/${subject.id}/stop`, {})
      await phaseIs(subject, 'stopped')
    }
    const start = async (): Promise<void> => {
      await world.ask('POST', `/workspaces/${subject.id}/start`, {})
      await phaseIs(subject, 'running')
    }
    const kept = aDir()
    await stop()
    for (const part of ['state', 'home', 'work']) await copy(machine(world, subject, part), join(kept, part))
    const early = subject.written()
    await start()
    await count(subject, subject.tail() + 30)
    const lost = subject.written()
    await stop()
    for (const part of ['state', 'home', 'work']) {
      rmSync(machine(world, subject, part), { recursive: true })
      await copy(join(kept, part), machine(world, subject, part))
    }
    await start()
    const again = subject.tail()
    await count(subject, again + 30)

    const { events } = await subject.evidence()
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, at) => at + 1))
    // The history that was taken back stays told, and the new one follows it whole.
    const second = subject.written().slice(early.length)
    expect(second.length).toBeGreaterThan(0)
    expect(countedIn(events)).toEqual([...lost, ...second])
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length)
  }, 300_000)

  test('two servers on one copied home', async () => {
    const first = await begin()
    const subject = await createSubject(first, spec('shared'))
    await count(subject, 40)
    await first.product.cli(['server', 'stop'])
    const second = await begin({ copyOf: first.product.home })
    const daemons = daemonsOf(second, subject)
    expect(daemons).toHaveLength(1)
    await first.startServer()
    expect(second.installation).toBe(first.installation)

    await count(subject, subject.tail() + 40)
    expect(judge(await subject.evidence())).toEqual([])
    // The copy shows what it knows, goes on writing it, and has touched nobody's machine.
    const copied = await second.ask<{ events: StoredEvent[] }>('GET', `/workspaces/${subject.id}/events?after=0&limit=1000`)
    expect(copied?.events.length).toBeGreaterThanOrEqual(40)
    expect(copied?.events.map(({ seq }) => seq)).toEqual(copied?.events.map((_, at) => at + 1))
    expect(daemonsOf(first, subject)).toEqual(daemons)
    for (const pid of daemons) expect(isAlive(pid)).toBe(true)
    // What is asked of the copy does not reach the first one's machine, although the copy works.
    expect((await second.ask<{ reaperHeld: string | null }>('GET', '/server'))?.reaperHeld).toContain(`copied from ${first.product.home}`)
    await second.ask('POST', `/workspaces/${subject.id}/stop`, {})
    const { id } = (await second.ask<Workspace>('POST', '/workspaces', { name: 'own', source: { kind: 'empty' }, provider: 'local', agent: 'plain', command: 'sleep 3600', autoStopMs: 0 }))!
    await eventually(async () => (await second.ask<Workspace>('GET', `/workspaces/${id}`))?.phase === 'running', 'a workspace of the copy', 90_000)
    await count(subject, subject.tail() + 40)
    expect(judge(await subject.evidence())).toEqual([])
    // And when the first one is gone, the machine still is its own.
    await first.product.cli(['server', 'stop'])
    expect(readFileSync(machine(first, subject, 'machine.json'), 'utf8')).toContain(subject.id)
    for (const pid of daemons) expect(isAlive(pid)).toBe(true)
    // A person who has looked hands it over: only now what was asked of the copy is done.
    await second.ask('POST', '/server/reaper/release', {})
    await eventually(async () => (await second.ask<Workspace>('GET', `/workspaces/${subject.id}`))?.phase === 'stopped', 'the stop', 90_000)
    for (const pid of daemons) expect(isAlive(pid)).toBe(false)
  }, 300_000)
})

/** With owners and links as they are. */
async function copy(from: string, to: string): Promise<void> {
  const copied = Bun.spawn(['cp', '-a', from, to], { stderr: 'pipe' })
  if ((await copied.exited) !== 0) throw new Error(await new Response(copied.stderr).text())
}
