/** The review as people see it: what is open now, and what was decided and not told or committed yet. */
import { textOf } from '@berth/wire/git-bytes'
import type { Hunk, HunkMark, Review, ReviewComment, ReviewFile } from '@berth/wire/review'
import { isWhole } from './change.ts'
import type { ChangedFile, ChangedHunk, Changes } from './change.ts'
import { placeComment } from './place-comment.ts'
import { keyOf, partsOf } from './plan-marks.ts'
import type { Decided } from './plan-marks.ts'

export interface ReviewState {
  readonly reviewed: string
  readonly tree: string
  readonly changes: Changes
  readonly decided: readonly Decided[]
  readonly comments: readonly ReviewComment[]
  readonly busy: boolean
}

export function viewReview(state: ReviewState): Review {
  const current = new Map(state.changes.files.map((file) => [file.path, file]))
  const standing = state.decided.filter(({ toldAt }) => toldAt === null)
  const marks = new Map(standing.filter(({ mark }) => mark === 'queued').map((one) => [keyOf(one), one]))
  const open = state.changes.files.flatMap((file) => partsOf(file).map(({ hunkId }) => keyOf({ path: file.path, hunkId }))).filter((key) => !marks.has(key))
  // What is not in the difference any more is shown as it was when somebody decided about it.
  const past = standing.filter((one) => !isShown(current.get(one.path), one))
  const names = new Set([...current.keys(), ...past.map(({ path }) => path)])
  const files = [...names].map((path) => fileView({ file: current.get(path) ?? null, marks, past: past.filter((one) => one.path === path) }))
  return {
    reviewed: state.reviewed, tree: state.tree, files: files.filter((file) => file !== null).sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0)),
    omitted: state.changes.omitted,
    comments: state.comments.map((comment) => placeComment(comment, hunksAt(comment.path, current.get(comment.path), past))),
    progress: { decided: standing.length, total: standing.length + open.length },
    unsent: standing.filter(({ mark }) => mark !== 'accepted').length + state.comments.filter(({ sent }) => !sent).length,
    busy: state.busy,
  }
}

function isShown(file: ChangedFile | undefined, one: Decided): boolean {
  return one.mark === 'queued' && file !== undefined && partsOf(file).some(({ hunkId }) => hunkId === one.hunkId)
}

const hunksAt = (path: string, file: ChangedFile | undefined, past: readonly Decided[]): ChangedHunk[] =>
  [...(file?.hunks ?? []), ...past.filter((one) => one.path === path).flatMap(({ piece }) => piece.hunk ?? [])]

type Marked = { mark: HunkMark; reason: string | null }

function fileView({ file, marks, past }: { file: ChangedFile | null; marks: ReadonlyMap<string, Decided>; past: readonly Decided[] }): ReviewFile | null {
  const about = file ?? past[0]?.piece.file
  if (about === undefined) return null
  const markOf = (hunkId: string): Marked => {
    const found = marks.get(keyOf({ path: about.path, hunkId }))
    return found === undefined ? { mark: 'open', reason: null } : { mark: found.mark, reason: found.reason }
  }
  // The parts of a file that is decided whole share the mark of its first.
  const first = file !== null && isWhole(file) ? partsOf(file)[0]?.hunkId : undefined
  const hunks = [
    ...(file?.hunks ?? []).map((hunk) => hunkView(hunk, markOf(first ?? hunk.hunkId))),
    ...past.flatMap(({ piece, mark, reason }) => (piece.hunk === null ? [] : [hunkView(piece.hunk, { mark, reason })])),
  ].sort((a, b) => a.newStart - b.newStart)
  return {
    path: about.path, oldPath: about.oldPath, status: about.status, kind: about.kind,
    oldMode: about.from?.mode ?? null, newMode: about.to?.mode ?? null, before: about.before, after: about.after,
    added: about.added, removed: about.removed, huge: about.huge, hunks, crlf: hunks.some(hasCrlf),
    ...(file === null ? pastMark(past) : markOf('')),
  }
}

function pastMark(past: readonly Decided[]): Marked {
  const one = past.find(({ hunkId }) => hunkId === '') ?? past[0]
  return one === undefined ? { mark: 'open', reason: null } : { mark: one.mark, reason: one.reason }
}

const hasCrlf = ({ lines }: Hunk): boolean => lines.some((line) => (line[0] === '+' || line[0] === ' ') && line.endsWith('\r'))

function hunkView({ hunkId, oldStart, oldLines, newStart, newLines, section, lines }: ChangedHunk, marked: { mark: HunkMark; reason: string | null }): Hunk {
  return { hunkId, oldStart, oldLines, newStart, newLines, section: textOf(section), lines: lines.map(textOf), ...marked }
}
