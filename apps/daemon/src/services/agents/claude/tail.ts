/** Follows the transcript: the place read to is moved in the transaction that journals what was read. */
import type { SessionId } from '@berth/wire'
import { z } from 'zod'
import type { Journal } from '../../../contracts.ts'
import type { AgentFiles } from '../agent-file.ts'
import { factsOf, type Fact } from './transcript.ts'

const CHUNK = 1024 * 1024
/** A line longer than this (an image, a huge file read) is passed over. */
const LINE_LIMIT = 16 * 1024 * 1024

const Cursor = z.object({ path: z.string(), inode: z.number(), offset: z.number() })
export interface TranscriptTail {
  /** From now on this file. A path already followed stays where it is. */
  follow(path: string): void
  /** The same, and what it holds already is known. */
  followFromEnd(path: string): void
  readonly path: string | null
  /** How far it was read. */
  readonly place: { readonly path: string; readonly offset: number } | null
  /** Reads what is new; `onFact` runs inside the transaction. True: something was read. */
  poll(onFact: (fact: Fact) => void): boolean
}

export function createTranscriptTail(deps: { journal: Journal; files: AgentFiles; sessionId: SessionId }): TranscriptTail {
  const { journal, files, sessionId } = deps
  const name = `transcript.${sessionId}`
  const stored = journal.get(name)
  let cursor = stored === null ? null : Cursor.parse(JSON.parse(stored))
  const move = (to: z.infer<typeof Cursor>): void => {
    cursor = to
    journal.set(name, JSON.stringify(to))
  }
  return {
    follow(path) { if (cursor?.path !== path) move({ path, inode: 0, offset: 0 }) },
    followFromEnd(path) {
      const head = files.readFrom(path, 0, 0)
      move({ path, inode: head?.inode ?? 0, offset: head?.size ?? 0 })
    },
    get path() { return cursor?.path ?? null },
    get place() { return cursor === null ? null : { path: cursor.path, offset: cursor.offset } },
    poll(onFact) {
      let progressed = false
      for (;;) {
        if (cursor === null) return progressed
        const at = cursor
        const head = files.readFrom(at.path, 0, 0)
        if (head === null) return progressed
        // Another file under the same name, or one cut short: read it whole, the keys keep out what is known.
        const offset = head.inode === at.inode && head.size >= at.offset ? at.offset : 0
        const found = files.readFrom(at.path, offset, CHUNK)
        if (found === null || found.bytes.length === 0) return progressed
        const lines = wholeLines(found.bytes) ?? wholeLines(files.readFrom(at.path, offset, LINE_LIMIT)?.bytes ?? Buffer.alloc(0))
        if (lines === null) {
          if (found.size - offset < LINE_LIMIT) return progressed
          move({ path: at.path, inode: found.inode, offset: offset + LINE_LIMIT })
          continue
        }
        journal.transaction(() => {
          for (const line of lines.texts) for (const fact of factsOf(line, sessionId)) onFact(fact)
          move({ path: at.path, inode: found.inode, offset: offset + lines.length })
        })
        progressed = true
      }
    },
  }
}

/** Null: no line is whole yet. */
function wholeLines(bytes: Buffer): { texts: string[]; length: number } | null {
  const end = bytes.lastIndexOf(10)
  if (end < 0) return null
  return { texts: bytes.subarray(0, end).toString('utf8').split('\n'), length: end + 1 }
}
