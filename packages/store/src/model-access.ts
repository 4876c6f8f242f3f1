/** Keys of model vendors, sealed under the master key, and what workspaces used of them. */
import type { ModelKeyStore, ModelUsageStore } from '@berth/core'
import { ModelKey, ModelUsage } from '@berth/wire/model-access'
import type { StoreContext } from './context.ts'
import { seal, unseal } from './crypto.ts'
import { cleanText } from './json.ts'

/** Bound to its vendor's address: a key moved to another row, or told to go elsewhere, does not open. */
export const subjectOf = (orgId: string, vendor: string, baseUrl: string): string => `model-key ${orgId} ${vendor} ${baseUrl}`

export function createModelKeys({ sql, random, masterKey }: StoreContext): ModelKeyStore {
  const columns = sql`vendor, base_url, added_at, last_used_at, limit_micros`
  return {
    list: async (orgId) => (await sql`select ${columns} from model_keys where org_id = ${orgId} order by vendor`).map((row) => ModelKey.parse(row)),
    async put({ orgId, vendor, baseUrl, key, limitMicros }, now) {
      const row = { orgId, vendor, baseUrl, sealed: seal(key, { key: masterKey, subject: subjectOf(orgId, vendor, baseUrl), random }), limitMicros, addedAt: now }
      const [kept] = await sql`insert into model_keys ${sql(row)} on conflict (org_id, vendor) do update set ${sql(row)} returning ${columns}`
      return ModelKey.parse(kept)
    },
    remove: async (orgId, vendor) => (await sql`delete from model_keys where org_id = ${orgId} and vendor = ${vendor}`).count > 0,
    async key(orgId, vendor) {
      const [row] = await sql<{ baseUrl: string; sealed: string; limitMicros: number | null }[]>`select base_url, sealed, limit_micros from model_keys where org_id = ${orgId} and vendor = ${vendor}`
      return row === undefined ? null : { baseUrl: row.baseUrl, limitMicros: row.limitMicros, key: unseal(row.sealed, { key: masterKey, subject: subjectOf(orgId, vendor, row.baseUrl) }) }
    },
  }
}

export function createModelUsage({ sql }: StoreContext): ModelUsageStore {
  return {
    async add(used, now) {
      const row = { ...used, model: cleanText(used.model).slice(0, 200), updatedAt: now }
      await sql.begin(async (tx) => {
        await tx`
          insert into model_usage ${tx(row)} on conflict (workspace_id, vendor, model) do update set
            requests = model_usage.requests + excluded.requests, input_tokens = model_usage.input_tokens + excluded.input_tokens, output_tokens = model_usage.output_tokens + excluded.output_tokens,
            cache_read_tokens = model_usage.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = model_usage.cache_write_tokens + excluded.cache_write_tokens,
            cost_micros = model_usage.cost_micros + excluded.cost_micros, updated_at = excluded.updated_at`
        await tx`update model_keys set last_used_at = ${now} where vendor = ${used.vendor} and org_id = (select org_id from workspaces where id = ${used.workspaceId})`
      })
    },
    async list(orgId, workspaceId) {
      const rows = await sql`
        select u.workspace_id, u.vendor, u.model, u.requests, u.input_tokens, u.output_tokens, u.cache_read_tokens, u.cache_write_tokens, u.cost_micros
        from model_usage u join workspaces w on w.id = u.workspace_id where w.org_id = ${orgId} ${workspaceId === undefined ? sql`` : sql`and w.id = ${workspaceId}`}
        order by u.updated_at desc limit 1000`
      return rows.map((row) => ModelUsage.parse(row))
    },
    async costMicros(workspaceId) {
      const [row] = await sql<{ cost: number }[]>`select coalesce(sum(cost_micros), 0)::bigint as cost from model_usage where workspace_id = ${workspaceId}`
      return row?.cost ?? 0
    },
  }
}
