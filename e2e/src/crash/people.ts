/** Those who use the product while it crashes. They ask again until they are heard. */
import type { Workspace, WorkspaceId } from '@berth/wire'
import type { Chance } from './chance.ts'
import { until, type Life } from './life.ts'
import type { Crash } from './plan.ts'
import type { Subject } from './subject.ts'

export interface People {
  /** Somebody wants something at the moment of a crash. */
  meanwhile(crash: Crash): void
  /** Nobody says anything new; resolves when every errand is run. */
  finish(): Promise<void>
  stop(): Promise<void>
}

const LOOK_MS = 150
const HEARD_WITHIN_MS = 90_000
const VISITORS = 3

export function startPeople({ world, subjects, options }: Life, chance: Chance): People {
  const errands = new Set<Promise<void>>()
  const visitors: { name: string; id: WorkspaceId | null }[] = []
  let feed = true
  let stopped = false
  const run = (errand: Promise<void>): void => {
    const running: Promise<void> = errand.catch(() => {}).finally(() => { errands.delete(running) })
    errands.add(running)
  }
  const insist = (ask: () => Promise<unknown>): Promise<unknown> => until(options.signal, async () => { await ask(); return true }, 'an answer', HEARD_WITHIN_MS)
  const loop = (async () => {
    while (!stopped) {
      await Promise.all(subjects.map((subject) => subject.look({ feed, chance })))
      await Bun.sleep(LOOK_MS)
    }
  })()
  let flips: Promise<void> = Promise.resolve()
  /** Each is heard before the next one asks: else the last one heard would not be the last one meant. */
  const flip = (next: Subject): Promise<void> => {
    const earlier = flips
    flips = (async () => {
      await earlier.catch(() => {})
      await flipOnce(next)
    })()
    return flips
  }
  /** One sleeps at a time: the others have work to do. */
  const flipOnce = async (next: Subject): Promise<void> => {
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
      if (meanwhile === 'birth' && visitors.length < VISITORS) run(birth(`visitor-${index}`))
      if (meanwhile === 'death') run(death(visitors.find(({ id }) => id !== null)))
    },
    async finish() {
      feed = false
      await Promise.all(errands)
    },
    async stop() {
      stopped = true
      await loop
      await Promise.all(errands)
    },
  }
}
