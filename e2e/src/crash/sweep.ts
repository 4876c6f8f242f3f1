/**
 * A sweep: several workspaces side by side, whose agents count, ask and are prompted, while their server, database,
 * daemons and agents are killed at points drawn from a seed. Then everything is left in peace, and judged.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Workspace, WorkspaceId } from '@berth/wire'
import { SERVER_FILE } from '@berth/wire/server-file'
import { eventually, processesOf, serverLog } from '../product.ts'
import { createChance, type Chance } from './chance.ts'
import { judge } from './judge.ts'
import { KILL_KINDS, planCrashes, type Crash, type KillKind } from './plan.ts'
import { createSubject, type Subject, type SubjectSpec } from './subject.ts'
import { startTwin } from './twin.ts'
import { killAll } from './victims.ts'
import { openWorld, type Fault, type World } from './world.ts'

export interface CrashOptions {
  readonly runs: number
  readonly seed: number
  /** Workspaces with the real Claude Code among the counted ones. */
  readonly real?: number
  readonly kinds?: readonly KillKind[]
  readonly subjects?: number
  /** Pause between two numbers. */
  readonly delayMs?: number
  readonly fault?: Fault
  readonly log?: (line: string) => void
  /** Ends it after the crash that is under way; what stands by then is settled and judged. */
  readonly signal?: AbortSignal
}
export interface CrashReport {
  readonly seed: number
  readonly kills: Readonly<Record<KillKind, number>>
  readonly numbers: number
  readonly events: number
  readonly approvals: number
  /** Second daemons of one machine that were started; only with `late` and `no-fencing`. */
  readonly twins: number
  /** Empty: the product did what it promises. */
  readonly complaints: readonly string[]
}

/** A life of the product holds at most so many kills; more runs are more lives. */
const RUNS_OF_A_LIFE = 100
const LOOK_MS = 150
const RECOVERED_WITHIN_MS = 90_000
const NEWS_WITHIN_MS = 3_000
/** Events, of all workspaces together. */
const NEWS = 10
const SETTLED_WITHIN_MS = 120_000
const CALM_LOOKS = 4
const VICTIM_WITHIN_MS = 20_000

export async function runCrashes(options: CrashOptions): Promise<CrashReport> {
  const total = { seed: options.seed, kills: noKills(), numbers: 0, events: 0, approvals: 0, twins: 0, complaints: [] as string[] }
  for (let done = 0, life = 0; done < options.runs && options.signal?.aborted !== true; done += RUNS_OF_A_LIFE, life++) {
    const runs = Math.min(RUNS_OF_A_LIFE, options.runs - done)
    const report = await oneLife({ ...options, runs, seed: options.seed + life })
    for (const kind of KILL_KINDS) total.kills[kind] += report.kills[kind]
    total.numbers += report.numbers
    total.events += report.events
    total.approvals += report.approvals
    total.twins += report.twins
    total.complaints.push(...report.complaints.map((complaint) => `seed ${options.seed + life}: ${complaint}`))
    options.log?.(`${done + runs} of ${options.runs} runs: ${total.complaints.length} complaints`)
  }
  return total
}
const noKills = (): Record<KillKind, number> => ({ server: 0, postgres: 0, daemon: 0, agent: 0, everything: 0 })

async function oneLife(options: CrashOptions): Promise<CrashReport> {
  const world = await openWorld(options.fault === undefined ? {} : { fault: options.fault })
  try {
    await world.startServer()
    const subjects = await Promise.all(specsOf(options).map((spec) => createSubject(world, spec)))
    const began = performance.now()
    return await liveThrough({ world, subjects, options, log: (line) => options.log?.(`${((performance.now() - began) / 1000).toFixed(1)} s  ${line}`) })
  } catch (error) {
    options.log?.(serverLog(world.product.home))
    throw error
  } finally {
    await world.close()
  }
}

function specsOf({ seed, subjects = 3, real = 0, delayMs = 30 }: CrashOptions): SubjectSpec[] {
  const named = (agent: SubjectSpec['agent'], count: number): SubjectSpec[] => Array.from({ length: count }, (_, at) => ({ name: `${agent}-${seed}-${at + 1}`, agent, delayMs, askEvery: 9 + 6 * at }))
  return [...named('numbered', subjects), ...named('claude', real)]
}

interface Life { readonly world: World; readonly subjects: readonly Subject[]; readonly options: CrashOptions; readonly log: (line: string) => void }

async function liveThrough(life: Life): Promise<CrashReport> {
  const { world, subjects, options, log } = life
  const chance = createChance(options.seed ^ 0x5eed)
  const kills = noKills()
  let twins = 0
  const people = startPeople(life, chance)
  try {
    await eventually(async () => subjects.every((subject) => subject.tail() > 5), 'the workspaces', RECOVERED_WITHIN_MS)
    for (const crash of planCrashes(options)) {
      if (options.signal?.aborted === true) break
      if (crash.afterRecovery) await recovered(life)
      await Bun.sleep(crash.pauseMs)
      people.meanwhile(crash)
      if (crash.kind === 'daemon' && (options.fault === 'late' || options.fault === 'no-fencing')) twins += await precedeByTwin(life, crash)
      const killed = await strike(world, crash)
      kills[crash.kind] += killed > 0 ? 1 : 0
      log(`${crash.index + 1}: ${crash.kind} (${killed} processes), meanwhile ${crash.meanwhile}; ${subjects.map((subject) => `${subject.tail()}${subject.wanted === 'stopped' ? ' asleep' : ''}`).join(', ')} events`)
      if (crash.kind === 'server' || crash.kind === 'everything') {
        await Bun.sleep(crash.awayMs)
        await world.startServer()
      }
    }
    await people.finish()
    const complaints = await settle(life)
    const evidence = await Promise.all(subjects.map((subject) => subject.evidence()))
    complaints.push(...evidence.flatMap(judge))
    complaints.push(...(await deleteAll(life)))
    const sum = (of: (one: (typeof evidence)[number]) => number): number => evidence.reduce((all, one) => all + of(one), 0)
    return { seed: options.seed, kills, twins, numbers: sum(({ written }) => written.length), events: sum(({ events }) => events.length), approvals: sum(({ approvals }) => approvals.length), complaints }
  } finally {
    await people.stop()
  }
}

/** A twin of a running machine takes its link over; when the daemon that dies next is back, the twin is the older one. */
async function precedeByTwin({ world, subjects, log }: Life, { victim }: Crash): Promise<number> {
  const running = subjects.filter(({ wanted }) => wanted === 'running')
  const subject = running[victim % Math.max(1, running.length)]
  if (subject === undefined) return 0
  const linkUrl = (JSON.parse(readFileSync(join(world.product.home, SERVER_FILE), 'utf8')) as { linkUrl: string }).linkUrl
  try {
    await startTwin({ machineDir: join(world.product.home, 'workspaces', subject.id, 'machine-g1'), linkUrl, text: 'number 999999' })
    killAll(world.victims.daemons(world.installation).filter(({ workspaceId }) => workspaceId === subject.id).map(({ pid }) => pid))
    return 1
  } catch (error) {
    log(`no twin: ${String(error)}`)
    return 0
  }
}

/** Kills one kind's victims, as soon as there are some. */
async function strike(world: World, { kind, victim }: Crash): Promise<number> {
  const { victims, installation } = world
  const one = (list: { pid: number }[]): number[] => {
    const chosen = list[victim % Math.max(1, list.length)]
    return chosen === undefined ? [] : [chosen.pid]
  }
  const choose = (): number[] => {
    switch (kind) {
      case 'server': return victims.server()
      case 'postgres': {
        const all = victims.postgres()
        // Its first process alone, one of the others, or all of them.
        return victim % 3 === 0 ? all : victim % 3 === 1 ? all.slice(0, 1) : one(all.slice(1).map((pid) => ({ pid })))
      }
      case 'daemon': return one(victims.daemons(installation))
      case 'agent': return one(victims.agents(installation))
      case 'everything': return [...victims.server(), ...victims.postgres(), ...victims.daemons(installation).map(({ pid }) => pid), ...victims.agents(installation).map(({ pid }) => pid)]
    }
  }
  return eventually(async () => killAll(choose()), `something to kill: ${kind}`, VICTIM_WITHIN_MS)
}

/** The server answers, and soon the workspaces say something new; not so while all of them wait for a slow restart. */
async function recovered({ world, subjects }: Life): Promise<void> {
  await eventually(async () => (await world.product.fetch('/api/v1/health', { signal: AbortSignal.timeout(2000) })).ok, 'the server after a crash', RECOVERED_WITHIN_MS)
  const tails = (): number => subjects.reduce((sum, subject) => sum + subject.tail(), 0)
  const before = tails()
  await eventually(async () => tails() > before + NEWS, 'news', NEWS_WITHIN_MS).catch(() => {})
}

interface People { meanwhile(crash: Crash): void; finish(): Promise<void>; stop(): Promise<void> }

/** Those who use the product while it crashes. They ask again until they are heard. */
function startPeople({ world, subjects }: Life, chance: Chance): People {
  const errands = new Set<Promise<void>>()
  const visitors: { name: string; id: WorkspaceId | null }[] = []
  let feed = true
  let stopped = false
  const run = (errand: Promise<void>): void => {
    const running: Promise<void> = errand.catch(() => {}).finally(() => { errands.delete(running) })
    errands.add(running)
  }
  const insist = (ask: () => Promise<unknown>): Promise<unknown> => eventually(async () => { await ask(); return true }, 'an answer', RECOVERED_WITHIN_MS)
  const loop = (async () => {
    while (!stopped) {
      await Promise.all(subjects.map((subject) => subject.look({ feed, chance })))
      await Bun.sleep(LOOK_MS)
    }
  })()
  /** One sleeps at a time: the others have work to do. */
  const flip = async (next: Subject): Promise<void> => {
    const asleep = subjects.find(({ wanted }) => wanted === 'stopped')
    const subject = asleep ?? next
    const wanted = asleep === undefined && subjects.length > 1 ? 'stopped' : 'running'
    // A message wakes, and so does an answer: nobody speaks to a workspace from before it is stopped.
    subject.wanted = wanted
    await subject.quiet()
    await insist(() => world.ask('POST', `/workspaces/${subject.id}/${wanted === 'running' ? 'start' : 'stop'}`, {}))
  }
  const birth = async (name: string): Promise<void> => {
    const visitor: (typeof visitors)[number] = { name, id: null }
    visitors.push(visitor)
    await insist(async () => {
      const made = await world.ask<Workspace>('POST', '/workspaces', { name, source: { kind: 'empty' }, provider: 'local', agent: 'plain', command: 'sleep 3600', autoStopMs: 0, idempotencyKey: name })
      visitor.id = made?.id ?? null
    })
  }
  const death = async (visitor: (typeof visitors)[number] | undefined): Promise<void> => {
    if (visitor?.id !== undefined && visitor.id !== null) await insist(() => world.ask('DELETE', `/workspaces/${visitor.id}`))
  }
  return {
    meanwhile({ meanwhile, index }) {
      if (meanwhile === 'flip') run(flip(subjects[index % subjects.length] ?? chance.pick(subjects)))
      if (meanwhile === 'birth' && visitors.length < 3) run(birth(`visitor-${index}`))
      if (meanwhile === 'death') run(death(visitors.find(({ id }) => id !== null)))
    },
    async finish() {
      feed = false
      await Promise.all(errands)
    },
    async stop() {
      stopped = true
      await loop
    },
  }
}

/** Every workspace comes to what was wished; then all run, until all that was written has arrived. */
async function settle({ world, subjects, log }: Life): Promise<string[]> {
  const complaints: string[] = []
  for (const subject of subjects) {
    await eventually(async () => (await subject.phase()) === subject.wanted, `${subject.spec.name} is ${subject.wanted}`, SETTLED_WITHIN_MS).catch(async (error: unknown) => {
      complaints.push(`${String(error)}; it is ${String(await subject.phase().catch(() => 'not told'))}`)
    })
  }
  complaints.push(...(await inventory(world)))
  for (const subject of subjects) {
    if (subject.wanted === 'running') continue
    await world.ask('POST', `/workspaces/${subject.id}/start`, {})
    subject.wanted = 'running'
  }
  await allCalm(subjects, complaints)
  for (const subject of subjects) subject.askOnceMore()
  await allCalm(subjects, complaints)
  log(`settled with ${complaints.length} complaints`)
  return complaints
}

async function allCalm(subjects: readonly Subject[], complaints: string[]): Promise<void> {
  for (const subject of subjects) {
    // Some looks in a row: a question may be asked between two of them.
    let calm = 0
    await eventually(async () => {
      calm = subject.unsettled() === null && (await subject.phase()) === 'running' ? calm + 1 : 0
      return calm >= CALM_LOOKS
    }, `${subject.spec.name} settles`, SETTLED_WITHIN_MS).catch((error: unknown) => {
      complaints.push(`${String(error)}: ${subject.unsettled() ?? 'nothing, now'}`)
    })
  }
}

/** Machines and processes that exist are those of live workspaces. */
async function inventory(world: World): Promise<string[]> {
  const live = new Set(((await world.ask<Workspace[]>('GET', '/workspaces')) ?? []).map(({ id }) => String(id)))
  const dir = join(world.product.home, 'workspaces')
  const machines = existsSync(dir) ? readdirSync(dir).flatMap((id) => readdirSync(join(dir, id)).map((name) => ({ id, name }))) : []
  const leaked = machines.filter(({ id, name }) => !live.has(id) || !name.startsWith('machine-')).map(({ id, name }) => `directory ${id}/${name} is left over`)
  const doubled = [...live].filter((id) => machines.filter((machine) => machine.id === id).length > 1).map((id) => `${id} has two machines`)
  const strays = world.victims.marked(world.installation).filter(({ workspaceId }) => !live.has(workspaceId)).map(({ pid, workspaceId, command }) => `process ${pid} of ${workspaceId} is left over: ${command}`)
  return [...leaked, ...doubled, ...strays]
}

async function deleteAll({ world }: Life): Promise<string[]> {
  const list = async (): Promise<Workspace[]> => (await world.ask<Workspace[]>('GET', '/workspaces')) ?? []
  for (const { id } of await list()) await world.ask('DELETE', `/workspaces/${id}`)
  await eventually(async () => (await list()).length === 0 && (await inventory(world)).length === 0, 'everything deleted', SETTLED_WITHIN_MS).catch(() => {})
  const complaints = [...(await list()).map(({ name, phase }) => `${name} is still ${phase} after it was deleted`), ...(await inventory(world))]
  for (const name of ['workspaces', 'repos', 'uploads']) {
    const dir = join(world.product.home, name)
    complaints.push(...(existsSync(dir) ? readdirSync(dir) : []).map((entry) => `${name}/${entry} is left after every workspace was deleted`))
  }
  await world.product.cli(['server', 'stop'])
  complaints.push(...processesOf(world.product.home).map(({ pid, command }) => `process ${pid} runs after the server was stopped: ${command}`))
  return complaints
}
