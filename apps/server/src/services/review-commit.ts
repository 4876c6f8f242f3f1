/** Commit, checkpoints and rewind: what a person does with a tree after looking at it. */
import { listChanges, suggestCommit } from '@berth/core'
import { BerthError, knownBody } from '@berth/wire'
import type { EventBody, WorkspaceId } from '@berth/wire'
import type { Checkpoint } from '@berth/wire/review'
import type { ServiceDeps } from './deps.ts'
import { requireIdle } from './review-marks.ts'
import { isBusy, readTrees, requireMachine, TREE_WITHIN_MS } from './review-reading.ts'

const CHECKPOINTS = 101
/** A turn is somewhere in these. */
const EVENTS_BACK = 500

export interface CommitSuggestion { message: string; files: number; added: number; removed: number; branch: string | null; canPush: boolean; whyNot: string | null }

export async function suggestedCommit(deps: ServiceDeps, id: WorkspaceId): Promise<CommitSuggestion> {
  await requireMachine(deps, id)
  const first = await readTrees(deps, id, { against: null, limitBytes: 0 })
  const head = first.answer.head
  const { raw, stat, answer } = head === null ? first : await readTrees(deps, id, { against: head.tree, limitBytes: 0 })
  const changes = listChanges({ raw, stat })
  const { asked, said } = await lastTurn(deps, id)
  const sum = (of: 'added' | 'removed'): number => changes.reduce((total, file) => total + file[of], 0)
  const branch = answer.branch
  return {
    message: suggestCommit({ asked, said, files: changes.map(({ path }) => path) }), files: Math.max(answer.total, changes.length), added: sum('added'), removed: sum('removed'), branch,
    canPush: branch !== null, whyNot: branch === null ? 'no branch is checked out in the workspace' : null,
  }
}

async function lastTurn(deps: ServiceDeps, id: WorkspaceId): Promise<{ asked: string | null; said: string | null }> {
  const tail = await deps.store.events.tail(id)
  const events = await deps.store.events.read(id, Math.max(0, tail - EVENTS_BACK), EVENTS_BACK).catch((error: unknown) => {
    if (error instanceof BerthError && error.code === 'cursor_gone') return []
    throw error
  })
  const bodies = events.map(({ body }) => knownBody(body)).filter((body) => body !== null)
  const last = <T extends EventBody['type']>(type: T, fits: (body: Extract<EventBody, { type: T }>) => boolean) =>
    bodies.findLast((body): body is Extract<EventBody, { type: T }> => body.type === type && fits(body as Extract<EventBody, { type: T }>))
  // What a review said to the agent is no summary of the work.
  const asked = last('prompt', ({ text }) => !text.startsWith('I reviewed your changes') && !text.startsWith('Comments on your changes'))?.text ?? last('message', ({ role }) => role === 'user')?.text ?? null
  return { asked, said: last('message', ({ role }) => role === 'agent')?.text ?? null }
}

export async function commitWork(deps: ServiceDeps, id: WorkspaceId, request: { message: string; reviewedOnly: boolean; push: boolean; by: string }): Promise<{ commit: string; branch: string; pushed: boolean; detail: string | null }> {
  await requireMachine(deps, id)
  const stored = await deps.store.reviews.get(id)
  if (request.reviewedOnly && stored.reviewedTree === null) throw new BerthError('conflict', 'nothing was accepted yet', { hint: 'accept something first, or commit everything' })
  if (!request.reviewedOnly && stored.decided.some(({ mark }) => mark === 'queued')) throw new BerthError('conflict', 'rejected changes wait for the end of the turn and would be committed', { hint: 'wait until they are out, or commit only what was accepted' })
  const made = await deps.daemons.call(id, 'git.commit', { key: crypto.randomUUID(), message: request.message, tree: request.reviewedOnly ? stored.reviewedTree : null, push: request.push }, { withinMs: TREE_WITHIN_MS })
  // Whoever commits everything takes it as it is: that is accepted too.
  const { answer } = await readTrees(deps, id, { against: null, limitBytes: 0 })
  const accepted = !request.reviewedOnly && answer.head?.commit === made.commit ? answer.head.tree : null
  await deps.store.reviews.change(id, {
    ...(accepted === null || accepted === stored.reviewedTree ? {} : { tree: { from: stored.reviewedTree, to: accepted } }), dropAccepted: true,
    event: { by: request.by, what: 'commit', detail: `committed ${made.commit.slice(0, 10)} on ${made.branch.slice(0, 200)}` },
  }, deps.clock.now())
  return made
}

export async function checkpointsOf(deps: ServiceDeps, id: WorkspaceId): Promise<Checkpoint[]> {
  await requireMachine(deps, id)
  const listed = await deps.daemons.call(id, 'git.checkpoints', { limit: CHECKPOINTS }, { withinMs: TREE_WITHIN_MS })
  return listed.slice(0, CHECKPOINTS).map((one) => {
    const turn = /^end of turn (\d{1,9})$/.exec(one.reason)?.[1]
    return { ...one, reason: one.reason.slice(0, 200), turn: turn === undefined ? null : Number(turn) }
  })
}

export async function rewindTo(deps: ServiceDeps, id: WorkspaceId, request: { commit: string; conversation: boolean; by: string }): Promise<{ before: string; files: number; conversation: 'kept' | 'rewound' | 'unsupported' }> {
  const record = await requireMachine(deps, id)
  requireIdle({ busy: isBusy(record) }, 'go back when it ended')
  const { before, files, conversation } = await deps.daemons.call(id, 'git.rewind', { key: crypto.randomUUID(), commit: request.commit, conversation: request.conversation }, { withinMs: TREE_WITHIN_MS })
  await deps.store.reviews.change(id, { dropAccepted: true, event: { by: request.by, what: 'rewind', detail: `went back to ${request.commit.slice(0, 10)}: ${files} files`, ...(conversation === 'rewound' ? { conversation: request.commit } : {}) } }, deps.clock.now())
  // A daemon that does not know the wish keeps it as it is.
  return { before, files, conversation: request.conversation && conversation === 'kept' ? 'unsupported' : conversation }
}
