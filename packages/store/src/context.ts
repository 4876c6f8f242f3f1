/** What every part of the store is given. */
import type { Ids } from '@berth/wire'
import type { Sql } from './address.ts'
import type { MasterKey } from './crypto.ts'

export interface StoreContext {
  readonly sql: Sql
  readonly ids: Ids
  readonly random: (bytes: number) => Uint8Array
  /** 32 bytes. A secret. */
  readonly masterKey: MasterKey
  readonly log: (line: string) => void
}
