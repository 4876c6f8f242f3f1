/** What changed between two texts of a file, as one hunk: for a reader, not for a patch program. */
import type { FileDiff } from '@berth/wire'

const AROUND = 3
const PATCH_LIMIT = 12 * 1024

const linesOf = (text: string): string[] => (text === '' ? [] : (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n'))

export function diffOf(path: string, before: string | null, after: string | null): FileDiff {
  const [old, made] = [linesOf(before ?? ''), linesOf(after ?? '')]
  let head = 0
  while (head < old.length && head < made.length && old[head] === made[head]) head++
  let tail = 0
  while (tail < old.length - head && tail < made.length - head && old.at(-1 - tail) === made.at(-1 - tail)) tail++
  const removed = old.slice(head, old.length - tail)
  const added = made.slice(head, made.length - tail)
  const from = Math.max(0, head - AROUND)
  const above = old.slice(from, head)
  const below = old.slice(old.length - tail, old.length - tail + AROUND)
  const size = (lines: number): number => above.length + lines + below.length
  const start = (lines: number): number => (size(lines) === 0 ? 0 : from + 1)
  const patch = [
    `@@ -${start(removed.length)},${size(removed.length)} +${start(added.length)},${size(added.length)} @@`,
    ...above.map((line) => ` ${line}`), ...removed.map((line) => `-${line}`), ...added.map((line) => `+${line}`), ...below.map((line) => ` ${line}`),
  ].join('\n')
  return { path, added: added.length, removed: removed.length, patch: patch.length > PATCH_LIMIT ? null : patch }
}

/** A unified diff that the agent made itself. */
export function diffOfPatch(path: string, patch: string): FileDiff {
  const lines = patch.split('\n').filter((line) => !line.startsWith('+++') && !line.startsWith('---'))
  return { path, added: lines.filter((line) => line.startsWith('+')).length, removed: lines.filter((line) => line.startsWith('-')).length, patch: patch.length > PATCH_LIMIT ? null : patch }
}
