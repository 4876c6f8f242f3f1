/**
 * A sweep: several workspaces side by side, whose agents count, ask and are prompted, while their server, database,
 * daemons and agents are killed at points drawn from a seed. Then everything is left in peace, and judged.
 */
import { serverLog } from '../product.ts'
import { deleteAll, settle } from './aftermath.ts'
import { createChance } from './chance.ts'
import { judge } from './judge.ts'
import { add, emptyTally, until, type CrashOptions, type Life, type Tally } from './life.ts'
import { startPeople } from './people.ts'
import { planCrashes, type Crash } from './plan.ts'
import { precedeByTwin, strike } from './strike.ts'
import { createSubject, type SubjectSpec } from './subject.ts'
import { openWorld, type World } from './world.ts'

export interface CrashReport extends Readonly<Tally> {
  readonly seed: number
  /** Empty: the product did what it promises, and every crash was done. */
  readonly complaints: readonly string[]
}

/** A life of the product holds at most so many kills; more runs are more lives. */
const RUNS_OF_A_LIFE = 100
const RECOVERED_WITHIN_MS = 90_000
const NEWS_WITHIN_MS = 3_000
/** Events, of all workspaces together. */
const NEWS = 10

/** Never throws: what stopped a life is a complaint, and the next life begins. */
export async function runCrashes(options: CrashOptions): Promise<CrashReport> {
  const tally = emptyTally()
  const complaints: string[] = []
  for (let begun = 0, life = 0; begun < options.runs && options.signal?.aborted !== true; begun += RUNS_OF_A_LIFE, life++) {
    const seed = options.seed + life
    const own = emptyTally()
    const found = await oneLife({ ...options, runs: Math.min(RUNS_OF_A_LIFE, options.runs - begun), seed }, own)
    add(tally, own)
    const ours = found.map((complaint) => `seed ${seed}: ${complaint}`)
    complaints.push(...ours)
    for (const complaint of ours) options.log?.(complaint)
    options.log?.(`${tally.runs} of ${options.runs} runs: ${complaints.length} complaints`)
  }
  if (options.signal?.aborted === true) complaints.push(`ended after ${tally.runs} of ${options.runs} runs`)
  return { ...tally, seed: options.seed, complaints }
}

async function oneLife(options: CrashOptions, tally: Tally): Promise<string[]> {
  const complaints: string[] = []
  let world: World | null = null
  try {
    world = await openWorld(options.fault === undefined ? {} : { fault: options.fault })
    await world.startServer(options.signal)
    const life = await begin(world, options, tally)
    await liveThrough(life, complaints)
  } catch (error) {
    // Told to end, it goes quietly; that it was is said by the caller.
    if (options.signal?.aborted !== true) {
      complaints.push(`it could not go on: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
      if (world !== null) options.log?.(serverLog(world.product.home))
    }
  }
  await world?.close().catch((error: unknown) => { complaints.push(`it could not be closed: ${String(error)}`) })
  return complaints
}

async function begin(world: World, options: CrashOptions, tally: Tally): Promise<Life> {
  const { seed, subjects = 3, real = 0, delayMs = 30 } = options
  const specs = (agent: SubjectSpec['agent'], count: number): SubjectSpec[] => Array.from({ length: count }, (_, at) => ({ name: `${agent}-${seed}-${at + 1}`, agent, delayMs, askEvery: options.inFullFlow === true ? 0 : 9 + 6 * at }))
  const living = await Promise.all([...specs('numbered', subjects), ...specs('claude', real)].map((spec) => createSubject(world, spec)))
  const began = performance.now()
  return { world, subjects: living, options, tally, log: (line) => options.log?.(`${((performance.now() - began) / 1000).toFixed(1)} s  ${line}`) }
}

async function liveThrough(life: Life, complaints: string[]): Promise<void> {
  const { subjects, options, tally } = life
  const chance = createChance(options.seed ^ 0x5eed)
  const people = startPeople(life, chance)
  try {
    await until(options.signal, async () => subjects.every((subject) => subject.tail() > 5), 'the workspaces', RECOVERED_WITHIN_MS)
    for (const crash of planCrashes(options)) {
      people.meanwhile(await whenDue(life, crash))
      await crashOnce(life, crash)
      // What is wrong already does not become right, and waiting for more of it teaches nothing.
      complaints.push(...subjects.flatMap((subject) => subject.contradictions()))
      if (complaints.length > 0) return
    }
    await people.finish()
    complaints.push(...(await settle(life)))
    // The evidence is read anew, by nobody else meanwhile.
    await people.stop()
    const evidence = await Promise.all(subjects.map((subject) => subject.evidence()))
    for (const { written, events, approvals } of evidence) {
      tally.numbers += written.length
      tally.events += events.length
      tally.approvals += approvals.length
    }
    complaints.push(...evidence.flatMap(judge), ...(await deleteAll(life)))
  } finally {
    await people.stop()
  }
}

async function whenDue(life: Life, crash: Crash): Promise<Crash> {
  const { options: { inFullFlow, signal }, subjects } = life
  signal?.throwIfAborted()
  if (inFullFlow === true) {
    const counted = (): number => subjects.reduce((sum, subject) => sum + subject.counted(), 0)
    const before = counted()
    await until(signal, async () => counted() > before, 'a number', RECOVERED_WITHIN_MS)
    return crash
  }
  if (crash.afterRecovery) await recovered(life)
  await Bun.sleep(crash.pauseMs)
  return crash
}

async function crashOnce(life: Life, crash: Crash): Promise<void> {
  const { world, subjects, options: { fault, signal }, tally, log } = life
  if (crash.kind === 'daemon' && (fault === 'late' || fault === 'no-fencing')) await precedeByTwin(life, crash)
  const killed = await strike(life, crash)
  tally.runs += 1
  log(`${crash.index + 1}: ${crash.kind} (${killed} processes), meanwhile ${crash.meanwhile}; ${subjects.map((subject) => `${subject.tail()}${subject.wanted === 'stopped' ? ' asleep' : ''}`).join(', ')} events`)
  if (crash.kind !== 'server' && crash.kind !== 'everything') return
  await Bun.sleep(crash.awayMs)
  await world.startServer(signal)
}

/** The server answers, and soon the workspaces say something new; not so while all of them wait for a slow restart. */
async function recovered({ world, subjects, options: { signal } }: Life): Promise<void> {
  await until(signal, async () => (await world.product.fetch('/api/v1/health', { signal: AbortSignal.timeout(2000) })).ok, 'the server after a crash', RECOVERED_WITHIN_MS)
  const tails = (): number => subjects.reduce((sum, subject) => sum + subject.tail(), 0)
  const before = tails()
  await until(signal, async () => tails() > before + NEWS, 'news', NEWS_WITHIN_MS).catch(() => { signal?.throwIfAborted() })
}
