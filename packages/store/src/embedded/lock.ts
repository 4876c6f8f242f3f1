/** A lock on a file, held by the kernel for as long as the process lives: none is stale after kill -9. */
import { Database } from 'bun:sqlite'
import { chmodSync } from 'node:fs'
import { BerthError } from '@berth/wire'

/** Returns the release. Throws `server_running` when another server (or this one) has it; `what` it uses then. */
export function takeLock(path: string, what: string): () => void {
  const database = new Database(path, { create: true })
  try {
    chmodSync(path, 0o600)
    // Nothing is ever written; an exclusive transaction is a lock that the kernel drops with the process.
    database.run('pragma busy_timeout = 0')
    database.run('begin exclusive')
  } catch (cause) {
    database.close()
    if ((cause as { code?: string }).code?.startsWith('SQLITE_BUSY') !== true) throw cause
    throw new BerthError('server_running', `another server uses ${what}`, { hint: 'see `berth server status`; stop it with `berth server stop`', cause })
  }
  return () => database.close()
}
