/** What the model gateway needs kept: keys, sealed, and what was used. */
import type { OrgId, WorkspaceId } from '@berth/wire'
import type { ModelKey, ModelUsage, ModelVendor } from '@berth/wire/model-access'

export interface ModelKeyStore {
  list(orgId: OrgId): Promise<ModelKey[]>
  put(key: { orgId: OrgId; vendor: ModelVendor; baseUrl: string; key: string; limitMicros: number | null }, now: number): Promise<ModelKey>
  remove(orgId: OrgId, vendor: ModelVendor): Promise<boolean>
  /** A secret: only for requests to its `baseUrl`. */
  key(orgId: OrgId, vendor: ModelVendor): Promise<{ baseUrl: string; key: string; limitMicros: number | null } | null>
}
export interface ModelUsageStore {
  add(used: ModelUsage, now: number): Promise<void>
  list(orgId: OrgId, workspaceId?: WorkspaceId): Promise<ModelUsage[]>
  /** Of one workspace, whatever it used. */
  costMicros(workspaceId: WorkspaceId): Promise<number>
}
