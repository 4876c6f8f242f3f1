/** A decided hunk in the tree as it is now: edits elsewhere move it, edits close by make it part of a larger one. */
import type { Bytes } from '@berth/wire/git-bytes'
import type { ChangedFile, ChangedHunk } from './change.ts'

const CONTEXT = 3

/** With its place of now, so that it can be taken out of the worktree. Null: it is not there any more, or there twice. */
export function findAgain(hunk: ChangedHunk, file: ChangedFile | undefined): ChangedHunk | null {
  if (file === undefined) return null
  const same = file.hunks.find(({ hunkId }) => hunkId === hunk.hunkId)
  if (same !== undefined) return same
  const core = coreOf(hunk.lines)
  const found = file.hunks.flatMap((current) => runsOf(current.lines, core).map((at) => carve(current, { from: at, to: at + core.length })))
  return found.length === 1 ? { ...found[0] as ChangedHunk, hunkId: hunk.hunkId } : null
}

const isChange = (line: Bytes): boolean => line[0] === '+' || line[0] === '-'

/** From its first changed line to its last. */
export function coreOf(lines: readonly Bytes[]): Bytes[] {
  return lines.slice(lines.findIndex(isChange), lines.findLastIndex(isChange) + 1)
}

function runsOf(lines: readonly Bytes[], core: readonly Bytes[]): number[] {
  const found: number[] = []
  for (let at = 0; at + core.length <= lines.length; at++) if (core.every((line, index) => lines[at + index] === line)) found.push(at)
  return found
}

/** A part of a hunk as one of its own, against the new side: other changes of it are context. */
function carve(hunk: ChangedHunk, part: { from: number; to: number }): ChangedHunk {
  const end = hunk.lines[part.to]?.[0] === '\\' ? part.to + 1 : part.to
  const before = asContext(hunk.lines.slice(0, part.from)).slice(-CONTEXT)
  const after = firstLines(asContext(hunk.lines.slice(end)))
  const middle = hunk.lines.slice(part.from, end)
  const newBefore = hunk.lines.slice(0, part.from).filter((line) => line[0] === ' ' || line[0] === '+').length
  const lines = [...before, ...middle, ...after]
  const [oldLines, newLines] = [countOf(lines, '-'), countOf(lines, '+')]
  const first = (hunk.newLines === 0 ? hunk.newStart + 1 : hunk.newStart) + newBefore - before.length
  return { ...hunk, oldLines, newLines, newStart: newLines === 0 ? first - 1 : first, oldStart: first, lines }
}

function asContext(lines: readonly Bytes[]): Bytes[] {
  const out: Bytes[] = []
  for (const [index, line] of lines.entries()) {
    if (line[0] === '-') continue
    // The marker belongs to the line before it, which is gone with the old side.
    if (line[0] === '\\' && lines[index - 1]?.[0] === '-') continue
    out.push(line[0] === '+' ? ` ${line.slice(1)}` : line)
  }
  return out
}

function firstLines(lines: readonly Bytes[]): Bytes[] {
  const taken = lines.slice(0, CONTEXT)
  return lines[CONTEXT]?.[0] === '\\' ? [...taken, lines[CONTEXT] as Bytes] : taken
}

const countOf = (lines: readonly Bytes[], sign: '+' | '-'): number => lines.filter((line) => line[0] === ' ' || line[0] === sign).length
