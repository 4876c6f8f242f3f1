/** Repositories of tasks, and the passwords that open one repository of the server. */
import type { HostedRepositoryStore, HostedRow, RepositoryTokenStore, Standing } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { OrgId, RepositoryId, UserId, WorkspaceId } from '@berth/wire'
import { Role } from '@berth/wire/access'
import type { StoreContext } from './context.ts'

export function createHostedRepositories({ sql, ids }: StoreContext): HostedRepositoryStore {
  const columns = sql`id, org_id, owner_id, name, label, created_at, last_used_at, ends_at`
  return {
    list: async (orgId) => sql<HostedRow[]>`select ${columns} from hosted_repositories ${orgId === null ? sql`` : sql`where org_id = ${orgId}`} order by name, id`,
    async get(id) {
      const [row] = await sql<HostedRow[]>`select ${columns} from hosted_repositories where id = ${id}`
      return row ?? null
    },
    async add(given, now) {
      const [row] = await sql<HostedRow[]>`
        insert into hosted_repositories ${sql({ ...given, id: ids.repository(), createdAt: now, lastUsedAt: now, endsAt: null })}
        on conflict (org_id, name) do nothing returning ${columns}`
      if (row === undefined) throw new BerthError('name_taken', `there is a repository ${given.name} already`, { hint: 'take another name; `berth repos` lists those that are there' })
      return row
    },
    async used(id, now) { await sql`update hosted_repositories set last_used_at = ${now}, ends_at = null where id = ${id}` },
    setEnd: async (id, endsAt, seenAt) => (await sql`update hosted_repositories set ends_at = ${endsAt} where id = ${id} and last_used_at <= ${seenAt}`).count > 0,
    async remove(id) {
      return sql.begin(async (tx) => {
        await tx`delete from repository_tokens where workspace_id = ${id}`
        return (await tx`delete from hosted_repositories where id = ${id}`).count > 0
      })
    },
    async standing(userId, id) {
      const [row] = await sql<{ orgId: OrgId; ownerId: UserId; role: string | null }[]>`
        select r.org_id, r.owner_id, m.role from hosted_repositories r left join memberships m on m.org_id = r.org_id and m.user_id = ${userId} where r.id = ${id}`
      return row === undefined ? null : ({ orgId: row.orgId, creatorId: row.ownerId, role: Role.nullable().catch('guest').parse(row.role), grant: null, collaborates: false } satisfies Standing)
    },
  }
}

interface TokenRow { readonly repository: WorkspaceId | RepositoryId; readonly userId: UserId; readonly access: 'read' | 'write'; readonly expiresAt: number }
export function createRepositoryTokens({ sql }: StoreContext): RepositoryTokenStore {
  return {
    async put({ repository, ...token }, now) {
      await sql`delete from repository_tokens where expires_at <= ${now}`
      await sql`insert into repository_tokens ${sql({ ...token, workspaceId: repository })}`
    },
    async find(hash, now) {
      const [row] = await sql<TokenRow[]>`select workspace_id as repository, user_id, access, expires_at from repository_tokens where hash = ${hash} and expires_at > ${now}`
      return row ?? null
    },
    revoke: async (repository, now) => {
      const gone = await sql<{ expiresAt: number }[]>`delete from repository_tokens where workspace_id = ${repository} returning expires_at`
      return gone.filter(({ expiresAt }) => expiresAt > now).length
    },
    live: async (repository, now) => (await sql`select 1 from repository_tokens where workspace_id = ${repository} and expires_at > ${now} limit 1`).count > 0,
  }
}
