/** Review in the machine: one thing at a time on the tree, each as the agent's user, each repeatable by its key. */
import type { CodeSource } from '@berth/wire'
import type { DaemonMethod } from '@berth/wire/daemon'
import { unpack } from '@berth/wire/git-bytes'
import { PATCH_LIMIT_BYTES } from '@berth/wire/review-methods'
import type { reviewMethods } from '@berth/wire/review-methods'
import type { syncMethods } from '@berth/wire/sync-methods'
import type { AgentDriver, AsAgent, CallHandlers, Journal } from '../../contracts.ts'
import { createOneAtATime } from '../git/one-at-a-time.ts'
import type { Since } from '../sync/since.ts'
import { takeSent } from '../sync/take.ts'
import { contains, updateFromOrigin } from '../sync/update.ts'
import { applyChange, checkChange } from './apply.ts'
import { keepCheckpoint, listCheckpoints, rewind } from './checkpoints.ts'
import type { ReviewTools } from './checkpoints.ts'
import { createConversations } from './conversations.ts'
import { commitTree } from './commit.ts'
import { readReview } from './read.ts'
import { changeTree, withSnapshot } from './trees.ts'
import { openTreeGit } from './tree-git.ts'

/** A tree of any honest size is read and written within it; a repository that makes git wait is given up. */
const WORK_LIMIT_MS = 120_000
/** Answers kept for a caller that asks again after its link was cut. */
const KEPT_ANSWERS = 50
const ANSWERS = 'review.answers'
const MEANT = 'review.meant'
const TURNS = 'review.turns'
const REVIEWED_REF = 'refs/berth/reviewed'

export interface ReviewDeps {
  readonly asAgent: AsAgent
  readonly workDir: string
  readonly journal: Journal
  readonly hostedUrl: () => Promise<string>
  /** What a sync brought since the last push. */
  readonly since?: Pick<Since, 'all' | 'clear'>
  /** Whose conversation goes back with the files; absent or null: nobody's. */
  readonly agent?: () => Pick<AgentDriver, 'conversationAt' | 'conversationTo'> | null
  readonly log: (line: string) => void
}
export type ReviewMethod = Extract<DaemonMethod, keyof typeof reviewMethods | keyof typeof syncMethods>
export interface ReviewService {
  readonly calls: (named: () => { name: string; source?: CodeSource }) => Pick<CallHandlers, ReviewMethod>
  /** Keeps the tree as it is when a turn ends. */
  turnEnded(): void
  /** Resolves when nothing is under way. */
  settled(): Promise<void>
}

export function createReview(deps: ReviewDeps): ReviewService {
  const { journal } = deps
  const alone = createOneAtATime()
  // The link's own end does not stop it: what changes files goes to its end, and its answer is kept.
  const onTree = <T>(work: (tools: ReviewTools) => Promise<T>): Promise<T> => alone(async () => {
    const git = await openTreeGit(deps.asAgent, deps.workDir)
    return work({ asAgent: deps.asAgent, git, journal, signal: AbortSignal.timeout(WORK_LIMIT_MS) })
  })
  const underWay = new Map<string, Promise<unknown>>()
  const once = <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const known = answers(journal)
    // What is kept is what this very method answered under that key, or is about to answer.
    if (Object.hasOwn(known, key)) return Promise.resolve(known[key] as T)
    const asked = underWay.get(key) as Promise<T> | undefined
    if (asked !== undefined) return asked
    const answered = work().then((answer) => {
      const kept = Object.entries({ ...answers(journal), [key]: answer }).slice(-KEPT_ANSWERS)
      journal.set(ANSWERS, JSON.stringify(Object.fromEntries(kept)))
      return answer
    }).finally(() => underWay.delete(key))
    underWay.set(key, answered)
    return answered
  }
  const conversations = createConversations({ journal, agent: () => deps.agent?.() ?? null })

  return {
    calls: (named) => ({
      'review.read': (request) => {
        named()
        return onTree((tools) => readReview(tools, request))
      },
      'review.advance': async ({ from, patch, moves }) => {
        const unpacked = await unpack(patch, PATCH_LIMIT_BYTES)
        return onTree(async (tools) => {
          const tree = await changeTree(tools, from, { patch: unpacked, reverse: false, moves: moves ?? [] })
          // Kept from being collected; the server knows which one counts.
          await tools.git.attempt(['update-ref', REVIEWED_REF, tree])
          return { tree }
        })
      },
      'review.apply': async ({ key, patch, reverse, moves, check }) => {
        const unpacked = await unpack(patch, PATCH_LIMIT_BYTES)
        if (check) return onTree((tools) => checkChange(tools, { patch: unpacked, reverse, moves: moves ?? [] }))
        return once(key, async () => {
          const done = await onTree((tools) => applyChange(tools, { patch: unpacked, reverse, moves: moves ?? [] }, intention(journal, key)))
          if (done.checkpoint !== null) conversations.remember(done.checkpoint, conversations.now())
          return done
        })
      },
      'git.commit': ({ key, ...request }) => once(key, () => onTree((tools) => commitTree(tools, request, { url: deps.hostedUrl, name: named().name }))),
      'git.take': ({ key, commit, strategy }) => once(key, async () => {
        const { source } = named()
        const before = conversations.now()
        const done = await onTree((tools) => takeSent(tools, { commit, strategy, cloned: source?.kind === 'git', since: new Map(deps.since?.all()), hostedUrl: deps.hostedUrl }))
        if (done.ok) deps.since?.clear()
        if (done.ok && done.outcome.checkpoint !== null) conversations.remember(done.outcome.checkpoint, before)
        return done
      }),
      'git.contains': ({ commit }) => onTree(async ({ git }) => ({ contains: await contains(git, commit) })),
      'git.update': ({ key, branch }) => once(key, () => onTree((tools) => updateFromOrigin(tools, branch))),
      'git.checkpoints': ({ limit }) => onTree(async ({ git }) => (await listCheckpoints(git, limit)).map(({ commit, reason, at, files }) => ({ commit, reason, at, files }))),
      'git.rewind': ({ key, commit, conversation }) => once(key, async () => {
        const before = conversations.now()
        const done = await onTree((tools) => rewind(tools, commit))
        deps.since?.clear()
        conversations.remember(done.before, before)
        return { before: done.before, files: done.files, conversation: conversation ? await conversations.goTo(done.target) : 'kept' }
      }),
    }),
    turnEnded() {
      const turn = Number(journal.get(TURNS) ?? 0) + 1
      journal.set(TURNS, String(turn))
      const place = conversations.now()
      void onTree((tools) => withSnapshot(tools, (snapshot) => keepCheckpoint(tools, snapshot, `end of turn ${turn}`)))
        .then((commit) => { conversations.remember(commit, place) })
        .catch((cause: unknown) => { deps.log(`no checkpoint at the end of a turn: ${cause instanceof Error ? cause.message : String(cause)}`) })
    },
    settled: alone.settled,
  }
}

function answers(journal: Journal): Record<string, unknown> {
  return JSON.parse(journal.get(ANSWERS) ?? '{}') as Record<string, unknown>
}

/** The tree that a call is about to make of the worktree, for the case that it ends between doing and answering. */
function intention(journal: Journal, key: string): { was: string | null; willBe(tree: string): void } {
  const [meantKey, tree] = (journal.get(MEANT) ?? '').split(' ')
  return { was: meantKey === key && tree !== undefined ? tree : null, willBe: (next) => { journal.set(MEANT, `${key} ${next}`) } }
}

/** The journal as drivers see it: the end of a turn is a moment to keep. */
export function noticingTurnEnds(journal: Journal, onEnd: () => void): Journal {
  return {
    append(body, options) {
      journal.append(body, options)
      if (body.type === 'turn.ended') onEnd()
    },
    get: (name) => journal.get(name),
    set: (name, value) => journal.set(name, value),
    transaction: (work) => journal.transaction(work),
    mask: (secrets) => journal.mask(secrets),
  }
}
