/** Pools of workspaces that are made ahead: what is wished, who is in them, and the one step in which one is taken. */
import type { NewWorkspace, Pool, PoolStore, WorkspaceRecord } from '@berth/core'
import { monthAt, projectKey } from '@berth/core'
import { OrgId, PoolId, Resources, UserId, type WorkspaceId } from '@berth/wire'
import { z } from 'zod'
import type { Transaction } from './address.ts'
import type { StoreContext } from './context.ts'
import { billed } from './costs.ts'
import { cleanText, json } from './json.ts'
import { insertPrompt } from './prompts.ts'
import { parseAll, storedSteps } from './rows.ts'
import { appendEvents, lockStream } from './streams.ts'
import { insertSecrets, insertWorkspace, madeByKey, nameTaken, recordsOf, UNIQUE_VIOLATION } from './workspaces.ts'

const Row = z.object({
  id: PoolId, orgId: OrgId, creatorId: UserId, url: z.string(), branch: z.string().transform((name) => (name === '' ? null : name)), provider: z.string(), resources: Resources,
  count: z.number().int(), budgetMicros: z.number(), currency: z.string(), retryAt: z.number(), problem: z.string().nullable(), createdAt: z.number(),
})
/** Of those that are ready at once: another server may be faster with each. */
const CANDIDATES = 20

export function createPools(context: StoreContext): PoolStore {
  const { sql, ids, log } = context
  const poolsIn = (rows: readonly object[]): Pool[] => parseAll(rows, (row) => Row.parse(row), (row, error) => log(`pools: ${String((row as { id?: string }).id)} cannot be read: ${String(error)}`))
  return {
    list: async (orgId) => poolsIn(await sql`select * from pools where ${orgId ?? null}::text is null or org_id = ${orgId ?? null} order by created_at, id`),
    async put({ branch, resources, ...pool }, now) {
      const row = { ...pool, id: ids.pool(), project: projectKey(pool.url), branch: branch ?? '', resources: json(sql, resources), createdAt: now }
      const { count, budgetMicros, currency, creatorId, url } = pool
      const rows = await sql`
        insert into pools ${sql(row)} on conflict (org_id, project, branch, provider, resources)
        do update set ${sql({ count, budgetMicros, currency, creatorId, url, retryAt: 0, problem: null })} returning *`
      return Row.parse(rows[0])
    },
    remove: async (orgId, id) => (await sql`delete from pools where org_id = ${orgId} and id = ${id}`).count > 0,
    async note(id, { retryAt, problem }) {
      await sql`update pools set retry_at = ${retryAt}, problem = ${problem === null ? null : cleanText(problem)} where id = ${id}`
    },
    members: async () => recordsOf(sql, await sql`select * from workspaces where pool_id is not null and pool_taken_at is null and deleted_at is null order by created_at, id`, log),
    add: (id, row, atMost, now) => sql.begin(async (tx) => {
      const [pool] = await tx`select id from pools where id = ${id} for update`
      const [there] = await tx<{ count: number }[]>`select count(*)::int as count from workspaces where pool_id = ${id} and pool_taken_at is null and deleted_at is null and wish_target <> 'deleted'`
      if (pool === undefined || (there?.count ?? 0) >= atMost) return null
      await insertWorkspace(tx, context, { row: { ...row, pool: { id, takenAt: null } }, now })
      return (await recordsOf(tx, await tx`select * from workspaces where id = ${row.id}`, log))[0] ?? null
    }) as Promise<WorkspaceRecord | null>,
    async take(id, row, now) {
      const present = await madeByKey(context, row)
      if (present !== null) return present
      const ready = await sql<{ id: WorkspaceId }[]>`
        select w.id from workspaces w join machines m on m.workspace_id = w.id and m.generation = w.generation
        where w.pool_id = ${id} and w.pool_taken_at is null and w.deleted_at is null and w.wish_target = 'running' and w.failure is null
          and w.ready_at is not null and m.linked_at is not null and m.ended_at is null order by w.created_at limit ${CANDIDATES}`
      try {
        for (const { id: member } of ready) if (await sql.begin((tx) => takeMember(tx, context, { member, row, now }))) return (await recordsOf(sql, await sql`select * from workspaces where id = ${member}`, log))[0] ?? null
        return null
      } catch (error) {
        const { code, constraint_name: constraint } = error as { code?: string; constraint_name?: string }
        if (code !== UNIQUE_VIOLATION) throw error
        // The same request, twice at once: the other one made it, and has the name.
        const winner = await madeByKey(context, row)
        if (winner !== null) return winner
        if (constraint !== 'workspaces_name') throw error
        throw nameTaken(row.name)
      }
    },
    end: async (member, reason, now) => (await sql`
      update workspaces set wish_target = 'deleted', wish_by = 'budget', wish_version = wish_version + 1, wish_reason = ${cleanText(reason)}, wish_at = ${now}, updated_at = ${now}, next_tick_at = ${now}, woken = true
      where id = ${member} and pool_id is not null and pool_taken_at is null and deleted_at is null and wish_target <> 'deleted'`).count > 0,
    async monthMicros(id, at) {
      const { from } = monthAt(at)
      const [row] = await sql<{ micros: number }[]>`
        select coalesce(sum(${billed(sql, { begins: sql`d.begins`, ends: sql`d.ends` })}), 0)::bigint as micros
        from cost_intervals i cross join lateral (select greatest(i.since, ${from}::bigint) as begins, coalesce(i.until, greatest(i.since, ${at}::bigint)) as ends) d
        where i.pool_id = ${id} and (i.until is null or i.until > ${from})`
      return row?.micros ?? 0
    },
  }
}

/** False: it was taken, or is no longer wanted. */
async function takeMember(tx: Transaction, context: StoreContext, { member, row, now }: { member: WorkspaceId; row: NewWorkspace; now: number }): Promise<boolean> {
  await lockStream(tx, member)
  const [held] = await tx<{ steps: unknown }[]>`
    select steps from workspaces where id = ${member} and pool_taken_at is null and pool_id is not null and deleted_at is null and wish_target = 'running' and failure is null and ready_at is not null for no key update`
  if (held === undefined) return false
  const { creatorId, idempotencyKey, source, repository, branch, agent, command, services, approvalMode, acceptNoIsolation, web, ephemeral, exposures, autoStopMs } = row
  const columns = {
    creatorId, idempotencyKey, name: cleanText(row.name), source: json(tx, source), repository: cleanText(repository), branch, agent, command, services: json(tx, services), approvalMode, acceptNoIsolation,
    web: web ?? true, ephemeral: ephemeral ?? false, exposures: json(tx, exposures), autoStopMs, steps: json(tx, storedSteps(held.steps).filter(({ step }) => step !== 'agent')),
    poolTakenAt: now, readyAt: null, wishBy: 'user', wishAt: now, lastActiveAt: now, createdAt: now, updatedAt: now, nextTickAt: now, woken: true,
  }
  await tx`update workspaces set ${tx(columns as unknown as Record<string, never>)}, wish_version = wish_version + 1 where id = ${member}`
  await tx`delete from workspace_secrets where workspace_id = ${member}`
  await insertSecrets(tx, context, { id: member, secrets: row.secrets })
  await chargeTaker(tx, { member, userId: creatorId, now })
  await appendEvents(tx, member, [{ id: context.ids.event(), at: now, source: 'server', body: { type: 'workspace.notice', level: 'info', code: 'from_pool', message: 'its machine and code were made ahead', hint: null } }])
  if (row.prompt !== null) await insertPrompt(tx, { workspaceId: member, prompt: { ...row.prompt, by: creatorId }, eventId: context.ids.event(), now })
  return true
}

/** Until now it was the pool's, from now on it is theirs. */
async function chargeTaker(tx: Transaction, { member, userId, now }: { member: WorkspaceId; userId: string; now: number }): Promise<void> {
  await tx`
    with ended as (
      update cost_intervals set until = greatest(since + 1, ${now}::bigint) where workspace_id = ${member} and until is null returning *
    )
    insert into cost_intervals (workspace_id, generation, since, until, org_id, user_id, provider, state, currency, micros_per_hour, increment_ms, month_micros, pool_id)
    select workspace_id, generation, until, null, org_id, ${userId}, provider, state, currency, micros_per_hour, increment_ms, month_micros, null from ended`
}
