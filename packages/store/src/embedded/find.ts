/** The built-in database of a home without starting it: whether there is one, and where it answers when it runs. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { DatabaseAddress } from '../address.ts'
import { preparePlaces } from './places.ts'
import { socketAddress } from './start.ts'

export async function findEmbedded(home: string): Promise<{ readonly address: DatabaseAddress; readonly exists: boolean }> {
  const { data, socketDir } = await preparePlaces(home)
  return { address: socketAddress(socketDir), exists: await access(join(data, 'PG_VERSION')).then(() => true, () => false) }
}
