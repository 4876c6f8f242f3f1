/** The one message an agent gets about a review. It says what is done already, so that the agent does not do it again. */
import { textOf } from '@berth/wire/git-bytes'
import type { ReviewComment } from '@berth/wire/review'
import type { ChangedHunk } from './change.ts'
import type { Decided } from './plan-marks.ts'

const HUNK_LINES = 60
const HUNK_CHARACTERS = 4000
/** Hunks are left out above this, reasons and places never. */
const MESSAGE_CHARACTERS = 48_000

export interface ReviewMessage { readonly rejected: readonly Decided[]; readonly comments: readonly ReviewComment[]; readonly note: string | null }

export function reviewMessage({ rejected: unsorted, comments, note }: ReviewMessage): string {
  const rejected = [...unsorted].sort((a, b) => (a.path === b.path ? (a.piece.hunk?.newStart ?? 0) - (b.piece.hunk?.newStart ?? 0) : a.path < b.path ? -1 : 1))
  const parts: string[] = []
  let room = MESSAGE_CHARACTERS
  const add = (part: string): void => {
    parts.push(part)
    room -= part.length
  }
  if (rejected.length > 0) add('I reviewed your changes. These are rejected: they are already taken out of the files, so read a file again before you edit it, and do not put them back as they were.')
  for (const [index, one] of rejected.entries()) {
    add(`${index + 1}. ${rejection(one)}`)
    const shown = one.piece.hunk === null ? '' : fenced(one.piece.hunk)
    if (shown !== '' && shown.length <= room) add(shown)
  }
  if (comments.length > 0) add(rejected.length > 0 ? 'Comments:' : 'Comments on your changes:')
  for (const [index, comment] of comments.entries()) add(`${rejected.length + index + 1}. ${remark(comment)}`)
  if (note !== null && note.trim() !== '') add(harmless(note).trim())
  return parts.join('\n\n')
}

function rejection({ piece, path, reason }: Decided): string {
  const where = piece.hunk === null ? `${inline(path)}, the whole file` : `${inline(path)}, ${linesOf(piece.hunk)}`
  return `${where}${reason === null || reason.trim() === '' ? '' : `: ${harmless(reason).trim()}`}`
}

function remark({ path, line, side, quote, text }: ReviewComment): string {
  const quoted = quote.trim() === '' ? '' : ` (${inline(quote.trim().slice(0, 200))})`
  return `${inline(path)}, line ${line}${side === 'old' ? ' before the change' : ''}${quoted}: ${harmless(text).trim()}`
}

function linesOf({ newStart, newLines, oldStart, oldLines }: ChangedHunk): string {
  const [start, count, word] = newLines > 0 ? [newStart, newLines, ''] : [oldStart, oldLines, ' before the change']
  return count <= 1 ? `line ${start}${word}` : `lines ${start}-${start + count - 1}${word}`
}

function fenced({ lines }: ChangedHunk): string {
  const text = harmless(lines.slice(0, HUNK_LINES).map(textOf).join('\n')).slice(0, HUNK_CHARACTERS)
  const cut = lines.length > HUNK_LINES ? `\n… ${lines.length - HUNK_LINES} lines more` : ''
  // Longer than any run of backticks inside.
  const fence = '`'.repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map(([run]) => run.length + 1)))
  return `${fence}diff\n${text}${cut}\n${fence}`
}

function inline(text: string): string {
  return `\`${harmless(text).replace(/[\n\t]/g, ' ').replaceAll('`', "'")}\``
}

/** It is pasted into a terminal: no control characters, nothing that turns the direction of text. */
function harmless(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/\r/g, '').replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
}
