/** A hunk as a person rewrote it: the lines between its first and its last change, on the new side. */
import type { Bytes } from '@berth/wire/git-bytes'
import { bytesOf } from '@berth/wire/git-bytes'
import type { ChangedHunk } from './change.ts'

/** Nothing changes where a side is null. */
export function editHunk(hunk: ChangedHunk, text: string): { worktree: ChangedHunk | null; reviewed: ChangedHunk | null } {
  const isChange = (line: Bytes): boolean => line[0] === '+' || line[0] === '-'
  const first = hunk.lines.findIndex(isChange)
  const lastChange = hunk.lines.findLastIndex(isChange)
  const end = hunk.lines[lastChange + 1]?.[0] === '\\' ? lastChange + 2 : lastChange + 1
  const core = hunk.lines.slice(first, end)
  const context = { before: hunk.lines.slice(0, first), after: hunk.lines.slice(end) }
  const newSide = sideLines(core, '+')
  const written = linesOf(text, { crlf: newSide.some((line) => line.endsWith('\r')), endless: newSide.at(-1)?.[0] === '\\' })
  const make = (from: readonly Bytes[], start: number): ChangedHunk | null => {
    if (from.join('\n') === written.join('\n')) return null
    const lines = [...context.before, ...signed(from, '-'), ...signed(written, '+'), ...context.after]
    const count = (sign: string): number => lines.filter((line) => line[0] === ' ' || line[0] === sign).length
    return { ...hunk, lines, oldStart: start, newStart: start, oldLines: count('-'), newLines: count('+') }
  }
  return { worktree: make(newSide, hunk.newStart), reviewed: make(sideLines(core, '-'), hunk.oldStart) }
}

/** Without signs; a marker of a missing line end stays as it is. */
function sideLines(core: readonly Bytes[], sign: '+' | '-'): Bytes[] {
  return core.flatMap((line, index) => {
    if (line[0] === '\\') return core[index - 1]?.[0] === sign || core[index - 1]?.[0] === ' ' ? [line] : []
    return line[0] === ' ' || line[0] === sign ? [` ${line.slice(1)}`] : []
  })
}

const signed = (lines: readonly Bytes[], sign: '+' | '-'): Bytes[] => lines.map((line) => (line[0] === '\\' ? line : `${sign}${line.slice(1)}`))

function linesOf(text: string, like: { crlf: boolean; endless: boolean }): Bytes[] {
  if (text === '') return []
  const unix = text.replaceAll('\r\n', '\n')
  const lines = (unix.endsWith('\n') ? unix.slice(0, -1) : unix).split('\n').map((line) => ` ${bytesOf(line)}${like.crlf ? '\r' : ''}`)
  if (!like.endless || unix.endsWith('\n')) return lines
  // The file had no line end at its end, and a person left none.
  return [...lines.slice(0, -1), (lines.at(-1) ?? ' ').replace(/\r$/, ''), '\\ No newline at end of file']
}
