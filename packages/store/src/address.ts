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

export interface ConnectOptions {
  readonly max: number
  readonly applicationName?: string
  /** `database`: as in SQL, for a library that reads the rows. */
  readonly columnNames?: 'camelCase' | 'database'
  onNotify?(channel: string, payload: string): void
  /** A connection is gone. */
  onClose?(): void
}

export function connect(address: DatabaseAddress, options: ConnectOptions): Sql {
  const common = {
    max: options.max, types,
    ...(options.columnNames === 'database' ? {} : { transform: { column: { from: postgres.toCamel, to: postgres.fromCamel } } }),
    // A database that was killed is back within a second; nobody should hear of it much later.
    backoff: (retries: number) => Math.min(0.05 * 2 ** retries, 1), onnotice: () => {}, connect_timeout: 30,
    ...(options.onNotify === undefined ? {} : { onnotify: options.onNotify }),
    ...(options.onClose === undefined ? {} : { onclose: options.onClose, idle_timeout: 0, max_lifetime: null }),
    connection: { application_name: options.applicationName ?? 'berth' },
  }
  if (address.kind === 'socket') return postgres({ ...common, path: address.path, user: address.user, database: address.database })
  const { url, path } = socketOf(address.url)
  return postgres(url, path === null ? common : { ...common, path })
}

/** `?host=/dir` is PostgreSQL's own way to write a socket in a URL; the driver does not know it. */
function socketOf(text: string): { url: string; path: string | null } {
  const url = URL.parse(text)
  const dir = url?.searchParams.get('host')
  if (url === null || dir?.startsWith('/') !== true) return { url: text, path: null }
  url.searchParams.delete('host')
  return { url: url.href, path: `${dir}/.s.PGSQL.${url.port === '' ? '5432' : url.port}` }
}
