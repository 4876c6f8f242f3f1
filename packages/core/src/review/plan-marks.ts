/** What marks mean for the two trees: decided here, done by the server. */
import type { MarkRequest } from '@berth/wire/review'
import { isWhole } from './change.ts'
import type { ChangedFile, ChangedHunk, Changes, Piece } from './change.ts'

export interface Decided {
  readonly path: string
  /** '' is a file without hunks. */
  readonly hunkId: string
  readonly mark: 'accepted' | 'queued' | 'rejected'
  readonly reason: string | null
  readonly piece: Piece
  readonly by: string
  readonly at: number
  readonly appliedAt: number | null
  readonly toldAt: number | null
}
export type Mark = MarkRequest['marks'][number]

export interface Unit { readonly path: string; readonly hunkId: string; readonly piece: Piece; readonly reason: string | null; /** The whole file, however many hunks it has. */ readonly wholly: boolean }
export interface MarkPlan {
  readonly accept: readonly Unit[]
  readonly reject: readonly Unit[]
  /** Decided before, taken back now. */
  readonly reopen: readonly Decided[]
  readonly gone: readonly string[]
}

interface Marking {
  readonly changes: Changes
  readonly decided: readonly Decided[]
  readonly marks: readonly Mark[]
  /** Whether a file is still as it was in the tree that the person looked at; asked for whole files only. */
  readonly unchanged: (file: ChangedFile) => boolean
}

export function planMarks(input: Marking): MarkPlan {
  const files = new Map(input.changes.files.map((file) => [file.path, file]))
  const plan = { accept: new Map<string, Unit>(), reject: new Map<string, Unit>(), reopen: new Map<string, Decided>(), gone: [] as string[] }
  for (const mark of input.marks) {
    const meant = meaningOf(mark, input, files.get(mark.path))
    for (const one of meant.reopen) plan.reopen.set(keyOf(one), one)
    for (const unit of meant.units) {
      plan.accept.delete(keyOf(unit))
      plan.reject.delete(keyOf(unit))
      plan[mark.mark === 'accepted' ? 'accept' : 'reject'].set(keyOf(unit), unit)
    }
    if (meant.gone) plan.gone.push(mark.hunkId ?? mark.path)
  }
  return { accept: [...plan.accept.values()], reject: [...plan.reject.values()], reopen: [...plan.reopen.values()], gone: plan.gone }
}

function meaningOf(mark: Mark, { decided, unchanged }: Marking, file: ChangedFile | undefined): { reopen: readonly Decided[]; units: readonly Unit[]; gone: boolean } {
  const before = decided.filter((one) => one.path === mark.path && (mark.hunkId === undefined || one.hunkId === mark.hunkId))
  const present = unitsOf(file, mark)
  if (mark.mark === 'open') return { reopen: before, units: [], gone: before.length === 0 && present.length === 0 }
  // Accepted before and rejected now: it comes back into the difference first.
  const turned = mark.mark === 'rejected' ? before.filter((one) => one.mark === 'accepted') : []
  // A whole file is decided only as it was seen; a hunk is known by its content.
  const stale = mark.hunkId === undefined && file !== undefined && !unchanged(file)
  const units = stale ? [] : [...turned.map((one) => unitOf(one, mark)), ...present]
  return { reopen: stale ? [] : turned, units, gone: stale || (units.length === 0 && !before.some((one) => one.mark === mark.mark)) }
}

export const keyOf = ({ path, hunkId }: { path: string; hunkId: string }): string => `${path}\0${hunkId}`

/** Each part of a file that has a mark of its own. */
export function partsOf(file: ChangedFile): { hunkId: string; hunk: ChangedHunk | null }[] {
  if (file.hunks.length === 0) return [{ hunkId: '', hunk: null }]
  const parts = file.hunks.map((hunk) => ({ hunkId: hunk.hunkId, hunk }))
  return isWhole(file) ? parts.slice(0, 1) : parts
}

/** What a file that is rejected whole has besides its hunks: its new name or mode. */
function shellOf(file: ChangedFile, mark: Mark): Unit[] {
  if (mark.hunkId !== undefined || isWhole(file) || file.hunks.length === 0) return []
  if (file.status !== 'renamed' && file.from?.mode === file.to?.mode) return []
  const { hunks: _hunks, ...rest } = file
  return [{ path: file.path, hunkId: '', reason: mark.reason ?? null, piece: { file: rest, hunk: null }, wholly: true }]
}

function unitOf({ path, hunkId, piece }: Decided, mark: Mark): Unit {
  return { path, hunkId, piece, reason: mark.reason ?? null, wholly: isWhole(piece.file) || piece.hunk === null }
}

function unitsOf(file: ChangedFile | undefined, mark: Mark): Unit[] {
  if (file === undefined) return []
  const { hunks: _hunks, ...rest } = file
  const reason = mark.reason ?? null
  const units = partsOf(file).filter((part) => mark.hunkId === undefined || part.hunkId === mark.hunkId)
    .map(({ hunkId, hunk }) => ({ path: file.path, hunkId, reason, piece: { file: rest, hunk }, wholly: mark.hunkId === undefined || isWhole(file) || hunk === null }))
  return mark.mark === 'rejected' ? [...units, ...shellOf(file, mark)] : units
}
