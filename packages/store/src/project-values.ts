/** What is kept for all workspaces of a project, sealed under the master key. */
import type { OrgId } from '@berth/wire'
import type { StoreContext } from './context.ts'
import { seal, unseal } from './crypto.ts'

export interface ProjectValue { readonly project: string; readonly name: string; readonly kind: string; readonly value: string; readonly updatedAt: number }
type Place = { readonly orgId: OrgId } & Pick<ProjectValue, 'project' | 'name'>

export interface ProjectValues {
  /** Those of that kind, of all its projects or of one. */
  read(orgId: OrgId, of: { kinds: readonly string[]; project?: string }): Promise<ProjectValue[]>
  put(value: Place & Pick<ProjectValue, 'kind' | 'value'>, now: number): Promise<void>
  remove(orgId: OrgId, project: string, name: string): Promise<boolean>
}

/** Bound to its place: a value moved to another project or name does not open. */
export const subjectOf = ({ orgId, project, name }: Place): string => `project-secret ${orgId} ${name} ${project}`

export function openProjectValues({ sql, random, masterKey }: StoreContext): ProjectValues {
  return {
    async read(orgId, { kinds, project }) {
      const rows = await sql<(Omit<ProjectValue, 'value'> & { sealed: string })[]>`
        select project, name, kind, sealed, updated_at from project_secrets
        where org_id = ${orgId} and kind = any(${kinds}) ${project === undefined ? sql`` : sql`and project = ${project}`} order by project, name`
      return rows.map(({ sealed, ...row }) => ({ ...row, updatedAt: Number(row.updatedAt), value: unseal(sealed, { key: masterKey, subject: subjectOf({ orgId, ...row }) }) }))
    },
    async put({ value, ...row }, now) {
      const sealed = seal(value, { key: masterKey, subject: subjectOf(row), random })
      await sql`
        insert into project_secrets ${sql({ ...row, sealed, updatedAt: now })}
        on conflict (org_id, project, name) do update set kind = excluded.kind, sealed = excluded.sealed, updated_at = excluded.updated_at`
    },
    remove: async (orgId, project, name) => (await sql`delete from project_secrets where org_id = ${orgId} and project = ${project} and name = ${name} returning name`).length > 0,
  }
}
