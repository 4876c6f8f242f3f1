/** A hunk is known by its content: see `packages/wire/src/review.ts`. */
import type { Bytes } from '@berth/wire/git-bytes'
import type { ChangedHunk } from './change.ts'
import type { HashBytes } from './read-git.ts'

const CONTEXT = 3
const DIGITS = 16

export function nameHunks(path: Bytes, hunks: readonly Omit<ChangedHunk, 'hunkId'>[], hash: HashBytes): ChangedHunk[] {
  const seen = new Map<string, number>()
  return hunks.map((hunk) => {
    const id = hash(identity(path, hunk.lines)).slice(0, DIGITS)
    const count = (seen.get(id) ?? 0) + 1
    seen.set(id, count)
    return { hunkId: count === 1 ? id : `${id}-${count}`, ...hunk }
  })
}

function identity(path: Bytes, lines: readonly Bytes[]): Bytes {
  const first = lines.findIndex((line) => line[0] === '+' || line[0] === '-')
  const before = lines.slice(0, Math.max(0, first)).slice(-CONTEXT).map((line) => line.slice(1))
  const changed = lines.filter((line) => line[0] === '+' || line[0] === '-')
  return [path, before.join('\n'), changed.join('\n')].join('\0')
}
