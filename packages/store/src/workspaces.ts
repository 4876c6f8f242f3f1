import type { MachineRow, NewWorkspace, WorkspaceRecord, WorkspaceRow, WorkspaceStore } from '@berth/core'
import { BerthError, CodeSource, Wish, type EventBody, type OrgId, type WorkspaceId } from '@berth/wire'
import { McpSetup } from '@berth/wire/mcp'
import { z } from 'zod'
import type { Queries, Transaction } from './address.ts'
import type { StoreContext } from './context.ts'
import { openCharge } from './costs.ts'
import { seal, unseal } from './crypto.ts'
import { cleanText, json } from './json.ts'
import { insertPrompt } from './prompts.ts'
import { parseAll, parseMachine, parseWorkspace } from './rows.ts'
import { appendEvents, lockStream } from './streams.ts'
import type { Ticks } from './ticks.ts'

const LIST_LIMIT = 5000
const Secrets = z.object({ env: z.record(z.string(), z.string()), secretEnv: z.array(z.string()).optional(), homeFiles: z.array(z.object({ path: z.string(), contentBase64: z.string() })), mcp: McpSetup.optional() })
export const UNIQUE_VIOLATION = '23505'

type WorkspaceRows = Omit<WorkspaceStore, keyof Ticks>

export const nameTaken = (name: string): BerthError => new BerthError('name_taken', `there is already a workspace named ${name}`, { hint: 'choose another with --name' })

/** Rows of workspaces with their machines. */
export async function recordsOf(query: Queries, rows: readonly object[], log: (line: string) => void): Promise<WorkspaceRecord[]> {
  const skipped = (row: object, error: unknown) => log(`workspaces: ${String((row as { id?: string; workspaceId?: string }).id ?? (row as { workspaceId?: string }).workspaceId)} cannot be read: ${String(error)}`)
  const workspaces = parseAll(rows, parseWorkspace, skipped)
  const charge = openCharge(query)
  const machineRows = await query`
    select m.*, (select max(a.generation) from machines a where a.workspace_id = m.workspace_id) as highest, ${charge.column} from machines m join workspaces w on w.id = m.workspace_id and (w.generation = m.generation or m.ended_at is null) ${charge.join}
    where m.workspace_id = any(${workspaces.map((workspace) => workspace.id)})`
  const highest = new Map(machineRows.map(({ workspaceId, highest: generation }) => [String(workspaceId), Number(generation)]))
  return withMachines(workspaces, parseAll(machineRows, parseMachine, skipped), highest)
}

export function createWorkspaces(context: StoreContext): WorkspaceRows {
  const { sql, masterKey, log } = context
  const records = (query: Queries, rows: readonly object[]): Promise<WorkspaceRecord[]> => recordsOf(query, rows, log)
  const byKey = (row: NewWorkspace): Promise<WorkspaceRecord | null> => madeByKey(context, row)

  return {
    async createWorkspace(row, now) {
      const present = await byKey(row)
      if (present !== null) return present
      try {
        await sql.begin((tx) => insertWorkspace(tx, context, { row, now }))
      } catch (error) {
        const { code, constraint_name: constraint } = error as { code?: string; constraint_name?: string }
        if (code !== UNIQUE_VIOLATION) throw error
        // The same request, twice at once: the other one made it.
        const winner = await byKey(row)
        if (winner !== null) return winner
        if (constraint !== 'workspaces_name') throw error
        throw nameTaken(row.name)
      }
      const made = (await records(sql, await sql`select * from workspaces where id = ${row.id}`))[0]
      if (made === undefined) throw new BerthError('internal', `workspace ${row.id} was written and cannot be read`)
      return made
    },

    async getWorkspace(id) {
      return (await records(sql, await sql`select * from workspaces where id = ${id}`))[0] ?? null
    },

    async isDeleted(id) {
      return (await sql`select from workspaces where id = ${id} and deleted_at is not null`).length > 0
    },

    async listWorkspaces({ deleted }) {
      return records(sql, await sql`
        select * from workspaces where ${deleted} or deleted_at is null
        order by created_at desc, id desc limit ${LIST_LIMIT}`)
    },

    listSources: (orgId, limit) => sourcesOf(sql, orgId, limit),

    async setWish(id, wish, now) {
      const { target, by, reason, expectVersion = null, unlessActiveSince = null } = wish
      const [row] = await sql`
        update workspaces set wish_target = ${target}, wish_by = ${by}, wish_version = wish_version + 1,
          wish_reason = ${reason === null ? null : cleanText(reason)}, wish_at = ${now}, updated_at = ${now},
          next_tick_at = ${now}, woken = true,
          failure = case when ${target} = 'running' then null else failure end,
          idle_verdicts = case when ${target} = 'running' then 0 else idle_verdicts end,
          last_active_at = case when ${target} = 'running' then greatest(last_active_at, ${now}) else last_active_at end
        where id = ${id} and deleted_at is null
          and (wish_target <> 'deleted' or ${target} = 'deleted')
          and (${expectVersion}::bigint is null or wish_version = ${expectVersion})
          and (${unlessActiveSince}::bigint is null
            or (last_active_at <= ${unlessActiveSince} and (keep_alive_until is null or keep_alive_until <= ${now})))
        returning wish_target as target, wish_by as by, wish_version as version, wish_reason as reason, wish_at as at`
      return row === undefined ? null : Wish.parse(row)
    },

    async setSourceReady(id, now) {
      await sql`update workspaces set source_ready = true, updated_at = ${now}, next_tick_at = ${now}, woken = true where id = ${id}`
    },
    askProjectAgain: (id, from, now) => askAgain(sql, { id, from, now }),
    async setChanges(id, changes, now) {
      await sql`update workspaces set changes = ${changes === null || changes === undefined ? null : json(sql, changes)}, updated_at = ${now} where id = ${id}`
    },
    async noteArrival(id, now) {
      await sql`update workspaces set last_active_at = greatest(last_active_at, ${now}) where id = ${id}`
    },

    async setKeepAlive(id, until, now) {
      await sql`update workspaces set keep_alive_until = ${until}, updated_at = ${now}, next_tick_at = ${now}, woken = true where id = ${id}`
    },
    setWeb: (id, web, now) => sql.begin((tx) => changeWeb(tx, context, { id, web, now })),
    async failWorkspace(id, failure, now) {
      await sql.begin(async (tx) => {
        await lockStream(tx, id)
        await markFailed(tx, id, { failure, now })
        const body: EventBody = { type: 'workspace.notice', level: 'error', code: failure.code, message: failure.message, hint: failure.hint }
        await appendEvents(tx, id, [{ id: context.ids.event(), at: now, source: 'server', body }])
      })
    },

    secrets: (id) => readSecrets(sql, context, id),
    changeMcp: (id, change, now) => sql.begin(async (tx) => {
      // A workspace without secrets has no row to lock.
      await tx`update workspaces set updated_at = ${now} where id = ${id}`
      const before = await readSecrets(tx, context, id)
      const sealed = seal(JSON.stringify({ ...before, mcp: change(before.mcp) }), { key: masterKey, subject: id, random: context.random })
      await tx`insert into workspace_secrets ${tx({ workspaceId: id, sealed })} on conflict (workspace_id) do update set sealed = excluded.sealed`
    }),
  }
}

/** The active one apart from those of a move that are not gone yet. */
function withMachines(workspaces: readonly WorkspaceRow[], machines: readonly MachineRow[], highestOf: ReadonlyMap<string, number>): WorkspaceRecord[] {
  const byWorkspace = Map.groupBy(machines, ({ workspaceId }) => workspaceId)
  return workspaces.map((workspace) => {
    const all = byWorkspace.get(workspace.id) ?? []
    const others = all.filter(({ generation }) => generation !== workspace.generation)
    const highest = highestOf.get(workspace.id) ?? 0
    return { workspace, machine: all.find(({ generation }) => generation === workspace.generation) ?? null, ...(others.length === 0 ? {} : { others }), ...(highest > workspace.generation ? { highest } : {}) }
  })
}

async function askAgain(sql: Queries, { id, from, now }: { id: WorkspaceId; from: 'source' | 'save'; now: number }): Promise<void> {
  await sql`
    update workspaces set updated_at = ${now},
      project = jsonb_build_object('revision', coalesce((project->>'revision')::int, 0) + 1, 'outline', null, 'from', ${from}::text, 'askedAt', ${now}::bigint)
    where id = ${id} and deleted_at is null`
}

async function changeWeb(tx: Transaction, { ids }: StoreContext, { id, web, now }: { id: WorkspaceId; web: boolean; now: number }): Promise<void> {
  await lockStream(tx, id)
  const [changed] = await tx`update workspaces set web = ${web}, updated_at = ${now} where id = ${id} and web <> ${web} returning id`
  if (changed === undefined) return
  const body: EventBody = { type: 'workspace.notice', level: 'info', code: web ? 'web_on' : 'web_off', message: web ? 'it is shown on the web again' : 'it is no longer shown on the web', hint: null }
  await appendEvents(tx, id, [{ id: ids.event(), at: now, source: 'server', body }])
}

/** Failing is also a wish to stop, so that a failed workspace does not charge. A wish to be deleted stays. */
export async function markFailed(tx: Transaction, id: WorkspaceId, { failure, now }: { failure: { code: string; message: string; hint: string | null }; now: number }): Promise<void> {
  await tx`
    update workspaces set failure = ${json(tx, { ...failure, at: now })}, updated_at = ${now}, next_tick_at = ${now}, woken = true,
      wish_target = case when wish_target = 'running' then 'stopped' else wish_target end,
      wish_by = case when wish_target = 'running' then 'failure' else wish_by end,
      wish_version = case when wish_target = 'running' then wish_version + 1 else wish_version end,
      wish_reason = case when wish_target = 'running' then ${cleanText(failure.message)} else wish_reason end,
      wish_at = case when wish_target = 'running' then ${now} else wish_at end
    where id = ${id} and deleted_at is null`
}

/** What an earlier one of the same request made. */
export async function madeByKey({ sql, log }: Pick<StoreContext, 'sql' | 'log'>, { creatorId, idempotencyKey }: NewWorkspace): Promise<WorkspaceRecord | null> {
  if (idempotencyKey === null) return null
  return (await recordsOf(sql, await sql`select * from workspaces where creator_id = ${creatorId} and idempotency_key = ${idempotencyKey}`, log))[0] ?? null
}

export async function insertWorkspace(tx: Transaction, { ids, masterKey, random }: StoreContext, { row, now }: { row: NewWorkspace; now: number }): Promise<void> {
  const { secrets, prompt, idempotencyKey, sessions = [], pool, ...fields } = row
  const reported = { phase: 'queued', step: null, reason: null, statusMessage: null } as const
  const columns = {
    ...fields, reported: tx.json(reported), idempotencyKey, poolId: pool?.id ?? null, project: fields.project === null || fields.project === undefined ? null : json(tx, fields.project),
    name: cleanText(fields.name), repository: cleanText(fields.repository),
    restore: fields.restore === null || fields.restore === undefined ? null : json(tx, fields.restore),
    source: tx.json(fields.source as never), resources: tx.json(fields.resources as never), services: json(tx, fields.services),
    exposures: json(tx, fields.exposures), steps: json(tx, fields.steps),
    wishTarget: 'running', wishBy: 'user', wishVersion: 1, wishReason: null, wishAt: now,
    lastActiveAt: now, createdAt: now, updatedAt: now, nextTickAt: now,
  }
  await tx`insert into workspaces ${tx(columns as unknown as Record<string, never>)}`
  await tx`insert into streams ${tx({ workspaceId: row.id })}`
  await insertSecrets(tx, { masterKey, random }, { id: row.id, secrets })
  const queued: EventBody = { type: 'workspace.phase', ...reported }
  await appendEvents(tx, row.id, [{ id: ids.event(), at: now, source: 'server', body: queued }])
  for (const session of sessions) await tx`insert into sessions ${tx(session as unknown as Record<string, never>)}`
  if (prompt !== null) await insertPrompt(tx, { workspaceId: row.id, prompt: { ...prompt, by: row.creatorId }, eventId: ids.event(), now })
}

async function readSecrets(sql: Queries, { masterKey }: Pick<StoreContext, 'masterKey'>, id: WorkspaceId): Promise<NewWorkspace['secrets']> {
  const [row] = await sql<{ sealed: string }[]>`select sealed from workspace_secrets where workspace_id = ${id}`
  return row === undefined ? { env: {}, homeFiles: [] } : Secrets.parse(JSON.parse(unseal(row.sealed, { key: masterKey, subject: id })))
}

export async function insertSecrets(tx: Transaction, { masterKey, random }: Pick<StoreContext, 'masterKey' | 'random'>, { id, secrets }: { id: WorkspaceId; secrets: NewWorkspace['secrets'] }): Promise<void> {
  if (Object.keys(secrets.env).length === 0 && secrets.homeFiles.length === 0 && secrets.mcp === undefined) return
  await tx`insert into workspace_secrets ${tx({ workspaceId: id, sealed: seal(JSON.stringify(secrets), { key: masterKey, subject: id, random }) })}`
}

async function sourcesOf(sql: Queries, orgId: OrgId, limit: number): ReturnType<WorkspaceStore['listSources']> {
  const rows = await sql<{ source: unknown; lastUsedAt: string }[]>`
    select source, max(created_at)::text as last_used_at from workspaces
    where org_id = ${orgId} and ready_at is not null and (pool_id is null or pool_taken_at is not null) group by source order by max(created_at) desc limit ${limit}`
  return rows.flatMap(({ source, lastUsedAt }) => {
    const read = CodeSource.safeParse(source)
    return read.success ? [{ source: read.data, lastUsedAt: Number(lastUsedAt) }] : []
  })
}
