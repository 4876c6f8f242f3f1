/** What the server asks of a daemon so that a whole workspace is saved, and what it tells a machine that begins with one. */
import { z } from 'zod'
import { SavedId, SessionId } from './ids.ts'

/** PUT by the machine that saves: `u32be length | JSON SavedMemory | tar.zst`. GET by the one that begins with it. */
export const SAVED_PATH = '/saved'
/** Of `SavedMemory` as JSON. */
export const SAVED_MEMORY_LIMIT = 32 * 1024 * 1024

/**
 * What the daemon remembers of the conversations, and what it has told of them, so that nothing is told twice elsewhere.
 * It never passes through the archive, which the agent's own user writes.
 */
export const SavedMemory = z.object({ berthSaved: z.literal(1), values: z.record(z.string(), z.string()), keys: z.array(z.string()) })
export type SavedMemory = z.infer<typeof SavedMemory>

/** Where a machine begins. A daemon that does not know it would begin with the source: it is refused before. */
export const Restore = z.object({
  savedId: SavedId,
  /** Of all bytes that `GET` answers. */
  sha256: z.string(),
  sizeBytes: z.number().int(),
  /** Sessions that go on here under another id. */
  sessions: z.array(z.object({ from: SessionId, to: SessionId })),
  /** The branch it goes on with, where the workspace is another one. */
  branch: z.string().nullable(),
})
export type Restore = z.infer<typeof Restore>

export const SaveState = z.object({
  state: z.enum(['packing', 'done', 'failed']),
  /** Of what was sent so far. */
  sizeBytes: z.number().int(),
  /** Of the files themselves. */
  plainBytes: z.number().int(),
  files: z.number().int(),
  /** Of all that was sent; null: not all was. */
  sha256: z.string().nullable(),
  /** Paths that stay behind: logins and keys, and what could not be read. At most a hundred. */
  leftOut: z.array(z.string().max(400)).max(100),
  error: z.string().nullable(),
})
export type SaveState = z.infer<typeof SaveState>

/** Calls to the daemon; spread into `daemonMethods`. */
export const savedMethods = {
  /** Begins, or says how far it is: it answers at once. `still`: only while agents and services are held. */
  'state.save': { params: z.object({ savedId: SavedId, still: z.boolean() }), result: SaveState },
  /** What this machine began with, when it has it whole. */
  'state.begun': { params: z.object({}), result: z.object({ savedId: z.string().nullable() }) },
} as const
