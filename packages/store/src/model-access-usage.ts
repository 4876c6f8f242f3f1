/** What workspaces used of models, and what they may. */
import { assumedMicros, dayOf, monthOf } from '@berth/core'
import type { ModelBudgetStore, ModelUsageStore } from '@berth/core'
import { ModelBudget, ModelUsage, ModelUsageDay } from '@berth/wire/model-access'
import type { StoreContext } from './context.ts'
import { cleanText } from './json.ts'

const NAME_LENGTH = 200
const ROWS = 5000

export function createModelUsage({ sql }: StoreContext): ModelUsageStore {
  const charged = sql`coalesce(sum(cost_micros), 0)::bigint as cost, coalesce(sum(unpriced_tokens), 0)::bigint as unpriced`
  const sumOf = ([row]: readonly { cost: number; unpriced: number }[]): number => (row?.cost ?? 0) + assumedMicros(row?.unpriced ?? 0)
  return {
    async add({ orgId, userId, sessionId, keyName, estimated, unpricedTokens, ...used }, now) {
      const row = { ...used, model: cleanText(used.model).slice(0, NAME_LENGTH), updatedAt: now }
      const { updatedAt: _, ...ofDay } = { ...row, orgId, userId, sessionId: sessionId ?? '', keyName: keyName ?? '', day: dayOf(now), estimated, unpricedTokens }
      await sql.begin(async (tx) => {
        await tx`
          insert into model_usage ${tx(row)} on conflict (workspace_id, vendor, model) do update set
            requests = model_usage.requests + excluded.requests, input_tokens = model_usage.input_tokens + excluded.input_tokens, output_tokens = model_usage.output_tokens + excluded.output_tokens,
            cache_read_tokens = model_usage.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = model_usage.cache_write_tokens + excluded.cache_write_tokens,
            cost_micros = model_usage.cost_micros + excluded.cost_micros, updated_at = excluded.updated_at`
        await tx`
          insert into model_usage_days ${tx(ofDay)} on conflict (workspace_id, day, vendor, model, session_id, key_name) do update set
            requests = model_usage_days.requests + excluded.requests, estimated = model_usage_days.estimated + excluded.estimated, input_tokens = model_usage_days.input_tokens + excluded.input_tokens, output_tokens = model_usage_days.output_tokens + excluded.output_tokens,
            cache_read_tokens = model_usage_days.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = model_usage_days.cache_write_tokens + excluded.cache_write_tokens,
            cost_micros = model_usage_days.cost_micros + excluded.cost_micros, unpriced_tokens = model_usage_days.unpriced_tokens + excluded.unpriced_tokens`
        await (keyName === null
          ? tx`update model_keys set last_used_at = ${now} where vendor = ${used.vendor} and org_id = ${orgId}`
          : tx`update model_fallbacks set last_used_at = ${now} where vendor = ${used.vendor} and org_id = ${orgId} and name = ${keyName}`)
      })
    },
    async list(orgId, workspaceId) {
      const rows = await sql`
        select u.workspace_id, u.vendor, u.model, u.requests, u.input_tokens, u.output_tokens, u.cache_read_tokens, u.cache_write_tokens, u.cost_micros
        from model_usage u join workspaces w on w.id = u.workspace_id where w.org_id = ${orgId} ${workspaceId === undefined ? sql`` : sql`and w.id = ${workspaceId}`}
        order by u.updated_at desc limit 1000`
      return rows.map((row) => ModelUsage.parse(row))
    },
    async days(orgId, { workspaceId, since }) {
      const rows = await sql`
        select *, nullif(session_id, '') as session_id from model_usage_days
        where org_id = ${orgId} ${workspaceId === undefined ? sql`` : sql`and workspace_id = ${workspaceId}`} ${since === undefined ? sql`` : sql`and day >= ${since}`}
        order by day desc, cost_micros desc limit ${ROWS}`
      return rows.map((row) => ModelUsageDay.parse(row))
    },
    async costMicros(workspaceId) {
      // What was used before days were told apart is in the sum alone, with its cost.
      const [[whole], days] = await Promise.all([
        sql<{ cost: number }[]>`select coalesce(sum(cost_micros), 0)::bigint as cost from model_usage where workspace_id = ${workspaceId}`,
        sql<{ cost: number; unpriced: number }[]>`select ${charged} from model_usage_days where workspace_id = ${workspaceId}`,
      ])
      return (whole?.cost ?? 0) + assumedMicros(days[0]?.unpriced ?? 0)
    },
    async monthMicros(orgId, { scope, subject }, now) {
      const of = scope === 'workspace' ? sql`and workspace_id = ${subject}` : scope === 'user' ? sql`and user_id = ${subject}` : sql``
      return sumOf(await sql<{ cost: number; unpriced: number }[]>`select ${charged} from model_usage_days where org_id = ${orgId} and day >= ${monthOf(now)} ${of}`)
    },
  }
}

export function createModelBudgets(context: StoreContext): ModelBudgetStore {
  const { sql } = context
  const { monthMicros } = createModelUsage(context)
  return {
    async list(orgId, now) {
      const rows = await sql<Pick<ModelBudget, 'scope' | 'subject'>[]>`select scope, subject, soft_micros, hard_micros from model_budgets where org_id = ${orgId} order by scope, subject`
      return Promise.all(rows.map(async (row) => ModelBudget.parse({ ...row, usedMicros: await monthMicros(orgId, row, now) })))
    },
    async put(orgId, { scope, subject, softMicros, hardMicros }, now) {
      if (softMicros === null && hardMicros === null) {
        await sql`delete from model_budgets where org_id = ${orgId} and scope = ${scope} and subject = ${subject}`
        return
      }
      // Another soft limit is told of again.
      const row = { orgId, scope, subject, softMicros, hardMicros, toldIn: null, updatedAt: now }
      await sql`insert into model_budgets ${sql(row)} on conflict (org_id, scope, subject) do update set ${sql(row)}`
    },
    tell: async (orgId, { scope, subject }, now) =>
      (await sql`update model_budgets set told_in = ${monthOf(now)} where org_id = ${orgId} and scope = ${scope} and subject = ${subject} and told_in is distinct from ${monthOf(now)}`).count > 0,
  }
}
