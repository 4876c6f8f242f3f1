/** What people set for ports, and who was let in to them. */
import type { PreviewPlace, PreviewRow, PreviewStore, PreviewVisit } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { UserId, WorkspaceId } from '@berth/wire'
import { PreviewAccess } from '@berth/wire/previews'
import { z } from 'zod'
import type { StoreContext } from './context.ts'
import { hashToken, newToken } from './crypto.ts'
import { cleanText } from './json.ts'

/** More than anybody names by hand. */
const PORTS_PER_WORKSPACE = 64

const Row = z.object({
  workspaceId: z.string().transform((id) => id as WorkspaceId), port: z.number(), label: z.string().nullable(), isPrimary: z.boolean(),
  access: PreviewAccess.catch('private'), hostHeader: z.enum(['preview', 'localhost']).catch('preview'), wake: z.boolean(), shareExpiresAt: z.number().nullable(),
}).transform(({ isPrimary, ...row }): PreviewRow => ({ ...row, primary: isPrimary }))

export function createPreviews({ sql, random }: StoreContext): PreviewStore {
  const columns = sql`workspace_id, port, label, is_primary, access, host_header, wake, share_expires_at`
  const grant = async (from: PreviewPlace & { tokenId: string | null; shareHash: string | null; expiresAt: number }, now: number): Promise<string> => {
    const token = newToken('berthpv', random)
    const { workspaceId, port, tokenId, shareHash, expiresAt } = from
    await sql`insert into preview_grants ${sql({ hash: hashToken(token), kind: 'visit', workspaceId, port, tokenId, shareHash, createdAt: now, expiresAt })}`
    return token
  }
  /** Held while the ports of a workspace change, so that they are counted once. */
  const changing = async <T>({ workspaceId, port }: PreviewPlace, now: number, work: (query: typeof sql) => Promise<T>): Promise<T> => sql.begin(async (tx) => {
    await tx`select id from workspaces where id = ${workspaceId} for update`
    const [others] = await tx<{ count: number }[]>`select count(*)::int as count from previews where workspace_id = ${workspaceId} and port <> ${port}`
    if ((others?.count ?? 0) >= PORTS_PER_WORKSPACE) throw new BerthError('too_many', `${PORTS_PER_WORKSPACE} ports of this workspace are named already`)
    await tx`insert into previews (workspace_id, port, updated_at) values (${workspaceId}, ${port}, ${now}) on conflict do nothing`
    return work(tx as unknown as typeof sql)
  }) as Promise<T>

  return {
    async list(workspaceId) {
      return (await sql`select ${columns} from previews where workspace_id = ${workspaceId} order by port`).map((row) => Row.parse(row))
    },
    async get({ workspaceId, port }) {
      const [row] = await sql`select ${columns} from previews where workspace_id = ${workspaceId} and port = ${port}`
      return row === undefined ? null : Row.parse(row)
    },
    async set(place, change, now) {
      const { workspaceId, port } = place
      return changing(place, now, async (tx) => {
        if (change.primary === true) await tx`update previews set is_primary = false where workspace_id = ${workspaceId}`
        const { label, primary, ...rest } = change
        const given = Object.fromEntries(Object.entries({ ...rest, isPrimary: primary, label: typeof label === 'string' ? cleanText(label) : label }).filter(([, value]) => value !== undefined))
        const ended = change.access === 'private' ? { shareHash: null, shareExpiresAt: null } : {}
        const [row] = await tx`
          update previews set ${tx({ ...given, ...ended, updatedAt: now })} where workspace_id = ${workspaceId} and port = ${port}
          returning workspace_id, port, label, is_primary, access, host_header, wake, share_expires_at`
        return Row.parse(row)
      })
    },
    async share(place, expiresAt, now) {
      const token = newToken('berthshare', random)
      const { workspaceId, port } = place
      await changing(place, now, (tx) => tx`
        update previews set share_hash = ${hashToken(token)}, share_expires_at = ${expiresAt}, updated_at = ${now}, access = case when access = 'private' then 'link' else access end
        where workspace_id = ${workspaceId} and port = ${port}`)
      return token
    },
    async named(name) {
      const [row] = await sql<{ id: WorkspaceId }[]>`select id from workspaces where name = ${name} and deleted_at is null and org_id = (select id from organisations order by created_at, id limit 1)`
      return row?.id ?? null
    },
    async issueTicket({ workspaceId, port, tokenId, expiresAt }, now) {
      const token = newToken('berthpt', random)
      await sql`insert into preview_grants ${sql({ hash: hashToken(token), kind: 'ticket', workspaceId, port, tokenId, shareHash: null, createdAt: now, expiresAt })}`
      return token
    },
    async enter(ticket, visit, now) {
      const [row] = await sql<{ tokenId: string }[]>`
        delete from preview_grants where hash = ${hashToken(ticket)} and kind = 'ticket' and workspace_id = ${visit.workspaceId} and port = ${visit.port} and expires_at > ${now}
        returning token_id`
      return row === undefined ? null : grant({ ...visit, tokenId: row.tokenId, shareHash: null }, now)
    },
    async enterByLink(token, visit, now) {
      const [row] = await sql<{ shareHash: string; shareExpiresAt: number | null }[]>`
        select share_hash, share_expires_at from previews
        where workspace_id = ${visit.workspaceId} and port = ${visit.port} and share_hash = ${hashToken(token)} and access <> 'private' and (share_expires_at is null or share_expires_at > ${now})`
      if (row === undefined) return null
      return grant({ ...visit, expiresAt: Math.min(visit.expiresAt, row.shareExpiresAt ?? visit.expiresAt), tokenId: null, shareHash: row.shareHash }, now)
    },
    async visit(token, { workspaceId, port }, now): Promise<PreviewVisit | null> {
      const [row] = await sql<{ tokenId: string | null; userId: UserId | null; expiresAt: number }[]>`
        select g.token_id, t.user_id, least(g.expires_at, t.expires_at) as expires_at from preview_grants g
        left join tokens t on t.id = g.token_id
        left join previews p on p.workspace_id = g.workspace_id and p.port = g.port
        where g.hash = ${hashToken(token)} and g.kind = 'visit' and g.workspace_id = ${workspaceId} and g.port = ${port} and g.expires_at > ${now}
          and case when g.token_id is null then p.share_hash = g.share_hash else t.id is not null and (t.expires_at is null or t.expires_at > ${now}) end`
      if (row === undefined) return null
      return { by: row.tokenId === null ? 'link' : 'session', userId: row.userId, expiresAt: row.expiresAt }
    },
  }
}
