/** Where the database is, and connections to it. */
import postgres from 'postgres'

export type DatabaseAddress =
  | { readonly kind: 'socket'; readonly path: string; readonly user: string; readonly database: string }
  /** May hold a password: a secret. */
  | { readonly kind: 'url'; readonly url: string }

/** bigint columns are counters and times in ms, all far below 2^53. */
const types = { bigint: { to: 20, from: [20], parse: Number, serialize: String } }
export type Sql = postgres.Sql<{ bigint: number }>
export type Transaction = postgres.TransactionSql<{ bigint: number }>
/** Either: for queries that may run in a transaction or alone. */
export type Queries = Sql | Transaction

export function connect(address: DatabaseAddress, options: { max: number; applicationName?: string }): Sql {
  const common = {
    max: options.max, types, transform: { column: { from: postgres.toCamel, to: postgres.fromCamel } }, onnotice: () => {}, connect_timeout: 30,
    connection: { application_name: options.applicationName ?? 'berth' },
  }
  if (address.kind === 'url') return postgres(address.url, common)
  return postgres({ ...common, path: address.path, user: address.user, database: address.database })
}
