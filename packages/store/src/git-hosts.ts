/** Credentials of git hosts, sealed under the master key. */
import type { GitHostStore } from '@berth/core'
import type { GitHostId } from '@berth/wire'
import type { GitHostKind } from '@berth/wire/git-access'
import { GitHost } from '@berth/wire/git-access'
import type { StoreContext } from './context.ts'
import { seal, unseal } from './crypto.ts'
import { LAST_USED_STEP_MS } from './last-used.ts'

/** Bound to the row and its origin: a credential moved to another host's row does not open. */
export const subjectOf = (id: string, origin: string): string => `git-host ${id} ${origin}`

export function createGitHosts({ sql, ids, random, masterKey }: StoreContext): GitHostStore {
  const columns = sql`id, origin, username, kind, added_at, last_used_at`
  return {
    list: async (orgId) => (await sql`select ${columns} from git_hosts where org_id = ${orgId} order by origin`).map((row) => GitHost.parse(row)),
    async put({ orgId, origin, username, token, kind = 'generic' }, now) {
      return sql.begin(async (tx) => {
        await tx`delete from git_hosts where org_id = ${orgId} and origin = ${origin}`
        const id = ids.gitHost()
        const sealed = seal(token, { key: masterKey, subject: subjectOf(id, origin), random })
        const [row] = await tx`insert into git_hosts ${tx({ id, orgId, origin, username, kind, sealed, addedAt: now })} returning id, origin, username, kind, added_at, last_used_at`
        return GitHost.parse(row)
      })
    },
    async remove(orgId, id) {
      const [row] = await sql`delete from git_hosts where org_id = ${orgId} and id = ${id} returning ${columns}`
      return row === undefined ? null : GitHost.parse(row)
    },
    async credential(orgId, origin) {
      const [row] = await sql<{ id: GitHostId; username: string; kind: GitHostKind; sealed: string }[]>`select id, username, kind, sealed from git_hosts where org_id = ${orgId} and origin = ${origin}`
      return row === undefined ? null : { id: row.id, username: row.username, kind: row.kind, token: unseal(row.sealed, { key: masterKey, subject: subjectOf(row.id, origin) }) }
    },
    async used(id, now) { await sql`update git_hosts set last_used_at = ${now} where id = ${id} and (last_used_at is null or last_used_at < ${now - LAST_USED_STEP_MS})` },
  }
}
