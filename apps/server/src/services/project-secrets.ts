/** Secrets of projects: kept here, given to the daemons of their workspaces, to nobody else. */
import { projectKey, projectKeyOf } from '@berth/core'
import type { Clock, Identity, Store, WorkspaceRow } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { Assignment } from '@berth/wire/daemon'
import type { ProjectSecret, SecretKind } from '@berth/wire/project-secrets'
import { SECRET_FILES_DIR } from '@berth/wire/secret-places'

export interface ProjectSecretDeps { readonly store: Pick<Store, 'projectSecrets'>; readonly clock: Clock }

/** Each is in every assignment of its workspaces. */
const SECRETS_PER_ORGANISATION = 500

export async function setProjectSecret(deps: ProjectSecretDeps, { orgId }: Pick<Identity, 'orgId'>, { project, name, kind, value }: { project: string; name: string; kind: SecretKind; value: string }): Promise<ProjectSecret> {
  if ((await deps.store.projectSecrets.list(orgId)).length >= SECRETS_PER_ORGANISATION) throw new BerthError('too_many', 'there are too many secrets of projects', { hint: 'remove some: `berth secret list`' })
  return deps.store.projectSecrets.put({ orgId, project: projectKey(project), name, kind, value }, deps.clock.now())
}

/** What a workspace of that code gets beside its own. */
export async function secretsOfProject({ store }: Pick<ProjectSecretDeps, 'store'>, { orgId, source }: Pick<WorkspaceRow, 'orgId' | 'source'>): Promise<Pick<Assignment, 'env' | 'homeFiles'>> {
  const key = projectKeyOf(source)
  const secrets = key === null ? [] : await store.projectSecrets.values(orgId, key)
  return {
    env: Object.fromEntries(secrets.flatMap(({ name, kind, value }) => (kind === 'env' ? [[name, value]] : []))),
    homeFiles: secrets.flatMap(({ name, kind, value }) => (kind === 'file' ? [{ path: `${SECRET_FILES_DIR}/${name}`, contentBase64: Buffer.from(value).toString('base64') }] : [])),
  }
}
