/** What is known of saved states and moves. The bytes are `StateFiles`'s. */
import type { OrgId, SavedId, UserId, WorkspaceId } from '@berth/wire'
import type { SavedKind } from '@berth/wire/saved'

/** What a workspace made of it needs and no machine knows. Nothing secret. */
export type SavedManifest = Readonly<Record<string, unknown>>

export interface SavedRow {
  readonly id: SavedId
  readonly orgId: OrgId
  readonly workspaceId: WorkspaceId
  readonly workspaceName: string
  readonly repository: string
  readonly kind: SavedKind
  /** Of a template. */
  readonly name: string | null
  /** Only `verified` counts; `removed`: its bytes are gone, or about to go. */
  readonly state: 'saving' | 'verified' | 'failed' | 'removed'
  readonly detail: string | null
  readonly place: string
  /** As the machine sent it. */
  readonly sizeBytes: number
  readonly plainBytes: number
  readonly files: number
  readonly sha256: string | null
  readonly leftOut: readonly string[]
  readonly manifest: SavedManifest
  readonly createdBy: UserId
  readonly createdAt: number
  readonly verifiedAt: number | null
  readonly expiresAt: number | null
}
export type NewSaved = Omit<SavedRow, 'state' | 'detail' | 'sizeBytes' | 'plainBytes' | 'files' | 'sha256' | 'leftOut' | 'verifiedAt'>
export interface SavedProof { readonly sha256: string; readonly sizeBytes: number; readonly plainBytes: number; readonly files: number; readonly leftOut: readonly string[] }

export interface SavedStore {
  /** With the same id it changes nothing. Throws `name_taken` for a template's name. */
  add(row: NewSaved): Promise<void>
  get(id: SavedId): Promise<SavedRow | null>
  template(orgId: OrgId, name: string): Promise<SavedRow | null>
  /** Newest first, without what was removed. */
  list(options?: { orgId?: OrgId; state?: SavedRow['state'] }): Promise<SavedRow[]>
  note(id: SavedId, detail: string): Promise<void>
  /** From `saving` only. False: it was not. */
  verified(id: SavedId, proof: SavedProof, now: number): Promise<boolean>
  failed(id: SavedId, why: string): Promise<boolean>
  /** Of one that came with its bytes from elsewhere. */
  takeIn(row: SavedRow): Promise<void>
  /** False: a workspace begins with it now, or a move needs it. */
  remove(id: SavedId): Promise<boolean>
  /** What has come to its end, and what was removed and may still have bytes. */
  over(now: number): Promise<SavedRow[]>
  forget(id: SavedId): Promise<void>
}

export type MoveStep =
  /** For the end of the turn, or for the machine to come up. */
  | 'waiting'
  /** Agents are held, the state is saved and verified. */
  | 'saving'
  /** The old machine, its disk kept. */
  | 'stopping'
  /** The new one, until it has everything and its agent runs. */
  | 'starting'
  /** The old machine goes. */
  | 'ending'
  /** The new one goes; the workspace goes on where it was. */
  | 'undoing'
export interface MoveRow {
  /** `readyAt`: kept while the new machine has none of its own; an undone move gives it back. */
  readonly from: { readonly provider: string; readonly generation: number; readonly readyAt?: number | null | undefined }
  readonly to: { readonly provider: string; readonly generation: number | null }
  readonly interrupt: boolean
  readonly step: MoveStep
  readonly savedId: SavedId | null
  /** Why it is being undone. */
  readonly why: string | null
  readonly askedBy: UserId
  readonly askedAt: number
  readonly stepAt: number
}

export interface MoveStore {
  /** Throws `conflict` when one is under way. */
  ask(id: WorkspaceId, move: MoveRow, now: number): Promise<void>
  /** Only before its machine is stopped for it, also under a tick. False: it is too late, or there is none. */
  cancel(id: WorkspaceId, now: number): Promise<boolean>
}
