/** What a sync brought since the last push: the person's side and the workspace have that in common too. */
import type { Bytes } from '@berth/wire/git-bytes'
import type { SyncEntry, SyncResult } from '@berth/wire/sync-frames'
import type { Journal } from '../../contracts.ts'

const KEY = 'sync.since'
/** Beyond it the oldest are forgotten: what was changed on both sides then looks like a conflict, which is the safe side. */
const LIMIT = 50_000
const SAVE_MS = 1000

export interface Since {
  all(): ReadonlyMap<Bytes, SyncEntry | null>
  add(results: readonly SyncResult[]): void
  /** A push says it all again. */
  clear(): void
  /** Writes what is not written yet. */
  save(): void
}

export function createSince(journal: Pick<Journal, 'get' | 'set'>): Since {
  const entries = new Map<Bytes, SyncEntry | null>(JSON.parse(journal.get(KEY) ?? '[]') as [Bytes, SyncEntry | null][])
  let timer: ReturnType<typeof setTimeout> | null = null
  const save = (): void => {
    if (timer !== null) clearTimeout(timer)
    timer = null
    journal.set(KEY, entries.size === 0 ? null : JSON.stringify([...entries]))
  }
  return {
    all: () => entries,
    add(results) {
      for (const { path, entry } of results) {
        if (entry === undefined) continue
        entries.delete(path)
        entries.set(path, entry)
      }
      for (const path of entries.keys()) {
        if (entries.size <= LIMIT) break
        entries.delete(path)
      }
      timer ??= setTimeout(save, SAVE_MS)
    },
    clear() {
      entries.clear()
      save()
    },
    save: () => { if (timer !== null) save() },
  }
}
