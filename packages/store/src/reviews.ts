import type { Decided, ReviewChange, ReviewStore, StoredReview } from '@berth/core'
import { BerthError, type EventBody, type WorkspaceId } from '@berth/wire'
import type { ReviewComment } from '@berth/wire/review'
import { z } from 'zod'
import type { Transaction } from './address.ts'
import type { StoreContext } from './context.ts'
import { cleanText } from './json.ts'
import { insertPrompt } from './prompts.ts'
import { parseAll } from './rows.ts'
import { appendEvents, lockStream } from './streams.ts'

/** Of one workspace; the oldest accepted go first. */
const MARKS_LIMIT = 5000
const COMMENTS_LIMIT = 1000
/** A row of this path is no mark: it keeps the wish to tell the agent. No file has an empty name. */
const SENDING = { path: '', hunkId: 'send' } as const

const entry = z.object({ mode: z.string(), oid: z.string() }).nullable()
const Piece = z.object({
  file: z.object({
    path: z.string(), oldPath: z.string().nullable(), status: z.enum(['added', 'modified', 'deleted', 'renamed', 'copied', 'type-changed', 'conflict']),
    kind: z.enum(['text', 'binary', 'submodule', 'symlink']), from: entry, to: entry, before: z.string().nullable(), after: z.string().nullable(),
    added: z.number(), removed: z.number(), huge: z.boolean(),
  }),
  hunk: z.object({ hunkId: z.string(), oldStart: z.number(), oldLines: z.number(), newStart: z.number(), newLines: z.number(), section: z.string(), lines: z.array(z.string()) }).nullable(),
})
const MarkRow = z.object({
  path: z.string(), hunkId: z.string(), mark: z.enum(['accepted', 'queued', 'rejected']), reason: z.string().nullable(),
  patch: z.string().transform((text) => Piece.parse(JSON.parse(text))), by: z.string(), at: z.number(), appliedAt: z.number().nullable(), toldAt: z.number().nullable(),
})
const CommentRow = z.object({
  id: z.string(), path: z.string(), side: z.enum(['old', 'new']), line: z.number(), quote: z.string(), text: z.string(), by: z.string(), at: z.number(), sentAt: z.number().nullable(),
})

function parseMark(row: object): Decided {
  const { patch, ...rest } = MarkRow.parse(row)
  return { ...rest, piece: patch }
}
function parseComment(row: object): ReviewComment {
  const { id, sentAt, ...rest } = CommentRow.parse(row)
  return { commentId: id, sent: sentAt !== null, ...rest }
}

export function createReviews({ sql, ids, log }: StoreContext): ReviewStore {
  const skipped = (row: object, error: unknown) => log(`reviews: ${String((row as { path?: string }).path)} cannot be read: ${String(error)}`)
  const inStream = <T>(workspaceId: WorkspaceId, work: (tx: Transaction) => Promise<T>): Promise<T> => sql.begin(async (tx) => {
    await lockStream(tx, workspaceId)
    return work(tx)
  }) as Promise<T>
  const say = (tx: Transaction, workspaceId: WorkspaceId, body: EventBody, now: number) => appendEvents(tx, workspaceId, [{ id: ids.event(), at: now, source: 'server', body }])
  const changed = (by: string, what: (EventBody & { type: 'review.changed' })['what'], detail: string | null): EventBody => ({ type: 'review.changed', by: cleanText(by).slice(0, 200), what, detail: detail === null ? null : cleanText(detail).slice(0, 2000) })

  return {
    async get(workspaceId): Promise<StoredReview> {
      const [[review], marks, comments] = await Promise.all([
        sql<{ reviewedTree: string }[]>`select reviewed_tree from reviews where workspace_id = ${workspaceId}`,
        sql`select * from review_marks where workspace_id = ${workspaceId} and told_at is null order by at, path, hunk_id limit ${MARKS_LIMIT}`,
        sql`select * from review_comments where workspace_id = ${workspaceId} order by at, id limit ${COMMENTS_LIMIT}`,
      ])
      const sending = marks.find((row) => row['path'] === SENDING.path)
      return {
        reviewedTree: review?.reviewedTree ?? null,
        decided: parseAll(marks.filter((row) => row['path'] !== SENDING.path), parseMark, skipped),
        comments: parseAll(comments, parseComment, skipped),
        sending: sending === undefined ? null : { note: sending['reason'] as string | null, by: String(sending['by']) },
      }
    },

    change: (workspaceId, change, now) => inStream(workspaceId, async (tx) => {
      if (change.tree !== undefined && !(await advance(tx, workspaceId, change.tree, now))) return false
      for (const key of change.drop ?? []) await tx`delete from review_marks where workspace_id = ${workspaceId} and path = ${cleanText(key.path)} and hunk_id = ${key.hunkId}`
      for (const decided of change.put ?? []) await putMark(tx, workspaceId, decided)
      if (change.dropAccepted) await tx`delete from review_marks where workspace_id = ${workspaceId} and mark = 'accepted'`
      await trim(tx, workspaceId, change)
      await say(tx, workspaceId, { ...changed(change.event.by, change.event.what, change.event.detail), ...(change.event.conversation === undefined ? {} : { conversation: change.event.conversation }) }, now)
      for (const notice of change.notices ?? []) await say(tx, workspaceId, { type: 'workspace.notice', level: 'warning', ...notice, message: cleanText(notice.message) }, now)
      return true
    }),

    addComment: (workspaceId, comment, now) => inStream(workspaceId, async (tx) => {
      const waiting = (await tx`select id from review_comments where workspace_id = ${workspaceId} and sent_at is null limit ${COMMENTS_LIMIT}`).length
      if (waiting >= COMMENTS_LIMIT / 2) throw new BerthError('too_many', `${waiting} comments wait to be sent already`, { hint: 'send them first' })
      const { commentId, sent: _sent, path, quote, text, by, ...rest } = comment
      await tx`insert into review_comments ${tx({ id: commentId, workspaceId, ...rest, path: cleanText(path), quote: cleanText(quote), text: cleanText(text), by: cleanText(by) })}`
      // Old ones that were sent make room.
      await tx`delete from review_comments where workspace_id = ${workspaceId} and sent_at is not null and id not in (select id from review_comments where workspace_id = ${workspaceId} order by at desc, id limit ${COMMENTS_LIMIT})`
      await say(tx, workspaceId, changed(comment.by, 'comment', null), now)
    }),

    removeComment: (workspaceId, commentId, by, now) => inStream(workspaceId, async (tx) => {
      const removed = await tx`delete from review_comments where workspace_id = ${workspaceId} and id = ${cleanText(commentId)} and sent_at is null returning id`
      if (removed.length > 0) await say(tx, workspaceId, changed(by, 'comment', null), now)
      return removed.length > 0
    }),

    wishSend: (workspaceId, wish, now) => inStream(workspaceId, async (tx) => {
      await tx`delete from review_marks where workspace_id = ${workspaceId} and path = ${SENDING.path}`
      if (wish !== null) await tx`insert into review_marks ${tx({ workspaceId, ...SENDING, mark: 'send', reason: wish.note === null ? null : cleanText(wish.note), patch: null, by: cleanText(wish.by), at: now })}`
    }),

    tell: (workspaceId, told, now) => inStream(workspaceId, async (tx) => {
      for (const { path, hunkId } of told.marks) {
        const mine = await tx`delete from review_marks where workspace_id = ${workspaceId} and path = ${cleanText(path)} and hunk_id = ${hunkId} and mark = 'rejected' and told_at is null returning path`
        if (mine.length === 0) return await undo()
      }
      const sent = told.comments.length === 0 ? [] : await tx`update review_comments set sent_at = ${now} where workspace_id = ${workspaceId} and id = any(${[...told.comments]}) and sent_at is null returning id`
      if (sent.length !== told.comments.length) return await undo()
      await tx`delete from review_marks where workspace_id = ${workspaceId} and (path = ${SENDING.path} or mark = 'accepted')`
      await insertPrompt(tx, { workspaceId, prompt: { promptId: told.promptId, text: told.text, by: told.by }, eventId: ids.event(), now })
      await say(tx, workspaceId, changed(told.by, 'sent', `${told.marks.length} rejected, ${told.comments.length} comments sent`), now)
      return true
    }).catch((error: unknown) => {
      if (error === RACED) return false
      throw error
    }),

    async waiting() {
      const rows = await sql<{ workspaceId: WorkspaceId }[]>`
        select distinct m.workspace_id from review_marks m join workspaces w on w.id = m.workspace_id
        where (m.mark = 'queued' or m.path = ${SENDING.path}) and w.deleted_at is null`
      return rows.map((row) => row.workspaceId)
    },
  }
}

/** Thrown inside a transaction, so that nothing of it stays. */
const RACED = Symbol('somebody else was first')
const undo = (): Promise<never> => Promise.reject(RACED as unknown as Error)

async function advance(tx: Transaction, workspaceId: WorkspaceId, { from, to }: NonNullable<ReviewChange['tree']>, now: number): Promise<boolean> {
  const moved = from === null
    ? await tx`insert into reviews ${tx({ workspaceId, reviewedTree: to, updatedAt: now })} on conflict (workspace_id) do nothing returning workspace_id`
    : await tx`update reviews set reviewed_tree = ${to}, updated_at = ${now} where workspace_id = ${workspaceId} and reviewed_tree = ${from} returning workspace_id`
  return moved.length > 0
}

async function putMark(tx: Transaction, workspaceId: WorkspaceId, { piece, path, by, reason, ...rest }: Decided): Promise<void> {
  // JSON in text: what jsonb would refuse (a NUL in a line) is escaped there.
  const row = { workspaceId, ...rest, path: cleanText(path), by: cleanText(by), reason: reason === null ? null : cleanText(reason), patch: JSON.stringify(piece) }
  await tx`
    insert into review_marks ${tx(row)}
    on conflict (workspace_id, path, hunk_id) do update set mark = excluded.mark, reason = excluded.reason, patch = excluded.patch, by = excluded.by, at = excluded.at, applied_at = excluded.applied_at, told_at = excluded.told_at`
}

async function trim(tx: Transaction, workspaceId: WorkspaceId, { put }: ReviewChange): Promise<void> {
  if (put === undefined || put.length === 0) return
  const count = await marksOf(tx, workspaceId)
  if (count <= MARKS_LIMIT) return
  await tx`
    delete from review_marks where (workspace_id, path, hunk_id) in (
      select workspace_id, path, hunk_id from review_marks where workspace_id = ${workspaceId} and mark = 'accepted' order by at limit ${count - MARKS_LIMIT})`
  if (await marksOf(tx, workspaceId) > MARKS_LIMIT) throw new BerthError('too_many', `more than ${MARKS_LIMIT} rejections wait`, { hint: 'send them to the agent first' })
}

async function marksOf(tx: Transaction, workspaceId: WorkspaceId): Promise<number> {
  const [row] = await tx<{ count: number }[]>`select count(*)::int as count from review_marks where workspace_id = ${workspaceId}`
  return row?.count ?? 0
}
