/** One workspace of a sweep: what was asked of it, what its agent wrote, and what the product says of it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomIds, type Approval, type PromptId, type StoredEvent, type Workspace, type WorkspaceId } from '@berth/wire'
import type { Chance } from './chance.ts'
import { countedIn, judgeSoFar, type Evidence } from './judge.ts'
import type { World } from './world.ts'

export interface SubjectSpec {
  readonly name: string
  readonly agent: 'numbered' | 'claude'
  readonly delayMs: number
  readonly askEvery: number
}
export interface Subject {
  readonly id: WorkspaceId
  readonly spec: SubjectSpec
  wanted: 'running' | 'stopped'
  /** Follows the events, answers what is asked, says the next thing. Throws nothing: the server may be away. */
  look(options: { feed: boolean; chance: Chance }): Promise<void>
  /**
   * Says one thing more, that ends in a question. The answer to a question whose asker died waits for the same
   * question for an hour; any other one makes it a thing of the past.
   */
  askOnceMore(): void
  /** Resolves when nothing that was begun while it was to run is under way. */
  quiet(): Promise<void>
  /** Idle, nothing asked, every prompt dealt with, and all that was written has arrived. Else what it waits for. */
  unsettled(): string | null
  phase(): Promise<string | null>
  evidence(): Promise<Evidence>
  /** What can no longer come right: numbers that arrived, and are not those that the agent wrote. */
  contradictions(): string[]
  /** What the agent wrote into its own log so far. */
  written(): readonly string[]
  /** The server was taken back in time: what it said before counts no longer. */
  forget(): void
  /** How far the stream got. */
  tail(): number
  /** How many numbers arrived. */
  counted(): number
}

const PAGE = 1000
const SETTLED_PROMPT = new Set(['accepted', 'ambiguous', 'refused'])

export async function createSubject(world: World, spec: SubjectSpec): Promise<Subject> {
  const env = spec.agent === 'claude'
    ? { CRASH_AGENT: 'claude', ANTHROPIC_BASE_URL: world.modelUrl, ANTHROPIC_AUTH_TOKEN: 'placeholder-not-a-secret' }
    : { ANTHROPIC_AUTH_TOKEN: 'placeholder-not-a-secret', NUMBERED_DELAY_MS: String(spec.delayMs), NUMBERED_ASK_EVERY: String(spec.askEvery) }
  const created = await world.ask<Workspace>('POST', '/workspaces', { name: spec.name, source: { kind: 'empty' }, provider: 'local', agent: 'claude', autoStopMs: 0, env, idempotencyKey: spec.name })
  if (created === null) throw new Error('the workspace was not made')
  return subjectOf(world, spec, created.id)
}

function subjectOf(world: World, spec: SubjectSpec, id: WorkspaceId): Subject {
  const events: StoredEvent[] = []
  const taken: PromptId[] = []
  let saying: { promptId: PromptId; text: string } | null = null
  let open: Approval[] = []
  let state = 'none'
  let looking: Promise<void> = Promise.resolve()

  const readEvents = async (): Promise<void> => {
    for (;;) {
      const page = await world.ask<{ events: StoredEvent[] }>('GET', `/workspaces/${id}/events?after=${events.at(-1)?.seq ?? 0}&limit=${PAGE}`)
      for (const event of page?.events ?? []) {
        events.push(event)
        if (event.body.type === 'session.state') state = String(event.body['state'])
      }
      if ((page?.events.length ?? 0) < PAGE) return
    }
  }
  const dealtWith = (): Set<string> => new Set(events.flatMap(({ body }) => (body.type === 'prompt' && SETTLED_PROMPT.has(String(body['status'])) ? [String(body['promptId'])] : [])))
  const answer = async (chance: Chance, hurry: boolean): Promise<void> => {
    open = (await world.ask<Approval[]>('GET', `/approvals?workspace=${id}`)) ?? []
    for (const { approvalId } of open) {
      // Some wait for a while, so that crashes meet open questions too.
      if (!hurry && !chance.happens(0.4)) continue
      const decision = { behavior: chance.happens(0.7) ? 'allow' : 'deny' }
      await world.ask('POST', `/approvals/${approvalId}/decision`, { decision, via: 'api' }).catch((error: unknown) => {
        // 409: an answer whose own answer was lost had won.
        if (!String(error).includes(' 409 ')) throw error
      })
    }
  }
  const feedNext = async (feed: boolean, chance: Chance): Promise<void> => {
    const free = (state === 'idle' || state === 'exited') && taken.every((promptId) => dealtWith().has(promptId))
    if (saying === null && feed && free) saying = { promptId: randomIds.prompt(), text: spec.agent === 'claude' ? '[[count 8]]' : `count ${chance.between(15, 60)}` }
    if (saying === null) return
    // Said again with the same id until the server has said that it has it.
    await world.ask('POST', `/workspaces/${id}/messages`, saying)
    taken.push(saying.promptId)
    saying = null
  }
  const written = (): string[] => (spec.agent === 'claude' ? writtenByClaude : writtenByNumbered)(join(world.product.home, 'workspaces', id))

  const subject: Subject = {
    id, spec, wanted: 'running',
    look({ feed, chance }) {
      // The server may be away, or refuse for now: the next look tries again.
      looking = (async () => {
        await readEvents()
        if (subject.wanted === 'running') await answer(chance, !feed)
        if (subject.wanted === 'running') await feedNext(feed, chance)
      })().catch(() => {})
      return looking
    },
    quiet: () => looking,
    askOnceMore() {
      if (spec.agent === 'numbered' && spec.askEvery > 0) saying ??= { promptId: randomIds.prompt(), text: `count ${spec.askEvery}` }
    },
    unsettled() {
      if (saying !== null) return 'a prompt was not taken yet'
      if (open.length > 0) return `${open.length} questions are open`
      if (state !== 'idle' && state !== 'exited') return `the agent is ${state}`
      const settled = dealtWith()
      const waiting = taken.filter((promptId) => !settled.has(promptId))
      if (waiting.length > 0) return `prompts ${waiting.join(', ')} wait`
      const last = written().at(-1)
      return last === undefined || events.some(({ body }) => body.type === 'message' && body['text'] === last) ? null : `${last} has not arrived`
    },
    phase: async () => (await world.ask<Workspace>('GET', `/workspaces/${id}`))?.phase ?? null,
    async evidence() {
      const followed = [...events]
      events.length = 0
      await readEvents()
      // What was read while things crashed must be what is there now.
      const changed = followed.findIndex((event, index) => event.id !== events[index]?.id)
      if (changed >= 0) throw new Error(`${spec.name}: event ${changed + 1} was read as ${followed[changed]?.id} and is ${events[changed]?.id} now`)
      const approvals = (await world.ask<Approval[]>('GET', `/approvals?workspace=${id}&all=true`)) ?? []
      return { name: spec.name, written: written(), events: [...events], approvals, prompts: taken }
    },
    contradictions: () => (spec.agent === 'numbered' ? judgeSoFar({ name: spec.name, written: written(), events }) : []),
    written,
    forget() {
      events.length = 0
      taken.length = 0
    },
    tail: () => events.length,
    counted: () => countedIn(events).length,
  }
  return subject
}

/** The machine's generation is part of its directory's name; a sweep makes one only. */
function homesBelow(dir: string): string[] {
  return existsSync(dir) ? readdirSync(dir).filter((name) => name.startsWith('machine-')).toSorted().map((name) => join(dir, name, 'home/.claude')) : []
}
function writtenByNumbered(dir: string): string[] {
  return homesBelow(dir).flatMap((home) => {
    const path = join(home, 'numbered.log')
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter((line) => line !== '').map((line) => `number ${line}`) : []
  })
}
/** The real program keeps its own transcript: its assistant lines, each known by its uuid. */
function writtenByClaude(dir: string): string[] {
  return homesBelow(dir).flatMap((home) => {
    const projects = join(home, 'projects')
    if (!existsSync(projects)) return []
    const seen = new Set<string>()
    return [...new Bun.Glob('*/*.jsonl').scanSync({ cwd: projects })].toSorted().flatMap((name) => readFileSync(join(projects, name), 'utf8').split('\n').flatMap((text) => {
      const line = parsed(text)
      if (line === null || line.type !== 'assistant' || seen.has(line.uuid ?? text)) return []
      seen.add(line.uuid ?? text)
      return (line.message?.content ?? []).flatMap((block) => (block.type === 'text' && /^number \d+$/.test(block.text ?? '') ? [block.text ?? ''] : []))
    }))
  })
}
interface Line { type?: string; uuid?: string; message?: { content?: { type: string; text?: string }[] } }
function parsed(text: string): Line | null {
  try {
    return JSON.parse(text) as Line
  } catch {
    // A line that a kill cut short.
    return null
  }
}
