/** People of organisations: members, those who are invited, and what the owners of workspaces gave them. */
import type { PeopleStore } from '@berth/core'
import type { InvitationId, OrgId, UserId } from '@berth/wire'
import { Level, Role } from '@berth/wire/access'
import type { Invitation, Person } from '@berth/wire/people'
import type { Transaction } from './address.ts'
import type { StoreContext } from './context.ts'
import { hashToken, newToken } from './crypto.ts'
import { cleanText } from './json.ts'
import { tellRights } from './streams.ts'

/** Beyond what one organisation's screen shows. */
const LIST_LIMIT = 2000
const RANK: readonly Role[] = ['guest', 'viewer', 'member', 'owner']
const higher = (one: Role, other: Role): Role => (RANK.indexOf(one) >= RANK.indexOf(other) ? one : other)

export function createPeople(context: StoreContext): PeopleStore {
  const { sql, ids } = context
  return {
    async user(userId) {
      const [row] = await sql<{ name: string; logins: string[] }[]>`
        select u.name, array(select i.login from user_identities i where i.user_id = u.id order by i.added_at) as logins from users u where u.id = ${userId}`
      return row ?? null
    },
    async rename(userId, name) { await sql`update users set name = ${cleanText(name)} where id = ${userId}` },
    async memberships(userId) {
      const rows = await sql<{ id: OrgId; name: string; role: string }[]>`
        select o.id, o.name, m.role from memberships m join organisations o on o.id = m.org_id where m.user_id = ${userId} order by m.created_at, o.id limit ${LIST_LIMIT}`
      return rows.map((row) => ({ ...row, role: Role.catch('guest').parse(row.role) }))
    },
    async createOrganisation(name, ownerId, now) {
      const id = ids.org()
      await sql.begin(async (tx) => {
        await tx`insert into organisations ${tx({ id, name: cleanText(name), createdAt: now })}`
        await tx`insert into memberships ${tx({ orgId: id, userId: ownerId, role: 'owner', createdAt: now })}`
      })
      return { id, name, role: 'owner' }
    },
    async list(orgId) {
      const rows = await sql<(Omit<Person, 'role'> & { role: string })[]>`
        select m.user_id, u.name, m.role, m.created_at as since,
          (select max(t.last_used_at) from tokens t where t.user_id = m.user_id and t.org_id = m.org_id) as last_seen_at,
          array(select i.login from user_identities i where i.user_id = u.id order by i.added_at) as logins,
          exists (select 1 from installation n where n.owner_user_id = m.user_id and n.owner_org_id = m.org_id) as keeps
        from memberships m join users u on u.id = m.user_id where m.org_id = ${orgId} order by m.created_at, m.user_id limit ${LIST_LIMIT}`
      return rows.map((row) => ({ ...row, role: Role.catch('guest').parse(row.role) }))
    },
    setRole: (orgId, userId, role) => sql.begin(async (tx) => {
      const found = await standingOf(tx, orgId, userId)
      if (found !== 'free' && (found === 'nobody' || role !== 'owner')) return found
      await tx`update memberships set role = ${role} where org_id = ${orgId} and user_id = ${userId}`
      await tellRights(tx, userId)
      return 'done' as const
    }),
    remove: (orgId, userId) => sql.begin(async (tx) => {
      const found = await standingOf(tx, orgId, userId)
      if (found !== 'free') return found
      await tx`delete from memberships where org_id = ${orgId} and user_id = ${userId}`
      await tx`delete from tokens where org_id = ${orgId} and user_id = ${userId}`
      await tx`delete from workspace_grants g using workspaces w where w.id = g.workspace_id and w.org_id = ${orgId} and g.user_id = ${userId}`
      await tx`delete from repository_access where org_id = ${orgId} and user_id = ${userId}`
      await tellRights(tx, userId)
      return 'done' as const
    }),
    ...createInvitations(context),
    async grants(workspaceId) {
      const rows = await sql<{ userId: UserId; name: string; role: string; grant: string | null; collaborates: boolean }[]>`
        select m.user_id, u.name, m.role, g.level as grant,
          exists (select 1 from repository_access r where r.user_id = m.user_id and r.org_id = w.org_id and r.repository = w.repository and r.may = 'write') as collaborates
        from workspaces w join memberships m on m.org_id = w.org_id join users u on u.id = m.user_id
        left join workspace_grants g on g.workspace_id = w.id and g.user_id = m.user_id
        where w.id = ${workspaceId} order by m.created_at, m.user_id limit ${LIST_LIMIT}`
      return rows.map((row) => ({ ...row, role: Role.catch('guest').parse(row.role), grant: Level.nullable().catch(null).parse(row.grant) }))
    },
    async grant({ workspaceId, userId, level, byUserId }, now) {
      await sql.begin(async (tx) => {
        if (level === null) await tx`delete from workspace_grants where workspace_id = ${workspaceId} and user_id = ${userId}`
        else await tx`insert into workspace_grants ${tx({ workspaceId, userId, level, byUserId, createdAt: now })} on conflict (workspace_id, user_id) do update set level = excluded.level, by_user_id = excluded.by_user_id`
        await tellRights(tx, userId)
      })
    },
  }
}

/** The organisation is locked, so of two owners who leave at once one stays. */
async function standingOf(tx: Transaction, orgId: OrgId, userId: UserId): Promise<'free' | 'nobody' | 'last_owner'> {
  await tx`select id from organisations where id = ${orgId} for update`
  const [row] = await tx<{ role: string; keeps: boolean; owners: number }[]>`
    select m.role, exists (select 1 from installation n where n.owner_user_id = m.user_id and n.owner_org_id = m.org_id) as keeps,
      (select count(*)::int from memberships o where o.org_id = m.org_id and o.role = 'owner') as owners
    from memberships m where m.org_id = ${orgId} and m.user_id = ${userId}`
  if (row === undefined) return 'nobody'
  return row.keeps || (row.role === 'owner' && row.owners <= 1) ? 'last_owner' : 'free'
}

type Invitations = Pick<PeopleStore, 'invite' | 'invitations' | 'revokeInvitation' | 'invited' | 'join'>
function createInvitations({ sql, ids, random }: StoreContext): Invitations {
  return {
    async invite({ orgId, role, note, byUserId, expiresAt }, now) {
      const token = newToken('berthinv', random)
      const id = ids.invitation()
      const [row] = await sql<{ by: string }[]>`
        with made as (insert into invitations ${sql({ id, hash: hashToken(token), orgId, role, note: cleanText(note), byUserId, createdAt: now, expiresAt })} returning by_user_id)
        select u.name as by from made join users u on u.id = made.by_user_id`
      return { id, role, note, by: row?.by ?? '', createdAt: now, expiresAt, token }
    },
    async invitations(orgId, now) {
      const rows = await sql<(Omit<Invitation, 'role'> & { role: string })[]>`
        select i.id, i.role, i.note, u.name as by, i.created_at, i.expires_at from invitations i join users u on u.id = i.by_user_id
        where i.org_id = ${orgId} and i.used_at is null and i.expires_at > ${now} order by i.created_at desc limit ${LIST_LIMIT}`
      return rows.map((row) => ({ ...row, role: Role.catch('guest').parse(row.role) }))
    },
    async revokeInvitation(orgId, id) {
      return (await sql`delete from invitations where org_id = ${orgId} and id = ${id} and used_at is null returning id`).length > 0
    },
    async invited(token, now) {
      const [row] = await sql<{ orgId: OrgId; orgName: string; role: string; by: string; note: string }[]>`
        select i.org_id, o.name as org_name, i.role, u.name as by, i.note from invitations i join organisations o on o.id = i.org_id join users u on u.id = i.by_user_id
        where i.hash = ${hashToken(token)} and i.used_at is null and i.expires_at > ${now}`
      return row === undefined ? null : { ...row, role: Role.catch('guest').parse(row.role) }
    },
    async join(token, as, now) {
      return sql.begin(async (tx) => {
        const [used] = await tx<{ id: InvitationId; orgId: OrgId; role: string }[]>`
          update invitations set used_at = ${now} where hash = ${hashToken(token)} and used_at is null and expires_at > ${now} returning id, org_id, role`
        if (used === undefined) return null
        const userId = 'userId' in as ? as.userId : ids.user()
        if ('name' in as) await tx`insert into users ${tx({ id: userId, name: cleanText(as.name), createdAt: now })}`
        await tx`update invitations set used_by = ${userId} where id = ${used.id}`
        const [present] = await tx<{ role: string }[]>`select role from memberships where org_id = ${used.orgId} and user_id = ${userId} for update`
        const invited = Role.catch('guest').parse(used.role)
        const role = present === undefined ? invited : higher(Role.catch('guest').parse(present.role), invited)
        await tx`insert into memberships ${tx({ orgId: used.orgId, userId, role, createdAt: now })} on conflict (org_id, user_id) do update set role = excluded.role`
        await tellRights(tx, userId)
        return { userId, orgId: used.orgId, role }
      })
    },
  }
}
