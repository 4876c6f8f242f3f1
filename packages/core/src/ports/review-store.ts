/** What is kept of reviews: the reviewed tree, decisions about hunks, comments. Each method is one transaction with its event. */
import type { PromptId, WorkspaceId } from '@berth/wire'
import type { ReviewComment } from '@berth/wire/review'
import type { Decided } from '../review/plan-marks.ts'

export interface StoredReview {
  /** Null: nothing was accepted yet. */
  readonly reviewedTree: string | null
  readonly decided: readonly Decided[]
  readonly comments: readonly ReviewComment[]
  /** A person asked to tell the agent as soon as no rejection is queued any more. */
  readonly sending: { readonly note: string | null; readonly by: string } | null
}
export type MarkKey = Pick<Decided, 'path' | 'hunkId'>
export interface ReviewChange {
  /** Compare-and-set: the change is refused when the tree is another one meanwhile. */
  readonly tree?: { readonly from: string | null; readonly to: string }
  readonly put?: readonly Decided[]
  readonly drop?: readonly MarkKey[]
  /** All that is accepted: that round is over. */
  readonly dropAccepted?: boolean
  /** For those who watch. */
  readonly event: { readonly by: string; readonly what: 'marks' | 'edit' | 'applied' | 'commit' | 'rewind'; readonly detail: string | null; /** Of a rewind: the checkpoint that the agent's conversation went back to. */ readonly conversation?: string }
  /** Said aloud beside it. */
  readonly notices?: readonly { readonly code: string; readonly message: string; readonly hint: string | null }[]
}

export interface ReviewStore {
  get(workspaceId: WorkspaceId): Promise<StoredReview>
  /** False: the reviewed tree is not `from` any more, nothing was written. */
  change(workspaceId: WorkspaceId, change: ReviewChange, now: number): Promise<boolean>
  addComment(workspaceId: WorkspaceId, comment: ReviewComment, now: number): Promise<void>
  /** False: there is none, or the agent was told. */
  removeComment(workspaceId: WorkspaceId, commentId: string, by: string, now: number): Promise<boolean>
  /** Null takes the wish back. */
  wishSend(workspaceId: WorkspaceId, wish: { note: string | null; by: string } | null, now: number): Promise<void>
  /** Marks them told and queues the prompt, at once. False: some of them were told meanwhile, nothing was written. */
  tell(workspaceId: WorkspaceId, told: { promptId: PromptId; text: string; by: string; marks: readonly MarkKey[]; comments: readonly string[] }, now: number): Promise<boolean>
  /** Where rejections wait for the end of a turn. */
  waiting(): Promise<WorkspaceId[]>
}
