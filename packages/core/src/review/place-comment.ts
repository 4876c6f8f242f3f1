/** Where a comment stands now: at the line it quotes, as near as can be to where that was. */
import { textOf } from '@berth/wire/git-bytes'
import type { ReviewComment } from '@berth/wire/review'
import type { ChangedHunk } from './change.ts'

export function placeComment<C extends Pick<ReviewComment, 'side' | 'line' | 'quote'>>(comment: C, hunks: readonly ChangedHunk[]): C {
  const sign = comment.side === 'old' ? '-' : '+'
  const wanted = comment.quote.replace(/\r$/, '')
  let nearest: number | null = null
  for (const hunk of hunks) {
    const [start, count] = comment.side === 'old' ? [hunk.oldStart, hunk.oldLines] : [hunk.newStart, hunk.newLines]
    let line = count === 0 ? start + 1 : start
    for (const text of hunk.lines) {
      if (text[0] !== ' ' && text[0] !== sign) continue
      const fits = textOf(text.slice(1)).replace(/\r$/, '').slice(0, QUOTE_LIMIT) === wanted
      if (fits && (nearest === null || Math.abs(line - comment.line) < Math.abs(nearest - comment.line))) nearest = line
      line++
    }
  }
  return nearest === null ? comment : { ...comment, line: nearest }
}

/** Of the contract: a longer line is quoted to here. */
const QUOTE_LIMIT = 2000
