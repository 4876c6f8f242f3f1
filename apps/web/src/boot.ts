/** What the server put into the page, so that the first drawing needs no request. */
import type { Approval, StoredEvent, Workspace, WorkspaceId } from '@berth/wire'

export interface Boot {
  readonly now: number
  /** The list; of a page for one workspace at least that one. */
  readonly workspaces: readonly Workspace[]
  readonly approvals: readonly Approval[]
  readonly stream: { readonly id: WorkspaceId; readonly events: readonly StoredEvent[]; readonly after: number; /** Nothing was before them. */ readonly whole?: boolean } | null
}
export const BOOT_ID = 'boot'
