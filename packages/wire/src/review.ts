/**
 * Review: git is the truth. What is reviewed is the difference between the tree a person has accepted so far (the
 * reviewed tree, kept by the server) and the worktree as it is now, edits by shell commands included.
 *
 * A hunk is known by its content, so a mark survives later edits elsewhere: hunkId = first 16 hex digits of the
 * SHA-256 over path, NUL, the context before it (at most 3 lines), NUL, its removed and added lines with their signs.
 * Two equal hunks of one file get `-2`, `-3` … in their order.
 */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { WorkspaceId } from './ids.ts'

const tag = { tags: ['review'] }
const ById = z.object({ id: WorkspaceId })
const Path = z.string().min(1).max(4096)
const Text = z.string().max(64 * 1024)

/** More lines than this in one file are read only when asked for (`only`). */
export const HUGE_FILE_LINES = 5000
export const REVIEW_FILES_LIMIT = 2000
/** Bytes of patch in one answer. */
export const REVIEW_PATCH_LIMIT = 2 * 1024 * 1024

/** `queued`: rejected while a turn runs; taken out of the tree when it ends. `rejected`: taken out, the agent not told yet. */
export const HunkMark = z.enum(['open', 'accepted', 'queued', 'rejected'])
export type HunkMark = z.infer<typeof HunkMark>

export const Hunk = z.object({
  hunkId: z.string().max(64),
  oldStart: z.number().int(), oldLines: z.number().int(), newStart: z.number().int(), newLines: z.number().int(),
  /** What git prints after the @@: the function around it. */
  section: z.string(),
  /** Each with its sign (' ', '+', '-'), without the line's end; `\` lines say that the line before has none. A CR at a line's end is kept. */
  lines: z.array(z.string()),
  mark: HunkMark,
  reason: z.string().nullable(),
})
export type Hunk = z.infer<typeof Hunk>

export const ReviewFile = z.object({
  /** Bytes that are no UTF-8 are written `\xNN`, as `pathText` does. */
  path: Path,
  /** Renamed or copied from. */
  oldPath: Path.nullable(),
  status: z.enum(['added', 'modified', 'deleted', 'renamed', 'copied', 'type-changed', 'conflict']),
  kind: z.enum(['text', 'binary', 'submodule', 'symlink']),
  oldMode: z.string().nullable(), newMode: z.string().nullable(),
  /** Of a binary file or a submodule: sizes in bytes, or commits. */
  before: z.string().nullable(), after: z.string().nullable(),
  added: z.number().int(), removed: z.number().int(),
  /** CRLF in the new text. */
  crlf: z.boolean(),
  /** Its hunks are left out; ask with `only`. */
  huge: z.boolean(),
  hunks: z.array(Hunk),
  /** For files without hunks (binary, submodule, mode, pure rename). */
  mark: HunkMark, reason: z.string().nullable(),
})
export type ReviewFile = z.infer<typeof ReviewFile>

export const ReviewComment = z.object({
  commentId: z.string().max(64), path: Path, side: z.enum(['old', 'new']), line: z.number().int().min(1),
  /** The line as it was, so that the comment can be placed after edits. */
  quote: z.string().max(2000), text: z.string().min(1).max(8000), by: z.string(), at: z.number(), sent: z.boolean(),
})
export type ReviewComment = z.infer<typeof ReviewComment>

export const Review = z.object({
  /** Tree ids: what was accepted so far, and the worktree now. Equal: nothing to review. */
  reviewed: z.string(), tree: z.string(),
  files: z.array(ReviewFile),
  /** Files beyond REVIEW_FILES_LIMIT or REVIEW_PATCH_LIMIT. */
  omitted: z.number().int(),
  comments: z.array(ReviewComment),
  progress: z.object({ decided: z.number().int(), total: z.number().int() }),
  /** Rejections and comments the agent has not been told. */
  unsent: z.number().int(),
  /** A turn runs: rejections are queued to its end. */
  busy: z.boolean(),
})
export type Review = z.infer<typeof Review>

export const MarkRequest = z.object({
  /** The tree that was looked at. A hunk that is no longer there is answered in `gone`, nothing else is touched. */
  tree: z.string(),
  marks: z.array(z.object({ path: Path, /** Absent: the whole file. */ hunkId: z.string().max(64).optional(), mark: z.enum(['open', 'accepted', 'rejected']), reason: z.string().max(4000).optional() })).min(1).max(5000),
})
export type MarkRequest = z.infer<typeof MarkRequest>
export const Checkpoint = z.object({ commit: z.string(), reason: z.string(), at: z.number(), files: z.number().int(), turn: z.number().int().nullable() })
export type Checkpoint = z.infer<typeof Checkpoint>

/** Spread into `api`. */
export const reviewApi = {
  getReview: oc.route({ method: 'GET', path: '/workspaces/{id}/review', summary: 'What changed since the last review', ...tag }).input(ById.extend({ only: Path.optional() })).output(Review),
  /** Accept, reject with a reason, or take a mark back. `gone`: hunks that are no longer in the tree, or could not be taken out of it; `because` says what the machine said about those. */
  markHunks: oc.route({ method: 'POST', path: '/workspaces/{id}/review/marks', summary: 'Accept or reject hunks, files, or all', ...tag }).input(ById.extend(MarkRequest.shape)).output(z.object({ review: Review, gone: z.array(z.string()), because: z.string().max(1000).nullable().default(null) })),
  /**
   * Replaces the new lines of a hunk, from its first changed line to its last with the context between them, by what a
   * person wrote; the hunk that results is accepted. `text` is whole lines. Refused while a turn runs.
   */
  editHunk: oc.route({ method: 'POST', path: '/workspaces/{id}/review/edit', summary: 'Edit a hunk by hand', ...tag }).input(ById.extend({ tree: z.string(), path: Path, hunkId: z.string().max(64), text: Text })).output(Review),
  addComment: oc.route({ method: 'POST', path: '/workspaces/{id}/review/comments', summary: 'Comment on a line', ...tag }).input(ById.extend({ path: Path, side: z.enum(['old', 'new']), line: z.number().int().min(1), quote: z.string().max(2000), text: z.string().min(1).max(8000) })).output(ReviewComment),
  removeComment: oc.route({ method: 'DELETE', path: '/workspaces/{id}/review/comments/{commentId}', summary: 'Take a comment back that was not sent', ...tag }).input(ById.extend({ commentId: z.string().max(64) })).output(z.object({ removed: z.boolean() })),
  /**
   * One message to the agent with every rejection and comment it was not told. Rejections that wait for the end of a turn
   * hold it back: it goes when they are out of the tree, and `promptId` is null now.
   */
  sendReview: oc.route({ method: 'POST', path: '/workspaces/{id}/review/send', summary: 'Tell the agent', ...tag }).input(ById.extend({ note: z.string().max(8000).optional() })).output(z.object({ promptId: z.string().nullable(), text: z.string(), sent: z.number().int() })),

  suggestCommit: oc.route({ method: 'GET', path: '/workspaces/{id}/commit', summary: 'What a commit would hold, with a message', ...tag }).input(ById).output(z.object({ message: z.string(), files: z.number().int(), added: z.number().int(), removed: z.number().int(), branch: z.string().nullable(), canPush: z.boolean(), whyNot: z.string().nullable() })),
  commit: oc.route({ method: 'POST', path: '/workspaces/{id}/commit', summary: 'Commit the tree', ...tag }).input(ById.extend({ message: z.string().min(1).max(16_000), /** Only what was accepted, not the whole tree. */ reviewedOnly: z.boolean().default(false), push: z.boolean().default(false) })).output(z.object({ commit: z.string(), branch: z.string(), pushed: z.boolean(), detail: z.string().nullable() })),
  listCheckpoints: oc.route({ method: 'GET', path: '/workspaces/{id}/checkpoints', summary: 'States of the tree that can be gone back to', ...tag }).input(ById).output(z.array(Checkpoint)),
  /** The tree as it is becomes a checkpoint first, so a rewind can be undone. `conversation`: also the agent's, where it can. */
  rewind: oc.route({ method: 'POST', path: '/workspaces/{id}/rewind', summary: 'Go back to a checkpoint', ...tag }).input(ById.extend({ commit: z.string().regex(/^[0-9a-f]{7,64}$/), conversation: z.boolean().default(false) })).output(z.object({ before: z.string(), files: z.number().int(), conversation: z.enum(['kept', 'rewound', 'unsupported']) })),
}

export { PATCH_LIMIT_BYTES, reviewMethods, TreeEntry, TreeMove } from './review-methods.ts'
