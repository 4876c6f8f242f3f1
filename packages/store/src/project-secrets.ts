/** Secrets of projects, sealed under the master key. */
import type { ProjectSecretStore } from '@berth/core'
import type { OrgId } from '@berth/wire'
import { ProjectSecret, type SecretKind } from '@berth/wire/project-secrets'
import type { StoreContext } from './context.ts'
import { seal, unseal } from './crypto.ts'

/** Bound to its place: a value moved to another project or name does not open. */
const subjectOf = (orgId: OrgId, project: string, name: string): string => `project-secret ${orgId} ${name} ${project}`

export function createProjectSecrets({ sql, random, masterKey }: StoreContext): ProjectSecretStore {
  const columns = sql`project, name, kind, updated_at`
  return {
    list: async (orgId) => (await sql`select ${columns} from project_secrets where org_id = ${orgId} order by project, name`).map((row) => ProjectSecret.parse(row)),
    async put({ orgId, project, name, kind, value }, now) {
      const sealed = seal(value, { key: masterKey, subject: subjectOf(orgId, project, name), random })
      const [row] = await sql`
        insert into project_secrets ${sql({ orgId, project, name, kind, sealed, updatedAt: now })}
        on conflict (org_id, project, name) do update set kind = excluded.kind, sealed = excluded.sealed, updated_at = excluded.updated_at
        returning ${columns}`
      return ProjectSecret.parse(row)
    },
    remove: async (orgId, project, name) => (await sql`delete from project_secrets where org_id = ${orgId} and project = ${project} and name = ${name} returning name`).length > 0,
    async values(orgId, project) {
      const rows = await sql<{ name: string; kind: SecretKind; sealed: string }[]>`select name, kind, sealed from project_secrets where org_id = ${orgId} and project = ${project} order by name`
      return rows.map(({ name, kind, sealed }) => ({ name, kind, value: unseal(sealed, { key: masterKey, subject: subjectOf(orgId, project, name) }) }))
    },
  }
}
