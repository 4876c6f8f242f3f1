/** Where workspaces may go, where they were not let go, and what is put into requests, sealed under the master key. */
import type { EgressStore } from '@berth/core'
import { EgressPolicy, EgressRefusal, Injection, InjectionHow } from '@berth/wire/egress'
import type { StoreContext } from './context.ts'
import { seal, unseal } from './crypto.ts'
import { cleanText } from './json.ts'

/** A hostile workspace tries as many names as it likes. */
const REFUSALS_KEPT = 200
const WHY_LENGTH = 300
const Kept = EgressPolicy.pick({ mode: true, allow: true, deny: true })
/** Bound to its host: a secret moved to another host's row does not open. */
export const subjectOf = (orgId: string, name: string, host: string): string => `injection ${orgId} ${name} ${host}`

export function createEgressStore({ sql, random, masterKey }: StoreContext): EgressStore {
  const columns = sql`name, host, how, added_at, last_used_at`
  return {
    async policy(id) {
      const [row] = await sql`select mode, allow, deny from egress_policies where workspace_id = ${id}`
      return row === undefined ? null : Kept.parse(row)
    },
    async change(id, change, now) {
      return sql.begin(async (tx) => {
        await tx`select id from workspaces where id = ${id} for update`
        const [row] = await tx`select mode, allow, deny from egress_policies where workspace_id = ${id}`
        const next = change(row === undefined ? null : Kept.parse(row))
        const written = { workspaceId: id, mode: next.mode, allow: tx.json(next.allow), deny: tx.json(next.deny), updatedAt: now }
        await tx`insert into egress_policies ${tx(written)} on conflict (workspace_id) do update set ${tx(written)}`
        return next
      })
    },
    async refused(id, { host, port, why }, now) {
      const row = { workspaceId: id, host: cleanText(host).slice(0, 255), port, why: cleanText(why).slice(0, WHY_LENGTH), times: 1, firstAt: now, lastAt: now }
      await sql`
        insert into egress_refusals ${sql(row)} on conflict (workspace_id, host, port) do update set times = egress_refusals.times + 1, why = excluded.why, last_at = excluded.last_at`
      await sql`
        delete from egress_refusals where workspace_id = ${id} and last_at < (select last_at from egress_refusals where workspace_id = ${id} order by last_at desc offset ${REFUSALS_KEPT} limit 1)`
    },
    refusals: async (id) => (await sql`select host, port, why, times, first_at, last_at from egress_refusals where workspace_id = ${id} order by last_at desc limit ${REFUSALS_KEPT}`).map((row) => EgressRefusal.parse(row)),
    injections: async (orgId) => (await sql`select ${columns} from injections where org_id = ${orgId} order by name`).map((row) => Injection.parse(row)),
    async putInjection({ orgId, name, host, how, secret }, now) {
      const row = { orgId, name, host, kind: how.kind, how: sql.json(how), sealed: seal(secret, { key: masterKey, subject: subjectOf(orgId, name, host), random }), addedAt: now, lastUsedAt: null }
      const [kept] = await sql`insert into injections ${sql(row)} on conflict (org_id, name) do update set ${sql(row)} returning ${columns}`
      return Injection.parse(kept)
    },
    removeInjection: async (orgId, name) => (await sql`delete from injections where org_id = ${orgId} and name = ${name}`).count > 0,
    async injectionFor(orgId, host) {
      const [row] = await sql<{ name: string; how: unknown; sealed: string }[]>`select name, how, sealed from injections where org_id = ${orgId} and host = ${host} order by added_at desc limit 1`
      return row === undefined ? null : { name: row.name, how: InjectionHow.parse(row.how), secret: unseal(row.sealed, { key: masterKey, subject: subjectOf(orgId, row.name, host) }) }
    },
    async injected(orgId, name, now) { await sql`update injections set last_used_at = ${now} where org_id = ${orgId} and name = ${name}` },
  }
}
