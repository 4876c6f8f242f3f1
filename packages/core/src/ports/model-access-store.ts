/** What the model gateway needs kept: keys, sealed, what was used, and what may be. */
import type { OrgId, SessionId, UserId, WorkspaceId } from '@berth/wire'
import type { ModelBudget, ModelKey, ModelUsage, ModelUsageDay, ModelVendor, OAuthLogin } from '@berth/wire/model-access'

/** One key as it is used. A secret: only for requests to its `baseUrl`. */
export interface KeptModelKey {
  /** Null: the vendor's first one. */
  readonly name: string | null
  readonly baseUrl: string
  readonly key: string
  /** Absent: it does not end. */
  readonly login?: OAuthLogin
}
export interface ModelKeyStore {
  list(orgId: OrgId): Promise<ModelKey[]>
  put(key: { orgId: OrgId; vendor: ModelVendor; baseUrl: string; key: string; limitMicros: number | null }, now: number): Promise<ModelKey>
  remove(orgId: OrgId, vendor: ModelVendor): Promise<boolean>
  /** A secret: only for requests to its `baseUrl`. */
  key(orgId: OrgId, vendor: ModelVendor): Promise<{ baseUrl: string; key: string; limitMicros: number | null } | null>
  /** In the order in which they are tried for a workspace of this person: its own, the first, the others. */
  inOrder(orgId: OrgId, vendor: ModelVendor, userId: UserId): Promise<{ limitMicros: number | null; keys: KeptModelKey[] }>
  putFurther(key: { orgId: OrgId; vendor: ModelVendor; name: string; userId: UserId | null; baseUrl: string; key: string | OAuthLogin }, now: number): Promise<ModelKey>
  removeFurther(orgId: OrgId, vendor: ModelVendor, name: string): Promise<boolean>
  /** One at a time, over all servers: `renew` gets what is kept by then, and answers null where that is good enough. */
  renewLogin(of: { orgId: OrgId; vendor: ModelVendor; name: string }, renew: (login: OAuthLogin) => Promise<OAuthLogin | null>): Promise<OAuthLogin | null>
}
/** What one call used, and on whose account. */
export interface ModelUse extends ModelUsage {
  readonly orgId: OrgId
  readonly userId: UserId
  readonly sessionId: SessionId | null
  readonly keyName: string | null
  /** Of its requests, those that were broken off. */
  readonly estimated: number
  readonly unpricedTokens: number
}
export interface ModelUsageStore {
  add(used: ModelUse, now: number): Promise<void>
  list(orgId: OrgId, workspaceId?: WorkspaceId): Promise<ModelUsage[]>
  days(orgId: OrgId, of: { workspaceId?: WorkspaceId; since?: string }): Promise<ModelUsageDay[]>
  /** Of one workspace, whatever it used. Without a price counts as `assumedMicros` does. */
  costMicros(workspaceId: WorkspaceId): Promise<number>
  /** In the month of `now`. */
  monthMicros(orgId: OrgId, of: Pick<ModelBudget, 'scope' | 'subject'>, now: number): Promise<number>
}
export interface ModelBudgetStore {
  list(orgId: OrgId, now: number): Promise<ModelBudget[]>
  /** Both null: it is removed. */
  put(orgId: OrgId, budget: Omit<ModelBudget, 'usedMicros'>, now: number): Promise<void>
  /** True for one caller in a month. */
  tell(orgId: OrgId, budget: Pick<ModelBudget, 'scope' | 'subject'>, now: number): Promise<boolean>
}
