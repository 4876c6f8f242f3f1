/** What a daemon remembers that another machine's daemon must know: where each conversation stands, and what of it was told. */
import { statSync } from 'node:fs'
import type { Assignment } from '@berth/wire/daemon'
import { AGENT_KINDS } from '@berth/wire/agents'
import { SAVED_MEMORY_LIMIT, SavedMemory, type Restore } from '@berth/wire/saved-methods'
import { BerthError } from '@berth/wire/error'
import { sessionUuidOf } from '../agents/claude/launch.ts'

/** All else belongs to this machine: ports, processes, its own steps, the copies of logins. */
const KEPT = /^(?:conversation|transcript|spoken|forked|session-kind|prompt|tasks|approvals|review)\.|^sessions$/

interface Remembers { memory(isKept: (name: string) => boolean): { values: Record<string, string>; keys: string[] } }

export function gatherMemory(journal: Remembers, assignment: Assignment): Uint8Array {
  const { values, keys } = journal.memory((name) => KEPT.test(name))
  // What follows from the id here follows from another one in a fork.
  const claude = [assignment.agent, ...(assignment.sessions ?? [])].filter(({ kind }) => AGENT_KINDS[kind]?.program === 'claude')
  const named = Object.fromEntries(claude.map(({ sessionId }) => [`conversation.${sessionId}`, sessionUuidOf(sessionId)]))
  const memory = (kept: readonly string[]): Uint8Array => new TextEncoder().encode(JSON.stringify({ berthSaved: 1, values: { ...named, ...values }, keys: [...kept] } satisfies SavedMemory))
  const room = SAVED_MEMORY_LIMIT - memory([]).length
  if (room < 0) throw new BerthError('too_large', 'the daemon remembers more than a saved state may hold')
  const json = memory(fitting(keys, room))
  const framed = new Uint8Array(4 + json.length)
  new DataView(framed.buffer).setUint32(0, json.length)
  framed.set(json, 4)
  return framed
}

/** The newest: what happened last is what may be read again elsewhere, and a busy month of them must not keep a workspace from being saved. */
function fitting(keys: readonly string[], room: number): readonly string[] {
  let left = room
  const over = keys.findIndex((key) => {
    left -= Buffer.byteLength(JSON.stringify(key)) + ','.length
    return left < 0
  })
  return over === -1 ? keys : keys.slice(0, over)
}

export function readMemory(json: Uint8Array, sessions: Restore['sessions']): SavedMemory {
  let text = new TextDecoder().decode(json)
  for (const { from, to } of sessions) text = text.replaceAll(from, to)
  return SavedMemory.parse(JSON.parse(text))
}

/** A file has another number here; what was read of it was read. */
export function withPlaces(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, name.startsWith('transcript.') ? movedCursor(value) : value]))
}

function movedCursor(value: string): string {
  try {
    const cursor = JSON.parse(value) as { path: string; inode: number; offset: number }
    return JSON.stringify({ ...cursor, inode: statSync(cursor.path).ino })
  } catch {
    return value
  }
}
