/** For what runs on while its server is away: the server of this home may come back at another address. */
import { createClient } from '@berth/client'
import { BerthError } from '@berth/wire/error'
import type { Connection } from '../context.ts'
import { findServer, readToken } from './find.ts'

/**
 * The connection to use from now on. The server is looked for and never started, for whoever stopped it meant it; and it
 * is asked who it is first, because the port of before may be another program's by now, which must not hear the token.
 */
export async function findAgain(home: string, before: Connection): Promise<Connection> {
  if (!before.local) return before
  const found = await findServer(home)
  if (found.kind !== 'running') throw new BerthError('server_unreachable', 'the server is not running')
  if (found.file.url === before.endpoint.url) return before
  const endpoint = { url: found.file.url, token: await readToken(home) }
  return { client: createClient(endpoint), endpoint, local: true }
}
