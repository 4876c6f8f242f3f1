/** What is known of saved states, and the wish to move. */
import type { MoveStore, SavedRow, SavedStore } from '@berth/core'
import { BerthError, OrgId, SavedId, UserId, WorkspaceId } from '@berth/wire'
import { SavedKind } from '@berth/wire/saved'
import { z } from 'zod'
import type { StoreContext } from './context.ts'
import { cleanText, json } from './json.ts'
import { parseAll } from './rows.ts'

const LIST_LIMIT = 1000
const UNIQUE_VIOLATION = '23505'
const Row = z.object({
  id: SavedId, orgId: OrgId, workspaceId: WorkspaceId, workspaceName: z.string(), repository: z.string(), kind: SavedKind, name: z.string().nullable(),
  state: z.enum(['saving', 'verified', 'failed', 'removed']), detail: z.string().nullable(), place: z.string(), sizeBytes: z.number(), plainBytes: z.number(), files: z.number(),
  sha256: z.string().nullable(), leftOut: z.array(z.string()), manifest: z.record(z.string(), z.unknown()), createdBy: UserId, createdAt: z.number(), verifiedAt: z.number().nullable(), expiresAt: z.number().nullable(),
})

export function createSaved({ sql, log }: StoreContext): SavedStore {
  const rows = (found: readonly object[]): SavedRow[] => parseAll(found, (row) => Row.parse(row), (row, error) => log(`saved states: ${String((row as { id?: string }).id)} cannot be read: ${String(error)}`))
  const one = (found: readonly object[]): SavedRow | null => rows(found)[0] ?? null
  const write = async (row: Omit<SavedRow, 'leftOut' | 'manifest'> & { leftOut: readonly string[]; manifest: object }): Promise<void> => {
    const values = { ...row, workspaceName: cleanText(row.workspaceName), repository: cleanText(row.repository), leftOut: json(sql, row.leftOut), manifest: json(sql, row.manifest) }
    await sql`insert into saved_states ${sql(values as unknown as Record<string, never>)} on conflict (id) do nothing`.catch((error: unknown) => {
      if ((error as { code?: string }).code !== UNIQUE_VIOLATION) throw error
      throw new BerthError('name_taken', `there is already a template named ${row.name}`, { hint: 'choose another name, or remove that one with `berth backup remove`' })
    })
  }
  return {
    add: (row) => write({ ...row, state: 'saving', detail: null, sizeBytes: 0, plainBytes: 0, files: 0, sha256: null, leftOut: [], verifiedAt: null }),
    takeIn: (row) => write(row),
    get: async (id) => one(await sql`select * from saved_states where id = ${id}`),
    template: async (orgId, name) => one(await sql`select * from saved_states where org_id = ${orgId} and name = ${name} and state = 'verified'`),
    list: async ({ orgId = null, state = null } = {}) => rows(await sql`
      select * from saved_states where (${orgId}::text is null or org_id = ${orgId}) and (case when ${state}::text is null then state <> 'removed' else state = ${state} end)
      order by created_at desc, id limit ${LIST_LIMIT}`),
    async note(id, detail) { await sql`update saved_states set detail = ${cleanText(detail)} where id = ${id} and state = 'saving'` },
    async verified(id, { sha256, sizeBytes, plainBytes, files, leftOut }, now) {
      const { count } = await sql`
        update saved_states set state = 'verified', detail = null, verified_at = ${now}, sha256 = ${sha256}, size_bytes = ${sizeBytes}, plain_bytes = ${plainBytes}, files = ${files}, left_out = ${json(sql, leftOut)}
        where id = ${id} and state = 'saving'`
      return count > 0
    },
    async failed(id, why) { return (await sql`update saved_states set state = 'failed', detail = ${cleanText(why)} where id = ${id} and state = 'saving'`).count > 0 },
    async remove(id) {
      const { count } = await sql`
        update saved_states set state = 'removed', name = null where id = ${id} and state <> 'removed' and not exists (
          select from workspaces w where w.deleted_at is null and (w.move->>'savedId' = ${id} or (w.restore->>'savedId' = ${id} and w.ready_at is null)))`
      return count > 0
    },
    over: async (now) => rows(await sql`select * from saved_states where state = 'removed' or expires_at <= ${now} order by created_at limit ${LIST_LIMIT}`),
    async forget(id) { await sql`delete from saved_states where id = ${id} and state = 'removed'` },
  }
}

export function createMoves({ sql }: StoreContext): MoveStore {
  return {
    async ask(id, move, now) {
      const { count } = await sql`update workspaces set move = ${json(sql, move)}, updated_at = ${now}, next_tick_at = ${now}, woken = true where id = ${id} and move is null and deleted_at is null and wish_target <> 'deleted'`
      if (count === 0) throw new BerthError('conflict', 'it is on its way already, or deleted', { hint: 'see `berth list`' })
    },
    async cancel(id, now) {
      // A tick under way would write the move back: its fence is old from here on.
      const { count } = await sql`
        update workspaces set move = null, status_message = null, fence = fence + 1, lease_owner = null, lease_until = null, updated_at = ${now}, next_tick_at = ${now}, woken = true
        where id = ${id} and move->>'step' in ('waiting', 'saving')`
      return count > 0
    },
  }
}
