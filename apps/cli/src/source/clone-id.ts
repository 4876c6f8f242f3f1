/** Which clone of which machine some code was sent from: two of them know nothing of each other's uncommitted work. */
import { createHash } from 'node:crypto'
import { realpath } from 'node:fs/promises'
import { hostname } from 'node:os'

export async function cloneId(top: string): Promise<string> {
  const path = await realpath(top).catch(() => top)
  return createHash('sha256').update(`${hostname()}\0${path}`).digest('hex').slice(0, 16)
}
