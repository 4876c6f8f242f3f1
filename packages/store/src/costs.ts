/** What machines cost, by the pieces of time that ticks wrote, and what may be spent. */
import type { Charge, CostLimitStore, CostStore, CostSubject, ProviderNoteStore } from '@berth/core'
import { monthAt } from '@berth/core'
import { Cost, CostLimit, ProviderReport } from '@berth/wire/cost'
import { OrgId, type WorkspaceId } from '@berth/wire'
import type { Queries, Transaction } from './address.ts'
import type { StoreContext } from './context.ts'
import { json } from './json.ts'

const ROWS = 20_000
/** In place of a workspace's id, with the state `image`: no workspace's begins so. */
const idOfImage = (provider: string, name: string): string => `image/${provider}/${name}`
const HOUR = 3_600_000

/** Of one machine: ends what was paid for until now and begins what is paid for from then on. Null: nothing is. */
export async function writeCharge(tx: Transaction, machine: { id: WorkspaceId; generation: number; provider: string }, { charge, now }: { charge: Charge | null; now: number }): Promise<void> {
  const { id, generation, provider } = machine
  if (charge !== null) {
    // A price that became known counts from the beginning.
    await tx`delete from cost_intervals where workspace_id = ${id} and generation = ${generation} and until is null and since >= ${charge.since}`
  }
  await tx`update cost_intervals set until = greatest(since, ${charge?.since ?? now}) where workspace_id = ${id} and generation = ${generation} and until is null`
  if (charge === null) return
  const { state, price, since } = charge
  await tx`
    insert into cost_intervals (workspace_id, generation, since, until, org_id, user_id, provider, state, currency, micros_per_hour, increment_ms, month_micros, pool_id)
    select id, ${generation}, greatest(${since}::bigint, (select max(until) from cost_intervals where workspace_id = ${id} and generation = ${generation})), null, org_id, creator_id, ${provider}, ${state}, ${price?.currency ?? null}, ${price?.microsPerHour ?? null}, ${price?.incrementMs ?? 0}, ${price?.monthMicros ?? null}, case when pool_taken_at is null then pool_id end
    from workspaces where id = ${id}
    on conflict (workspace_id, generation, since) do update set
      until = null, state = excluded.state, currency = excluded.currency, micros_per_hour = excluded.micros_per_hour, increment_ms = excluded.increment_ms, month_micros = excluded.month_micros`
}

/** The charge of `machines m` as a column of theirs; joined as `c`. */
export const openCharge = (sql: Queries) => ({
  join: sql`left join cost_intervals c on c.workspace_id = m.workspace_id and c.generation = m.generation and c.until is null`,
  column: sql`case when c.since is null then null else jsonb_build_object('state', c.state, 'since', c.since, 'price',
    case when c.micros_per_hour is null then null else jsonb_strip_nulls(jsonb_build_object('currency', c.currency, 'microsPerHour', c.micros_per_hour, 'incrementMs', c.increment_ms, 'monthMicros', c.month_micros)) end) end as charge`,
})

/** In SQL what `billedMicros` is: of the interval `i`, from `begins` to `ends` within one calendar month. */
export const billed = (sql: Queries, { begins, ends }: { begins: ReturnType<Queries>; ends: ReturnType<Queries> }) => sql`least(${byTheHour(sql, ends)} - ${byTheHour(sql, begins)}, i.month_micros)`

const byTheHour = (sql: Queries, at: ReturnType<Queries>) => sql`
  case when i.micros_per_hour is null or ${at} <= i.since then 0
    when i.increment_ms > 0 then ceil(ceil((${at} - i.since)::numeric / i.increment_ms) * i.increment_ms * i.micros_per_hour / ${HOUR})
    else ceil((${at} - i.since)::numeric * i.micros_per_hour / ${HOUR}) end`

export function createCosts({ sql }: StoreContext): CostStore {
  const workspaceOf = sql`case when i.state = 'image' then null else i.workspace_id end`
  const imageOf = sql`case when i.state = 'image' then substr(i.workspace_id, length('image/' || i.provider || '/') + 1) end`
  const mine = ({ scope, subject }: CostSubject, column: ReturnType<Queries>) => (scope === 'user' ? sql`and ${column} = ${subject}` : sql``)
  return {
    async sums(orgId, { months, workspaceId }, now) {
      const rows = await sql`
        select p.month, ${workspaceOf} as workspace_id, ${imageOf} as image, w.name, nullif(i.user_id, '') as user_id, i.provider, i.currency,
          coalesce(sum(d.ends - d.begins) filter (where i.state = 'running'), 0)::bigint as running_ms,
          coalesce(sum(d.ends - d.begins) filter (where i.state <> 'running'), 0)::bigint as stopped_ms,
          coalesce(sum(d.ends - d.begins) filter (where i.micros_per_hour is null), 0)::bigint as unpriced_ms,
          sum(${billed(sql, { begins: sql`d.begins`, ends: sql`d.ends` })})::bigint as micros
        from unnest(${months.map(({ month }) => month)}::text[], ${months.map(({ from }) => from)}::bigint[], ${months.map(({ to }) => to)}::bigint[]) as p (month, begins, ends)
        join cost_intervals i on i.org_id = ${orgId} and i.since < p.ends and coalesce(i.until, ${now}) > p.begins ${workspaceId === undefined ? sql`` : sql`and i.workspace_id = ${workspaceId}`}
        cross join lateral (select greatest(i.since, p.begins) as begins, least(coalesce(i.until, greatest(i.since, ${now}::bigint)), p.ends) as ends) d
        left join workspaces w on w.id = i.workspace_id
        group by p.month, i.workspace_id, i.state = 'image', w.name, i.user_id, i.provider, i.currency
        order by p.month desc, micros desc, i.workspace_id limit ${ROWS}`
      return rows.map((row) => Cost.parse(row))
    },
    keepImages: (orgId, provider, { images, complete }, now) => sql.begin(async (tx) => {
      const ids = images.map(({ name }) => idOfImage(provider, name))
      if (complete) await tx`update cost_intervals set until = greatest(since, ${now}) where provider = ${provider} and state = 'image' and until is null and not workspace_id = any(${ids}::text[])`
      for (const { name, price: { currency, microsPerHour, incrementMs, monthMicros = null }, since } of images) {
        const id = idOfImage(provider, name)
        // At another price it is another piece of time.
        await tx`update cost_intervals set until = greatest(since, ${now}) where workspace_id = ${id} and until is null and (micros_per_hour, increment_ms, month_micros, currency) is distinct from (${microsPerHour}::bigint, ${incrementMs}::bigint, ${monthMicros}::bigint, ${currency}::text)`
        await tx`
          insert into cost_intervals (workspace_id, generation, since, until, org_id, user_id, provider, state, currency, micros_per_hour, increment_ms, month_micros, pool_id)
          select ${id}, 0, greatest(${Math.min(since, now)}::bigint, (select max(until) from cost_intervals where workspace_id = ${id})), null, ${orgId}, '', ${provider}, 'image', ${currency}, ${microsPerHour}, ${incrementMs}, ${monthMicros}, null
          where not exists (select from cost_intervals where workspace_id = ${id} and until is null)
          on conflict (workspace_id, generation, since) do update set until = null, currency = excluded.currency, micros_per_hour = excluded.micros_per_hour, increment_ms = excluded.increment_ms, month_micros = excluded.month_micros`
      }
    }),
    async monthMicros(orgId, of, now) {
      const { from } = monthAt(now)
      const [row] = await sql<{ micros: number }[]>`
        select coalesce(sum(${billed(sql, { begins: sql`d.begins`, ends: sql`d.ends` })}), 0)::bigint as micros
        from cost_intervals i cross join lateral (select greatest(i.since, ${from}::bigint) as begins, coalesce(i.until, greatest(i.since, ${now}::bigint)) as ends) d
        where i.org_id = ${orgId} and (i.until is null or i.until > ${from}) ${mine(of, sql`i.user_id`)}`
      return row?.micros ?? 0
    },
    async standing(orgId, of, except) {
      const [[wished], [priced]] = await Promise.all([
        sql<{ running: number }[]>`
          select count(*) as running from workspaces w where w.org_id = ${orgId} and w.deleted_at is null and w.wish_target = 'running' and w.id is distinct from ${except} ${mine(of, sql`w.creator_id`)}`,
        sql<{ micros: number }[]>`
          select coalesce(sum(i.micros_per_hour), 0)::bigint as micros from cost_intervals i where i.org_id = ${orgId} and i.state <> 'image' and i.until is null and i.workspace_id is distinct from ${except} ${mine(of, sql`i.user_id`)}`,
      ])
      return { running: wished?.running ?? 0, microsPerHour: priced?.micros ?? 0 }
    },
  }
}

export function createCostLimits(context: StoreContext): CostLimitStore {
  const { sql } = context
  const { monthMicros } = createCosts(context)
  return {
    async list(orgId, now) {
      const rows = await sql<CostSubject[]>`select scope, subject, currency, soft_micros, hard_micros, hourly_micros, running from cost_limits where org_id = ${orgId} order by scope, subject`
      return Promise.all(rows.map(async (row) => CostLimit.parse({ ...row, monthMicros: await monthMicros(orgId, row, now) })))
    },
    organisations: async () => (await sql<{ orgId: string }[]>`select distinct org_id from cost_limits`).map(({ orgId }) => OrgId.parse(orgId)),
    async put(orgId, { scope, subject, ...limit }, now) {
      const { softMicros, hardMicros, hourlyMicros, running } = limit
      if (softMicros === null && hardMicros === null && hourlyMicros === null && running === null) {
        await sql`delete from cost_limits where org_id = ${orgId} and scope = ${scope} and subject = ${subject}`
        return
      }
      const row = { orgId, scope, subject, ...limit, updatedAt: now }
      // Another soft limit is told of again.
      await sql`
        insert into cost_limits ${sql(row)} on conflict (org_id, scope, subject) do update set
          told_in = case when cost_limits.soft_micros is not distinct from excluded.soft_micros then cost_limits.told_in end, ${sql(row)}`
    },
    tell: async (orgId, { scope, subject }, now) =>
      (await sql`update cost_limits set told_in = ${monthAt(now).month} where org_id = ${orgId} and scope = ${scope} and subject = ${subject} and told_in is distinct from ${monthAt(now).month}`).count > 0,
  }
}

export function createProviderNotes({ sql }: StoreContext): ProviderNoteStore {
  return {
    chosen: async () => (await sql<{ name: string }[]>`select name from provider_notes where chosen`)[0]?.name ?? null,
    choose: (name, now) => sql.begin(async (tx) => {
      await tx`update provider_notes set chosen = false, updated_at = ${now} where chosen`
      if (name !== null) await tx`insert into provider_notes ${tx({ name, chosen: true, updatedAt: now })} on conflict (name) do update set chosen = true, updated_at = ${now}`
    }),
    async report(name) {
      const [row] = await sql<{ report: unknown }[]>`select report from provider_notes where name = ${name}`
      return ProviderReport.nullable().catch(null).parse(row?.report ?? null)
    },
    async keepReport(report) {
      const row = { name: report.name, report: json(sql, report), updatedAt: report.checkedAt }
      await sql`insert into provider_notes ${sql(row)} on conflict (name) do update set report = excluded.report, updated_at = excluded.updated_at`
    },
  }
}
