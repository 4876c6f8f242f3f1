/** Secrets of projects, sealed. */
import type { OrgId } from '@berth/wire'
import type { ProjectSecret, SecretKind } from '@berth/wire/project-secrets'

export interface ProjectSecretStore {
  list(orgId: OrgId): Promise<ProjectSecret[]>
  /** One for each name: what is there is replaced. */
  put(secret: { orgId: OrgId; project: string; name: string; kind: SecretKind; value: string }, now: number): Promise<ProjectSecret>
  remove(orgId: OrgId, project: string, name: string): Promise<boolean>
  /** Secrets: only for a daemon of a workspace of that project. */
  values(orgId: OrgId, project: string): Promise<{ name: string; kind: SecretKind; value: string }[]>
}
