/** The programs at a place that the database's own user can reach and run. */
import { cp, mkdir, rename, rm, stat } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { canReach, type UserIds } from './places.ts'

const OUTSIDE = '/var/lib/berth/programs'

/** Below a directory that only root can enter they are copied, once. */
export async function reachableBinaries(binaries: string, runAs: UserIds | null): Promise<string> {
  if (runAs === null || await canReach(join(binaries, 'bin'), runAs)) return binaries
  const { mtimeMs, size } = await stat(join(binaries, 'bin', 'postgres'))
  const name = createHash('sha256').update(`${binaries} ${mtimeMs} ${size}`).digest('hex').slice(0, 16)
  const copy = join(OUTSIDE, name)
  if (await stat(copy).then(() => true, () => false)) return copy
  await mkdir(OUTSIDE, { recursive: true, mode: 0o755 })
  // Whole under its final name or not there at all.
  const partial = `${copy}.${process.pid}.new`
  await cp(binaries, partial, { recursive: true, verbatimSymlinks: true, mode: 0 })
  await rename(partial, copy).catch(async () => rm(partial, { recursive: true, force: true }))
  return copy
}
