/**
 * Sends the journal to the server, in order, from where the server is; one batch at a time. What "exactly once"
 * rests on is written in daemon-protocol.ts; here is the daemon's half of it, without a socket.
 */
import { EVENT_BATCH_LIMIT } from '@berth/wire/daemon'
import type { JournalEntry } from '@berth/wire/daemon'
import type { UploadJournal } from '../journal/journal.ts'

/** Well under LINK_MESSAGE_LIMIT with the frame around it; one body is at most EVENT_BODY_LIMIT. */
const BATCH_BYTES = 512 * 1024

export interface Uploader {
  /** The server's word at `welcome`. */
  begin(journal: { do: 'continue'; ackedN: number } | { do: 'rotate' }): void
  onAck(journalId: string, n: number): void
  onExpected(journalId: string, n: number): void
  onRotate(journalId: string): void
  /** Something was journaled. */
  kick(): void
  stop(): void
}

export interface UploaderDeps {
  readonly journal: UploadJournal
  send(journalId: string, entries: readonly JournalEntry[]): void
  /** The journal has a new id that the server must hear of: connect anew. */
  reconnect(reason: string): void
  onProgress(): void
  readonly log: (line: string) => void
}

export function createUploader(deps: UploaderDeps): Uploader {
  const { journal } = deps
  /** What the server has. Null: not welcomed yet, or over. */
  let cursor: number | null = null
  let waiting = false
  let lastExpected: number | null = null

  function pump(): void {
    if (cursor === null || waiting) return
    const entries = batch(journal.after(cursor, EVENT_BATCH_LIMIT))
    const first = entries[0]
    if (first === undefined) return
    if (first.n !== cursor + 1) return fillGap(cursor + 1, first.n)
    waiting = true
    deps.send(journal.id, entries)
  }

  /** The server wants entries that are no longer kept: it gets the rest, with the hole said aloud. */
  function fillGap(from: number, kept: number): void {
    deps.log(`the journal no longer has entries ${from} to ${kept - 1}`)
    journal.rotate({ from: kept, gap: { from, to: kept - 1, why: 'no longer kept by the daemon when the server asked for it' } })
    stop()
    deps.reconnect('journal gap')
  }

  /** The server knows entries that we do not: this journal was rolled back. */
  function rotate(): void {
    deps.log('the server has more of this journal than we have: going on under a new one')
    journal.rotate({ from: journal.ackedN + 1 })
    waiting = false
    lastExpected = null
    cursor = 0
    pump()
  }

  function stop(): void {
    cursor = null
  }

  function moveTo(n: number): void {
    waiting = false
    cursor = n
    journal.acked(n)
    deps.onProgress()
    pump()
  }

  const current = (journalId: string): boolean => cursor !== null && journalId === journal.id
  return {
    begin(position) {
      waiting = false
      cursor = 0
      if (position.do === 'rotate' || position.ackedN > journal.lastN) rotate()
      // Behind what it once acked, the server was restored from a backup: it gets everything again. Ahead of what we
      // know to be acked, an answer was lost or our journal was rolled back: the server tells the two apart by the ids.
      else moveTo(Math.min(position.ackedN, journal.ackedN))
    },
    onAck(journalId, n) {
      if (!current(journalId)) return
      lastExpected = null
      if (n > journal.lastN) rotate()
      else moveTo(n)
    },
    onExpected(journalId, n) {
      if (!current(journalId)) return
      if (n > journal.lastN + 1) return rotate()
      // Asked for the same again without progress: something is wrong that sending faster does not cure.
      if (lastExpected === n) {
        stop()
        return deps.reconnect('the server keeps asking for the same entry')
      }
      lastExpected = n
      moveTo(n - 1)
    },
    onRotate(journalId) { if (current(journalId)) rotate() },
    kick: pump,
    stop,
  }
}

function batch(entries: readonly JournalEntry[]): readonly JournalEntry[] {
  let bytes = 0
  const end = entries.findIndex((entry, index) => {
    bytes += Buffer.byteLength(JSON.stringify(entry.body)) + 100
    return index > 0 && bytes > BATCH_BYTES
  })
  return end === -1 ? entries : entries.slice(0, end)
}
