/**
 * Stores a daemon's batch exactly once, with what it changes, in one transaction.
 *
 * An entry is known by its event id, whatever number it has now: after a rotation the same events come again under
 * new numbers. A number that was used for another event means that the journal was rolled back or copied.
 */
import type { LinkStore, UploadOutcome } from '@berth/core'
import type { EventId, WorkspaceId } from '@berth/wire'
import type { JournalEntry } from '@berth/wire/daemon'
import type { Transaction } from './address.ts'
import { cleanText, happenedAt } from './json.ts'
import { believed } from './believed.ts'
import { project } from './projections.ts'
import { appendEvents, lockStream } from './streams.ts'

type Batch = Parameters<LinkStore['upload']>[0]
interface Sorted { readonly fresh: readonly JournalEntry[]; readonly lastN: number; readonly stop: 'expected' | 'rotate' | null }

export async function uploadBatch(tx: Transaction, batch: Batch, now: number): Promise<UploadOutcome> {
  const { workspaceId, epoch } = batch
  const journalId = cleanText(batch.journalId)
  const stream = await lockStream(tx, workspaceId)
  if (epoch !== stream.linkEpoch) return { kind: 'fenced' }
  const [journal] = await tx<{ lastN: number }[]>`select last_n from journals where workspace_id = ${workspaceId} and id = ${journalId}`
  const lastN = journal?.lastN ?? 0
  const known = await knownIds(tx, workspaceId, batch.entries.map((entry) => entry.id))
  const sorted = sortEntries(batch.entries, lastN, known)
  const events = (await believed(tx, sorted.fresh)).map((entry) => ({ id: entry.id, at: happenedAt(now, entry.ageMs), source: 'daemon' as const, body: entry.body }))
  await appendEvents(tx, workspaceId, events)
  for (const event of events) await project(tx, workspaceId, event, now)
  if (sorted.lastN > lastN) {
    await tx`
      insert into journals (workspace_id, id, generation, last_n, updated_at)
      select ${workspaceId}, ${journalId}, generation, ${sorted.lastN}, ${now} from workspaces where id = ${workspaceId}
      on conflict (workspace_id, id) do update set last_n = excluded.last_n, generation = excluded.generation, updated_at = excluded.updated_at`
  }
  if (sorted.stop === 'rotate') return { kind: 'rotate' }
  if (sorted.stop === 'expected') return { kind: 'expected', n: sorted.lastN + 1 }
  return { kind: 'stored', ackedN: sorted.lastN }
}

/** Pure: what to store, where the journal then stands, and why it stopped early if it did. */
export function sortEntries(entries: readonly JournalEntry[], lastN: number, known: ReadonlySet<string>): Sorted {
  const fresh: JournalEntry[] = []
  const seen = new Set(known)
  let last = lastN
  for (const entry of entries) {
    if (entry.n > last + 1) return { fresh, lastN: last, stop: 'expected' }
    if (entry.n <= last) {
      if (!seen.has(entry.id)) return { fresh, lastN: last, stop: 'rotate' }
      continue
    }
    if (!seen.has(entry.id)) fresh.push(entry)
    seen.add(entry.id)
    last = entry.n
  }
  return { fresh, lastN: last, stop: null }
}

async function knownIds(tx: Transaction, workspaceId: WorkspaceId, ids: readonly EventId[]): Promise<Set<string>> {
  const rows = await tx<{ id: string }[]>`select id from events where workspace_id = ${workspaceId} and id = any(${[...ids]})`
  return new Set(rows.map((row) => row.id))
}
