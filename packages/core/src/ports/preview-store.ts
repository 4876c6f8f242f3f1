/** What previews need kept: what people set for a port, and who was let in. Tokens are kept hashed. */
import type { TokenId, UserId, WorkspaceId } from '@berth/wire'
import type { PreviewAccess } from '@berth/wire/previews'

export interface PreviewRow {
  readonly workspaceId: WorkspaceId
  readonly port: number
  readonly label: string | null
  readonly primary: boolean
  readonly access: PreviewAccess
  readonly hostHeader: 'preview' | 'localhost'
  readonly wake: boolean
  /** Of the one share link there may be; null: none, or one that does not end. */
  readonly shareExpiresAt: number | null
}
export type PreviewChange = Partial<Pick<PreviewRow, 'label' | 'primary' | 'access' | 'hostHeader' | 'wake'>>

/** One port of one workspace: nothing that lets in there lets in elsewhere. */
export interface PreviewPlace { readonly workspaceId: WorkspaceId; readonly port: number }
export interface PreviewVisit {
  /** A person who is signed in, or somebody with the share link. */
  readonly by: 'session' | 'link'
  readonly userId: UserId | null
  /** Also of the session or link that it came from. */
  readonly expiresAt: number | null
}

export interface PreviewStore {
  /** By its port. Only ports that somebody said something about have a row. */
  list(workspaceId: WorkspaceId): Promise<PreviewRow[]>
  get(place: PreviewPlace): Promise<PreviewRow | null>
  /** `private` ends the share link. One port of a workspace is primary. Throws `too_many` above the limit of ports. */
  set(place: PreviewPlace, change: PreviewChange, now: number): Promise<PreviewRow>
  /** The token of a fresh link; the one before ends. A private port becomes one with a link. */
  share(place: PreviewPlace, expiresAt: number | null, now: number): Promise<string>
  /** A workspace that is not deleted, by its name. */
  named(name: string): Promise<WorkspaceId | null>
  /** Good for one `enter`, for whoever holds that session. */
  issueTicket(ticket: PreviewPlace & { readonly tokenId: TokenId; readonly expiresAt: number }, now: number): Promise<string>
  /** The token of a visit, which ends with the session. Null: unknown, used, too old or another port's. */
  enter(ticket: string, visit: PreviewPlace & { readonly expiresAt: number }, now: number): Promise<string | null>
  /** The token of a visit, which ends with the link. Null: not the link of this port, or no longer. */
  enterByLink(token: string, visit: PreviewPlace & { readonly expiresAt: number }, now: number): Promise<string | null>
  visit(token: string, place: PreviewPlace, now: number): Promise<PreviewVisit | null>
}
