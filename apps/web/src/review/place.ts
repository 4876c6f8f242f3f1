/** Where one is in a review and what comes next. Pure. */
import type { Hunk, HunkMark, Review, ReviewFile } from '@berth/wire/review'

/** What is decided at once: a hunk, or a file that has none (binary, submodule, mode, pure rename). */
export interface Unit { readonly path: string; readonly hunkId: string | null; readonly mark: HunkMark; readonly reason: string | null }

export function unitsOfFile(file: ReviewFile): Unit[] {
  // A huge file is decided as a whole, also when it was loaded to be read.
  if (file.hunks.length === 0 || file.huge) return [{ path: file.path, hunkId: null, mark: file.mark, reason: file.reason }]
  return file.hunks.map((hunk) => ({ path: file.path, hunkId: hunk.hunkId, mark: hunk.mark, reason: hunk.reason }))
}

export function unitsOf(review: Review): Unit[] {
  return review.files.flatMap(unitsOfFile)
}

export interface Place { readonly path: string | null; readonly hunkId: string | null }
/** After the last file stands the card that ends the review. */
export const AT_END: Place = { path: null, hunkId: null }

const same = (place: Place, unit: Unit) => unit.path === place.path && unit.hunkId === place.hunkId

/** The next thing to decide after this place, round the corner if need be; the end when nothing is open. */
export function nextOpen(review: Review, from: Place): Place {
  const units = unitsOf(review)
  const at = units.findIndex((unit) => same(from, unit))
  const order = [...units.slice(at + 1), ...units.slice(0, at + 1)]
  const open = order.find((unit) => unit.mark === 'open')
  return open ? { path: open.path, hunkId: open.hunkId } : AT_END
}

/** `by` +1 or -1 hunk, over the borders of files; it stops at the first hunk and at the end. */
export function stepHunk(review: Review, from: Place, by: 1 | -1): Place {
  const units = unitsOf(review)
  const at = from.path === null ? units.length : units.findIndex((unit) => same(from, unit))
  const next = units[Math.max(0, at + by)]
  return next ? { path: next.path, hunkId: next.hunkId } : AT_END
}

export function stepFile(review: Review, from: Place, by: 1 | -1): Place {
  const at = from.path === null ? review.files.length : review.files.findIndex((file) => file.path === from.path)
  return toFile(review, Math.max(0, at + by))
}

/** The first open hunk of the file, else its first. */
export function toFile(review: Review, index: number): Place {
  const file = review.files[index]
  if (!file) return AT_END
  const units = unitsOfFile(file)
  const unit = units.find(({ mark }) => mark === 'open') ?? units[0]
  return { path: file.path, hunkId: unit?.hunkId ?? null }
}

/** The same place after the review was read again: the hunk, else one of the same file, else what is open. */
export function settle(review: Review, place: Place, begun: boolean): Place {
  if (!begun) return nextOpen(review, AT_END)
  if (place.path === null) return place
  const index = review.files.findIndex((file) => file.path === place.path)
  if (index < 0) return nextOpen(review, AT_END)
  const file = review.files[index]
  return file && unitsOfFile(file).some((unit) => same(place, unit)) ? place : toFile(review, index)
}

/** What stands unsaid: comments and rejections the agent was not told. */
export function unsentOf(review: Review): { comments: number; rejections: number } {
  const comments = review.comments.filter((comment) => !comment.sent).length
  return { comments, rejections: Math.max(0, review.unsent - comments) }
}

export function unsentWords({ comments, rejections }: { comments: number; rejections: number }, joined = ' + '): string {
  const count = (n: number, word: string) => (n === 0 ? [] : [`${n} ${word}${n === 1 ? '' : 's'}`])
  return [...count(comments, 'comment'), ...count(rejections, 'rejection')].join(joined)
}

export function totalsOf(files: readonly Pick<ReviewFile, 'added' | 'removed'>[]): { added: number; removed: number } {
  return files.reduce((sum, file) => ({ added: sum.added + file.added, removed: sum.removed + file.removed }), { added: 0, removed: 0 })
}

/** Hunks that were decided about while they had changed, or that the machine could not take out. */
export function goneWords(gone: readonly string[], because: string | null): string | null {
  if (gone.length === 0) return null
  if (because !== null) return `${because.charAt(0).toUpperCase()}${because.slice(1)}. Nothing was done with ${gone.length === 1 ? 'it' : `${gone.length} changes`}.`
  return gone.length === 1 ? 'This change is no longer in the tree; nothing was done with it.' : `${gone.length} changes are no longer in the tree; nothing was done with them.`
}

/** The new side between the first and the last changed line: what editing by hand replaces, and what copying takes. */
export function newText({ lines }: Pick<Hunk, 'lines'>): string {
  const changed = (line: string) => line.startsWith('+') || line.startsWith('-')
  const core = lines.slice(lines.findIndex(changed), lines.findLastIndex(changed) + 1)
  return core.filter((line) => line.startsWith('+') || line.startsWith(' ')).map((line) => line.slice(1).replace(/\r$/, '')).join('\n')
}
