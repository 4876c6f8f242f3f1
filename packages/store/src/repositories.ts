import type { Repository, RepositoryStore } from '@berth/core'
import type { StoreContext } from './context.ts'
import { cleanText } from './json.ts'

/** More than anybody chooses from; the one used longest ago goes. */
const KEPT_PER_ORG = 500

export function createRepositoryStore({ sql }: StoreContext): RepositoryStore {
  return {
    async used(orgId, { url, label }, now) {
      await sql`
        insert into repositories ${sql({ orgId, url: cleanText(url), label: cleanText(label), lastUsedAt: now })}
        on conflict (org_id, url) do update set label = excluded.label, last_used_at = greatest(repositories.last_used_at, excluded.last_used_at)`
      await sql`
        delete from repositories where org_id = ${orgId} and url in
          (select url from repositories where org_id = ${orgId} order by last_used_at desc, url offset ${KEPT_PER_ORG})`
    },
    async list(orgId, query, limit) {
      const pattern = `%${query.replace(/[\\%_]/g, '\\$&')}%`
      return [...await sql<Repository[]>`
        select url, label, last_used_at from repositories
        where org_id = ${orgId} and (url ilike ${pattern} or label ilike ${pattern}) order by last_used_at desc, url limit ${limit}`]
    },
  }
}
