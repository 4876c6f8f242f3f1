/** What git asks of a host by version 2 of its protocol (gitprotocol-v2), as far as an answer may serve another asker too. Pure. */
import { LATIN, readPacket } from './packet.ts'

/**
 * `refs`: to be shown the refs, or some of them. `pack`: everything that is reached from `wants`, by somebody who has nothing of
 * it; `terms` is how, without what tells one asker from another: a set, so neither order nor repetition counts.
 */
export type FetchCommand = { readonly kind: 'refs' } | { readonly kind: 'pack'; readonly wants: readonly string[]; readonly terms: string }

/** Who asks, and by which run of git: no part of the question. */
const OF_THE_ASKER = /^(?:agent|session-id)=/
const WANT = /^want ([0-9a-f]{40}|[0-9a-f]{64})$/
/** What the answer hangs on beside the objects that are wanted: what the asker has, or what a name stands for at that moment. */
const OF_THE_MOMENT = /^(?:have|shallow|want-ref|deepen-since|deepen-not|deepen-relative|wait-for-done|packfile-uris)\b/

/** Null: something else, or not in the form that git writes it. */
export function readFetchCommand(bytes: Uint8Array): FetchCommand | null {
  const lines = linesOf(bytes)
  if (lines === null) return null
  const [command, ...rest] = lines
  if (command === 'command=ls-refs') return { kind: 'refs' }
  if (command !== 'command=fetch' || !rest.includes('done') || rest.some((line) => OF_THE_MOMENT.test(line))) return null
  const wants = [...new Set(rest.flatMap((line) => WANT.exec(line)?.[1] ?? []))]
  if (wants.length === 0) return null
  return { kind: 'pack', wants, terms: [...new Set(rest.filter((line) => !OF_THE_ASKER.test(line)))].toSorted().join('\n') }
}

/** The ids of all refs in an answer to `ls-refs`; null: it is none, or not whole. */
export function readShownIds(bytes: Uint8Array): ReadonlySet<string> | null {
  const lines = linesOf(bytes)
  return lines === null ? null : new Set(lines.flatMap((line) => /^([0-9a-f]{40}|[0-9a-f]{64}) /.exec(line)?.[1] ?? []))
}

/** Each ref of an answer to `ls-refs` with its id, `HEAD` among them; null: it is none, or not whole. */
export function readShownRefs(bytes: Uint8Array): ReadonlyMap<string, string> | null {
  const lines = linesOf(bytes)
  return lines === null ? null : new Map(lines.flatMap((line) => { const [, id, name] = /^([0-9a-f]{40}|[0-9a-f]{64}) (\S+)/.exec(line) ?? []; return id === undefined || name === undefined ? [] : [[name, id] as const] }))
}

/** One request or answer, to its flush and not beyond; a delimiter is a line of its own that no git writes. */
export function linesOf(bytes: Uint8Array): string[] | null {
  const lines: string[] = []
  for (let at = 0; ;) {
    const packet = readPacket(bytes, at)
    if (packet.kind === 'flush') return packet.end === bytes.length ? lines : null
    if (packet.kind !== 'line' && packet.kind !== 'delimiter') return null
    lines.push(packet.kind === 'line' ? LATIN.decode(packet.payload).replace(/\n$/, '') : '\0')
    at = packet.end
  }
}
