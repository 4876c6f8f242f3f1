/** Whether a database and a master key belong together; a restored database may have come without its key. */
import { BerthError } from '@berth/wire'
import type { Queries } from './address.ts'
import { unseal } from './crypto.ts'
import type { MasterKey } from './crypto.ts'

/** True also where nothing is sealed. */
export async function opensSecrets(sql: Queries, masterKey: MasterKey): Promise<boolean> {
  const [row] = await sql<{ workspaceId: string; sealed: string }[]>`select workspace_id, sealed from workspace_secrets limit 1`
  if (row === undefined) return true
  try {
    unseal(row.sealed, { key: masterKey, subject: row.workspaceId })
    return true
  } catch (error) {
    if (error instanceof BerthError && error.code === 'config_invalid') return false
    throw error
  }
}
