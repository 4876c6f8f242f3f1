/** Patches of chosen hunks, and what is moved as a whole. */
import type { Bytes } from '@berth/wire/git-bytes'
import { pathBytes } from '@berth/wire/git-bytes'
import type { TreeMove } from '@berth/wire/review'
import type { ChangedHunk, Piece } from './change.ts'

/** What is to be put on a tree: a patch for hunks, moves for whole files. */
export interface TreeChange { readonly patch: Bytes; readonly moves: readonly TreeMove[] }
export const NOTHING: TreeChange = { patch: '', moves: [] }

/**
 * `reviewed`: hunks of this file stand where the reviewed tree has them, and its rename and mode come along.
 * `worktree`: where the worktree has them; only contents.
 */
export type Side = 'reviewed' | 'worktree'

/** Of pieces that have hunks. Those of one file stand together, in their order. */
export function patchOf(pieces: readonly Piece[], side: Side): Bytes {
  const files = new Map<string, { piece: Piece; hunks: ChangedHunk[] }>()
  for (const piece of pieces) {
    if (piece.hunk === null) continue
    const known = files.get(piece.file.path)
    if (known === undefined) files.set(piece.file.path, { piece, hunks: [piece.hunk] })
    else known.hunks.push(piece.hunk)
  }
  return [...files.values()].map(({ piece, hunks }) => `${headOf(piece.file, side)}${placed(hunks, side).join('')}`).join('')
}

/** Git looks for a hunk first where its head says: the side that is there stays, the other follows from the hunks before it. */
function placed(hunks: readonly ChangedHunk[], side: Side): Bytes[] {
  const start = (hunk: ChangedHunk): number => (side === 'reviewed' ? hunk.oldStart : hunk.newStart)
  let moved = 0
  return [...hunks].sort((a, b) => start(a) - start(b)).map((hunk) => {
    const { oldLines, newLines } = hunk
    const fixed = side === 'reviewed' ? { at: hunk.oldStart, lines: oldLines, other: newLines } : { at: hunk.newStart, lines: newLines, other: oldLines }
    // With no lines on a side, git names the line before it.
    const zeroBased = fixed.lines === 0 ? fixed.at : fixed.at - 1
    const there = zeroBased + moved + (fixed.other === 0 ? 0 : 1)
    moved += fixed.other - fixed.lines
    const [oldStart, newStart] = side === 'reviewed' ? [fixed.at, there] : [there, fixed.at]
    return `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@\n${hunk.lines.join('\n')}\n`
  })
}

function headOf(file: Piece['file'], side: Side): Bytes {
  const path = quoted(file.path)
  if (side === 'worktree') return `diff --git ${q('a/', file.path)} ${q('b/', file.path)}\n--- ${q('a/', file.path)}\n+++ ${q('b/', file.path)}\n`
  const old = file.oldPath ?? file.path
  const mode = file.from !== null && file.to !== null && file.from.mode !== file.to.mode ? `old mode ${file.from.mode}\nnew mode ${file.to.mode}\n` : ''
  const rename = file.status === 'renamed' ? `rename from ${quoted(old)}\nrename to ${path}\n` : ''
  return `diff --git ${q('a/', old)} ${q('b/', file.path)}\n${mode}${rename}--- ${q('a/', old)}\n+++ ${q('b/', file.path)}\n`
}

const q = (prefix: string, path: string): Bytes => quoted(path, prefix)

/** As git quotes names in patches: octal for all that is not plain. */
function quoted(path: string, prefix = ''): Bytes {
  const bytes = prefix + pathBytes(path)
  if (/^[A-Za-z0-9._/@+-]+$/.test(bytes)) return bytes
  return `"${bytes.replace(/[^A-Za-z0-9._/@+ -]/g, (byte) => `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`)}"`
}

/** What takes an accepted hunk back out of the reviewed tree: only contents, about where it was put. */
export function inverted({ file, hunk }: Piece & { hunk: ChangedHunk }): Piece {
  const oldStart = hunk.oldStart + (hunk.oldLines === 0 ? 1 : 0)
  return {
    file: { ...file, from: file.to, oldPath: null, status: 'modified' },
    hunk: { ...hunk, oldStart, oldLines: hunk.newLines, newStart: hunk.oldStart, newLines: hunk.oldLines, lines: invertedLines(hunk.lines) },
  }
}

/** Removed lines stand before added ones, as git wants them. */
function invertedLines(lines: readonly Bytes[]): Bytes[] {
  const out: Bytes[] = []
  let removed: Bytes[] = []
  let added: Bytes[] = []
  let last: Bytes[] = out
  const flush = (): void => {
    out.push(...removed, ...added)
    removed = []
    added = []
  }
  for (const line of lines) {
    if (line[0] === '+') (last = removed).push(`-${line.slice(1)}`)
    else if (line[0] === '-') (last = added).push(`+${line.slice(1)}`)
    else if (line[0] === '\\') last.push(line)
    else {
      flush()
      ;(last = out).push(line)
    }
  }
  flush()
  return out
}

/** The whole file from what it was to what it is. */
export function movesOf({ file }: Piece): TreeMove[] {
  const { path, oldPath, from, to } = file
  if (file.status === 'copied') return [{ path, from: null, to }]
  if (oldPath === null) return [{ path, from, to }]
  return [{ path: oldPath, from, to: null }, { path, from: null, to }]
}

export const backwards = (moves: readonly TreeMove[]): TreeMove[] => moves.map(({ path, from, to }) => ({ path, from: to, to: from }))
