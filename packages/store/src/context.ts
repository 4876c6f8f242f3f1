/** What every part of the store is given. */
import type { Ids } from '@berth/wire'
import type { Sql } from './address.ts'

export interface StoreContext {
  readonly sql: Sql
  readonly ids: Ids
  readonly random: (bytes: number) => Uint8Array
  /** 32 bytes. A secret. */
  readonly masterKey: Uint8Array
  readonly log: (line: string) => void
}
