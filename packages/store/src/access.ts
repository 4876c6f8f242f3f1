import type { AccessStore, Identity, Standing } from '@berth/core'
import { BerthError, type OrgId, type TokenId, type UserId, type WorkspaceId } from '@berth/wire'
import { Level, Role, Scope } from '@berth/wire/access'
import type { StoreContext } from './context.ts'
import { hashToken, newToken } from './crypto.ts'
import { cleanText } from './json.ts'
import { LAST_USED_STEP_MS } from './last-used.ts'

const LIST_LIMIT = 500

export function createAccess({ sql, ids, random }: StoreContext, ownerName: string): AccessStore {
  const standingOf = (userId: UserId) => sql`
    select w.id, w.org_id, w.creator_id, m.role, g.level as grant,
      exists (select 1 from repository_access r where r.user_id = ${userId} and r.org_id = w.org_id and r.repository = w.repository and r.may = 'write') as collaborates
    from workspaces w left join memberships m on m.org_id = w.org_id and m.user_id = ${userId} left join workspace_grants g on g.workspace_id = w.id and g.user_id = ${userId}`
  return {
    async bootstrap(now) {
      return sql.begin(async (tx) => {
        const [row] = await tx<{ ownerUserId: UserId | null; ownerOrgId: OrgId | null }[]>`select owner_user_id, owner_org_id from installation for update`
        if (row !== undefined && row.ownerUserId !== null && row.ownerOrgId !== null) return { userId: row.ownerUserId, orgId: row.ownerOrgId }
        const userId = ids.user(); const orgId = ids.org()
        await tx`insert into users ${tx({ id: userId, name: cleanText(ownerName), createdAt: now })}`
        await tx`insert into organisations ${tx({ id: orgId, name: cleanText(ownerName), personalOf: userId, createdAt: now })}`
        await tx`insert into memberships ${tx({ orgId, userId, role: 'owner', createdAt: now })}`
        await tx`update installation set owner_user_id = ${userId}, owner_org_id = ${orgId}`
        return { userId, orgId }
      })
    },

    async issueToken({ userId, orgId, kind, name, scope = 'all', expiresAt }, now) {
      const token = newToken('berth', random)
      const id = ids.token()
      const made = await sql`
        insert into tokens (id, hash, org_id, user_id, kind, name, scope, created_at, expires_at)
        select ${id}, ${hashToken(token)}, org_id, user_id, ${kind}, ${cleanText(name)}, ${scope}, ${now}, ${expiresAt} from memberships
        where user_id = ${userId} ${orgId === undefined ? sql`` : sql`and org_id = ${orgId}`} order by created_at, org_id limit 1 returning id`
      if (made.length === 0) throw new BerthError('not_found', `there is no user ${userId}`)
      return { id, token }
    },

    async authenticate(token, now) {
      const [row] = await sql<(Identity & { lastUsedAt: number | null })[]>`
        select t.id as token_id, t.user_id, u.name as user_name, t.org_id, t.kind, t.scope, m.role, t.last_used_at
        from tokens t join users u on u.id = t.user_id join memberships m on m.user_id = t.user_id and m.org_id = t.org_id
        where t.hash = ${hashToken(token)} and (t.expires_at is null or t.expires_at > ${now})`
      if (row === undefined) return null
      const { lastUsedAt, ...identity } = row
      if (lastUsedAt === null || lastUsedAt < now - LAST_USED_STEP_MS) await sql`update tokens set last_used_at = ${now} where id = ${identity.tokenId}`
      // Of a later release: a word that is not known gives the least.
      return { ...identity, role: Role.catch('guest').parse(identity.role), scope: Scope.catch('read').parse(identity.scope) }
    },

    async listTokens(userId) {
      return [...await sql<{ id: TokenId; name: string; kind: string; scope: Scope; createdAt: number; expiresAt: number | null; lastUsedAt: number | null }[]>`
        select id, name, kind, scope, created_at, expires_at, last_used_at from tokens where user_id = ${userId} order by created_at desc, id limit ${LIST_LIMIT}`]
    },

    async revokeToken(id, userId) {
      return (await sql`delete from tokens where id = ${id} and user_id = ${userId} returning id`).length > 0
    },

    async revokeTokens(userId, { kinds, except }) {
      return (await sql`delete from tokens where user_id = ${userId} and kind = any(${[...kinds]}) and not id = any(${[...except]}) returning id`).length
    },
    async moveToken(id, orgId) {
      return (await sql`update tokens t set org_id = ${orgId} where id = ${id} and exists (select 1 from memberships m where m.user_id = t.user_id and m.org_id = ${orgId}) returning id`).length > 0
    },

    async issueSignInCode(userId, expiresAt, now) {
      const code = newToken('berthin', random)
      await sql`delete from sign_in_codes where expires_at <= ${now}`
      await sql`insert into sign_in_codes ${sql({ hash: hashToken(code), userId, createdAt: now, expiresAt })}`
      return code
    },

    async redeemSignInCode(code, now) {
      const [row] = await sql<{ userId: UserId }[]>`
        update sign_in_codes set used_at = ${now} where hash = ${hashToken(code)} and used_at is null and expires_at > ${now} returning user_id`
      return row?.userId ?? null
    },

    async nameOf(userId) {
      const [row] = await sql<{ name: string }[]>`select name from users where id = ${userId}`
      return row?.name ?? null
    },
    async standing(userId, workspaceId) {
      const [row] = await sql<StandingRow[]>`${standingOf(userId)} where w.id = ${workspaceId}`
      return row === undefined ? null : standingIn(row)
    },
    async standings(userId, orgId) {
      const rows = await sql<StandingRow[]>`${standingOf(userId)} where w.org_id = ${orgId}`
      return new Map(rows.map((row) => [row.id, standingIn(row)]))
    },
  }
}

interface StandingRow { readonly id: WorkspaceId; readonly orgId: OrgId; readonly creatorId: UserId; readonly role: string | null; readonly grant: string | null; readonly collaborates: boolean }
function standingIn({ orgId, creatorId, role, grant, collaborates }: StandingRow): Standing {
  return { orgId, creatorId, role: Role.nullable().catch('guest').parse(role), grant: Level.nullable().catch(null).parse(grant), collaborates }
}
