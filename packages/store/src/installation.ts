import type { InstallationStore } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { Sql } from './address.ts'
import type { StoreContext } from './context.ts'
import { releaseCopies } from './held-copy.ts'
import { MIN_SERVER_VERSION } from './migrate.ts'
import { parseAll, parseMachine } from './rows.ts'

const ID_BYTES = 16

/** Of several servers that start on a fresh database at once, one makes it. */
export async function ensureInstallation(sql: Sql, random: (bytes: number) => Uint8Array): Promise<void> {
  const id = Buffer.from(random(ID_BYTES)).toString('hex')
  await sql`insert into installation ${sql({ singleton: 1, id, epoch: 1, minServerVersion: MIN_SERVER_VERSION })} on conflict (singleton) do nothing`
}

export function createInstallation({ sql, log }: StoreContext): InstallationStore {
  return {
    async installation() {
      const [row] = await sql<{ id: string; epoch: number; reaperHeld: string | null }[]>`select id, epoch, reaper_held from installation`
      if (row === undefined) throw new BerthError('internal', 'the database has no installation row')
      return { id: row.id, epoch: row.epoch, reaperHeld: row.reaperHeld }
    },
    async holdReaper(reason) { await sql`update installation set reaper_held = ${reason}` },
    async releaseReaper() {
      return sql.begin(async (tx) => {
        await releaseCopies(tx)
        return (await tx`update installation set reaper_held = null where reaper_held is not null returning id`).length > 0
      })
    },
    async machines() {
      const rows = await sql`select * from machines where ended_at is null order by workspace_id, generation`
      return parseAll(rows, parseMachine, (row, error) => log(`machines: ${JSON.stringify((row as { workspaceId?: string }).workspaceId)} cannot be read: ${String(error)}`))
    },
    async sighted(key, now) {
      const [row] = await sql<{ count: number; firstAt: number }[]>`
        insert into sightings ${sql({ key, count: 1, firstAt: now, lastAt: now })}
        on conflict (key) do update set count = sightings.count + 1, last_at = excluded.last_at returning count, first_at`
      return { count: row?.count ?? 1, firstAt: row?.firstAt ?? now }
    },
    async forgetSightings(except) { await sql`delete from sightings where key <> all(${[...except]})` },
    async databaseNow() {
      const [row] = await sql<{ now: number }[]>`select (extract(epoch from clock_timestamp()) * 1000)::bigint as now`
      if (row === undefined) throw new BerthError('database_unavailable', 'the database did not tell its time')
      return row.now
    },
  }
}
