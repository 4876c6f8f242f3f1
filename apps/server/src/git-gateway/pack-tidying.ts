/** What was kept and goes again: what a server left that was ended while it wrote, what is too much, and what nobody used. */
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '@berth/core'

/** How what is still written ends in its name. */
export const UNFINISHED = '.part'
const UNUSED_MS = 7 * 24 * 3600_000
const TIDY_MS = 3600_000
/** Of those that are smaller than it is worth: they were asked ahead, for a clone that comes soon. */
const SMALL_UNUSED_MS = 3600_000

export function createTidying({ dir, clock, limits, isWritten }: { dir: string; clock: Clock; limits: { readonly leastBytes: number; readonly totalBytes: number }; isWritten(name: string): boolean }): { isDue(): boolean; tidy(): Promise<void> } {
  let tidiedAt = -Infinity
  return {
    isDue: () => clock.now() > tidiedAt + TIDY_MS,
    async tidy() {
      tidiedAt = clock.now()
      const found = await Promise.all((await readdir(dir).catch(() => [])).map(async (name) => ({ name, ...await usedOf(join(dir, name)) })))
      let kept = 0
      for (const { name, size, usedAt } of found.toSorted((a, b) => b.usedAt - a.usedAt)) {
        if (name.endsWith(UNFINISHED)) {
          if (!isWritten(name.slice(0, name.indexOf('.')))) await rm(join(dir, name), { force: true })
          continue
        }
        kept += size
        if (kept > limits.totalBytes || usedAt < clock.now() - (size < limits.leastBytes ? SMALL_UNUSED_MS : UNUSED_MS)) await rm(join(dir, name), { force: true })
      }
    },
  }
}

const usedOf = async (path: string): Promise<{ size: number; usedAt: number }> => stat(path).then(({ size, mtimeMs }) => ({ size, usedAt: mtimeMs }), () => ({ size: 0, usedAt: 0 }))
