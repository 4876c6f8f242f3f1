/**
 * What differs between the reviewed tree and the worktree, as read from git. Names and lines are bytes (`git-bytes.ts`):
 * a patch made of them fits again, whatever their encoding.
 */
import type { Bytes } from '@berth/wire/git-bytes'
import type { ReviewFile, TreeEntry } from '@berth/wire/review'

export interface ChangedHunk {
  readonly hunkId: string
  readonly oldStart: number
  readonly oldLines: number
  readonly newStart: number
  readonly newLines: number
  readonly section: Bytes
  /** With their signs. A line that begins with `\` says that the one before it has no end. */
  readonly lines: readonly Bytes[]
}

export interface ChangedFile {
  readonly path: string
  readonly oldPath: string | null
  readonly status: ReviewFile['status']
  readonly kind: ReviewFile['kind']
  readonly from: TreeEntry
  readonly to: TreeEntry
  readonly before: string | null
  readonly after: string | null
  readonly added: number
  readonly removed: number
  readonly huge: boolean
  readonly hunks: readonly ChangedHunk[]
}

/** A hunk, or a whole file (`hunk` null), as it was when somebody decided about it: enough to take it out, put it back and tell it. */
export interface Piece { readonly file: Omit<ChangedFile, 'hunks'>; readonly hunk: ChangedHunk | null }

export interface Changes {
  readonly files: readonly ChangedFile[]
  readonly omitted: number
}

/** Only as a whole: there is nothing in it that could be taken line by line. */
export function isWhole(file: Pick<ChangedFile, 'status' | 'kind' | 'huge'>): boolean {
  return file.kind !== 'text' || file.huge || file.status === 'added' || file.status === 'deleted' || file.status === 'copied' || file.status === 'type-changed'
}
