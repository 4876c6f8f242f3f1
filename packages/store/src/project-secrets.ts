/** Secrets of projects. */
import type { ProjectSecretStore } from '@berth/core'
import { ProjectSecret, SecretKind } from '@berth/wire/project-secrets'
import type { StoreContext } from './context.ts'
import { openProjectValues } from './project-values.ts'

const KINDS = SecretKind.options

export function createProjectSecrets(context: StoreContext): ProjectSecretStore {
  const { sql } = context
  const values = openProjectValues(context)
  return {
    // Nothing is opened for it: one that does not open can still be seen, and removed.
    list: async (orgId) => (await sql`select project, name, kind, updated_at from project_secrets where org_id = ${orgId} and kind = any(${KINDS}) order by project, name`).map((row) => ProjectSecret.parse(row)),
    async put({ orgId, project, name, kind, value }, now) {
      await values.put({ orgId, project, name, kind, value }, now)
      return { project, name, kind, updatedAt: now }
    },
    remove: values.remove,
    values: async (orgId, project) => (await values.read(orgId, { kinds: KINDS, project })).map(({ name, kind, value }) => ({ name, kind: SecretKind.parse(kind), value })),
  }
}
