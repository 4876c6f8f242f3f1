/** The review as the machine and the store have it now. What the machine says is parsed strictly; it may lie. */
import { createHash } from 'node:crypto'
import { readChanges, viewReview } from '@berth/core'
import type { ChangedFile, Changes, StoredReview, WorkspaceRecord } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import type { DaemonResult } from '@berth/wire/daemon'
import { pathBytes, textOf, unpack } from '@berth/wire/git-bytes'
import type { Bytes } from '@berth/wire/git-bytes'
import { REVIEW_PATCH_LIMIT } from '@berth/wire/review'
import type { Review } from '@berth/wire/review'
import type { ServiceDeps } from './deps.ts'
import { requireRecord } from './view.ts'
import { requireCan } from './workspaces.ts'

/** Writing the tree of a large repository and comparing it. */
export const TREE_WITHIN_MS = 120_000
/** Lists are of at most some thousand files; a section may end after the limit. */
const UNPACKED_LIMIT = 16 * 1024 * 1024

export interface Reading {
  readonly record: WorkspaceRecord
  readonly stored: StoredReview
  readonly changes: Changes
  readonly reviewed: string
  readonly tree: string
  readonly busy: boolean
}
export interface Lists { readonly answer: DaemonResult<'review.read'>; readonly raw: Bytes; readonly stat: Bytes }

export async function requireMachine(deps: ServiceDeps, id: WorkspaceId): Promise<WorkspaceRecord> {
  const record = await requireRecord(deps, id)
  requireCan(deps, record, 'diff')
  return record
}

/** The agent works on something, or waits for an answer in the middle of it. */
export const isBusy = ({ workspace }: WorkspaceRecord): boolean => workspace.agentState === 'busy' || workspace.agentState === 'waiting'

export async function readReviewState(deps: ServiceDeps, id: WorkspaceId, only?: string): Promise<Reading> {
  const record = await requireMachine(deps, id)
  const stored = await deps.store.reviews.get(id)
  const { answer, raw, stat } = await readTrees(deps, id, { against: stored.reviewedTree, limitBytes: REVIEW_PATCH_LIMIT, ...(only === undefined ? {} : { only }) })
  const patch = await unpackLimited(answer.patch)
  const changes = readChanges({ ...answer, raw, stat, patch, whole: only !== undefined }, sha256)
  return { record, stored, changes, reviewed: answer.base, tree: answer.tree, busy: isBusy(record) }
}

/** Where the reviewed tree is gone from the machine's repository, the review begins anew from the source. */
export async function readTrees(deps: Pick<ServiceDeps, 'daemons'>, id: WorkspaceId, request: { against: string | null; limitBytes: number; only?: string }): Promise<Lists> {
  const ask = (against: string | null) => deps.daemons.call(id, 'review.read', { ...request, against }, { withinMs: TREE_WITHIN_MS })
  const answer = await ask(request.against).catch((error: unknown) => {
    if (error instanceof BerthError && error.code === 'not_found' && request.against !== null && request.only === undefined) return ask(null)
    throw error
  })
  const [raw, stat] = await Promise.all([unpackLimited(answer.raw), unpackLimited(answer.stat)])
  return { answer, raw, stat }
}

async function unpackLimited(packed: string): Promise<Bytes> {
  try {
    return await unpack(packed, UNPACKED_LIMIT)
  } catch (cause) {
    throw new BerthError('internal', 'what the machine says about its tree cannot be understood', { cause, hint: 'stop and start the workspace' })
  }
}

export function viewOfReading({ changes, reviewed, tree, stored, busy }: Reading): Review {
  return viewReview({ changes, reviewed, tree, decided: stored.decided, comments: stored.comments, busy })
}

export const sha256 = (bytes: Bytes): string => createHash('sha256').update(bytes, 'latin1').digest('hex')
/** Content of a whole file as one word. */
export const contentOf = ({ to }: Pick<ChangedFile, 'to'>): string => (to === null ? 'gone' : `${to.mode} ${to.oid}`)
export const nameOf = (path: string): string => textOf(pathBytes(path)).slice(0, 200)
