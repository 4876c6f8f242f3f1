/**
 * Reads what git printed about two trees. It comes from a machine whose agent owns the repository: whatever does not
 * have the form git gives it is refused whole, never guessed at.
 */
import { BerthError } from '@berth/wire'
import type { Bytes } from '@berth/wire/git-bytes'
import { pathText } from '@berth/wire/git-bytes'
import { HUGE_FILE_LINES } from '@berth/wire/review'
import type { TreeEntry } from '@berth/wire/review'
import type { ChangedFile, ChangedHunk, Changes } from './change.ts'
import { nameHunks } from './hunk-id.ts'

export interface GitAnswer {
  readonly raw: Bytes
  readonly stat: Bytes
  readonly patch: Bytes
  readonly truncated: boolean
  readonly total: number
  readonly sizes: Readonly<Record<string, number>>
  readonly unmerged: readonly string[]
  /** A huge file was asked for: its hunks are there. */
  readonly whole: boolean
}
/** SHA-256 of bytes, in hex. */
export type HashBytes = (bytes: Bytes) => string

interface Raw { readonly path: Bytes; readonly oldPath: Bytes | null; readonly letter: string; readonly from: TreeEntry; readonly to: TreeEntry }

const PATH_LIMIT = 4096
const GITLINK = '160000'
const SYMLINK = '120000'

export function readChanges(answer: GitAnswer, hash: HashBytes): Changes {
  const raws = readRaw(answer.raw)
  const stats = readStat(answer.stat)
  if (stats.length !== raws.length) throw garbled('its counts are not of its files')
  const sections = splitSections(answer.patch)
  const unmerged = new Set(answer.unmerged)
  const files: ChangedFile[] = []
  let at = 0
  let omitted = Math.max(0, answer.total - raws.length)
  for (const [index, raw] of raws.entries()) {
    const counts = stats[index] ?? null
    const huge = counts !== null && counts.added + counts.removed > HUGE_FILE_LINES
    const needs = huge && !answer.whole ? 0 : raw.letter === 'T' ? 2 : 1
    const mine = sections.slice(at, at + needs)
    at += needs
    const lacks = mine.length < needs
    if (lacks && !answer.truncated) throw garbled('a file has no patch')
    const path = pathText(raw.path)
    if (path.length > PATH_LIMIT) {
      omitted++
      continue
    }
    // What did not fit is like a huge file: known, decided as a whole, read alone when somebody asks.
    const unread = needs === 0 || lacks
    files.push(fileOf(raw, { counts, huge: counts !== null && unread, sections: unread ? [] : mine, sizes: answer.sizes, conflict: unmerged.has(path), hash }))
  }
  if (at < sections.length) throw garbled('there are more patches than files')
  return { files, omitted }
}

/** Names and counts alone. */
export function listChanges(answer: Pick<GitAnswer, 'raw' | 'stat'>): { path: string; added: number; removed: number }[] {
  const stats = readStat(answer.stat)
  const raws = readRaw(answer.raw)
  if (stats.length !== raws.length) throw garbled('its counts are not of its files')
  return raws.map(({ path }, index) => ({ path: pathText(path), added: stats[index]?.added ?? 0, removed: stats[index]?.removed ?? 0 }))
}

function fileOf(raw: Raw, facts: { counts: { added: number; removed: number } | null; huge: boolean; sections: readonly Bytes[]; sizes: Readonly<Record<string, number>>; conflict: boolean; hash: HashBytes }): ChangedFile {
  const kind = kindOf(raw, facts.counts === null)
  const status = facts.conflict ? 'conflict' : statusOf(raw)
  const whole = kind === 'submodule' || kind === 'binary' || facts.huge
  const hunks = whole ? [] : nameHunks(raw.path, facts.sections.flatMap(readHunks), facts.hash)
  const side = (entry: TreeEntry): string | null => {
    if (entry === null) return null
    if (kind === 'submodule') return entry.oid
    const size = facts.sizes[entry.oid]
    return kind === 'binary' && size !== undefined ? String(size) : null
  }
  return {
    path: pathText(raw.path), oldPath: raw.oldPath === null ? null : pathText(raw.oldPath), status, kind, from: raw.from, to: raw.to,
    before: side(raw.from), after: side(raw.to), added: facts.counts?.added ?? 0, removed: facts.counts?.removed ?? 0, huge: facts.huge, hunks,
  }
}

function kindOf({ from, to }: Raw, binary: boolean): ChangedFile['kind'] {
  const modes = [from?.mode, to?.mode]
  if (modes.includes(GITLINK)) return 'submodule'
  if (binary) return 'binary'
  return modes.includes(SYMLINK) ? 'symlink' : 'text'
}

function statusOf({ letter, from, to }: Raw): ChangedFile['status'] {
  switch (letter) {
    case 'A': return 'added'
    case 'D': return 'deleted'
    case 'M': return 'modified'
    case 'T': return 'type-changed'
    case 'R': return from !== null && to !== null ? 'renamed' : 'modified'
    case 'C': return 'copied'
    default: throw garbled('a status is not one of git')
  }
}

const META = /^:([0-7]{6}) ([0-7]{6}) ([0-9a-f]{40,64}) ([0-9a-f]{40,64}) ([AMDTRC])\d{0,3}$/

function readRaw(text: Bytes): Raw[] {
  const fields = fieldsOf(text)
  const raws: Raw[] = []
  for (let at = 0; at < fields.length;) {
    const [, oldMode = '', newMode = '', oldOid = '', newOid = '', letter = ''] = META.exec(fields[at] ?? '') ?? []
    if (letter === '') throw garbled('its list of files')
    const pair = letter === 'R' || letter === 'C'
    const first = nameAt(fields, at + 1)
    raws.push({
      path: pair ? nameAt(fields, at + 2) : first, oldPath: pair ? first : null, letter,
      from: entryOf(oldMode, oldOid), to: entryOf(newMode, newOid),
    })
    at += pair ? 3 : 2
  }
  return raws
}

function entryOf(mode: string, oid: string): TreeEntry {
  return mode === '000000' ? null : { mode, oid }
}

/** Null: binary. */
function readStat(text: Bytes): ({ added: number; removed: number } | null)[] {
  const fields = fieldsOf(text)
  const stats: ({ added: number; removed: number } | null)[] = []
  for (let at = 0; at < fields.length;) {
    const [, added = '', removed = '', path = ''] = /^(\d{1,9}|-)\t(\d{1,9}|-)\t([\s\S]*)$/.exec(fields[at] ?? '') ?? []
    if (added === '') throw garbled('its counts')
    stats.push(added === '-' ? null : { added: Number(added), removed: Number(removed) })
    at += path === '' ? 3 : 1
  }
  return stats
}

/** Each ends with a NUL. */
function fieldsOf(text: Bytes): Bytes[] {
  if (text === '') return []
  if (!text.endsWith('\0')) throw garbled('a list is cut off')
  return text.slice(0, -1).split('\0')
}

function nameAt(fields: readonly Bytes[], at: number): Bytes {
  const name = fields[at]
  if (name === undefined || name === '') throw garbled('a name is missing')
  return name
}

/** A content line begins with a sign, so this can only be a header. */
function splitSections(patch: Bytes): Bytes[] {
  if (patch === '') return []
  if (!patch.startsWith('diff --git ')) throw garbled('its patch')
  return patch.split(/^(?=diff --git )/m)
}

const HUNK = /^@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@ ?(.*)$/s

export function readHunks(section: Bytes): Omit<ChangedHunk, 'hunkId'>[] {
  const lines = section.split('\n')
  if (lines.at(-1) === '') lines.pop()
  const hunks: Omit<ChangedHunk, 'hunkId'>[] = []
  let at = lines.findIndex((line) => line.startsWith('@@ '))
  while (at >= 0 && at < lines.length) {
    const head = HUNK.exec(lines[at] ?? '')
    if (head === null) throw garbled('the head of a hunk')
    const [oldStart, oldLines, newStart, newLines] = [head[1], head[2] ?? '1', head[3], head[4] ?? '1'].map(Number) as [number, number, number, number]
    const body = takeBody(lines, at + 1, { oldLines, newLines })
    hunks.push({ oldStart, oldLines, newStart, newLines, section: (head[5] ?? '').slice(0, 200), lines: body })
    at += 1 + body.length
  }
  return hunks
}

function takeBody(lines: readonly Bytes[], from: number, want: { oldLines: number; newLines: number }): Bytes[] {
  let { oldLines, newLines } = want
  const body: Bytes[] = []
  for (let at = from; at < lines.length; at++) {
    const line = lines[at] ?? ''
    if (line[0] === '\\') {
      body.push(line)
      continue
    }
    if (oldLines === 0 && newLines === 0) break
    const sign = line[0] ?? ' '
    if (sign !== ' ' && sign !== '+' && sign !== '-') throw garbled('a line of a hunk')
    if (sign !== '+') oldLines--
    if (sign !== '-') newLines--
    body.push(line === '' ? ' ' : line)
  }
  if (oldLines !== 0 || newLines !== 0) throw garbled('a hunk is cut off')
  return body
}

function garbled(what: string): BerthError {
  return new BerthError('internal', `what the machine says about its tree cannot be understood: ${what}`, { hint: 'look with `berth attach`: git or its repository in the workspace may be broken' })
}
