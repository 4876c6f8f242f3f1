/**
 * Looks at a database that a person named before anything is built on it, so that a wrong address, login or right is
 * said in words. The URL may hold a password; what is said here names host and database only.
 */
import { connect } from '@berth/store'
import { BerthError } from '@berth/wire'

const WHERE = 'DATABASE_URL, or `databaseUrl` in config.yaml'
/** SQLSTATE, or what the network said, to what a person can do about it. */
const REASONS: Readonly<Record<string, { readonly why: string; readonly hint: string }>> = {
  '28P01': { why: 'it refuses the user or the password', hint: `correct the login in ${WHERE}` },
  '28000': { why: 'it refuses the user', hint: `correct the login in ${WHERE}, or allow it in pg_hba.conf` },
  '3D000': { why: 'it has no database of that name', hint: 'make it with `createdb`, or name another one' },
  '53300': { why: 'it takes no more connections', hint: 'raise max_connections, or close others' },
  '57P03': { why: 'it is starting or stopping', hint: 'try again in a moment' },
}

export async function requireExternalDatabase(text: string): Promise<void> {
  const url = URL.parse(text)
  if (!url || !/^postgres(ql)?:$/.test(url.protocol)) throw new BerthError('config_invalid', 'that is no address of a PostgreSQL', { hint: `${WHERE}, is written as postgres://user:password@host:5432/database` })
  const sql = connect({ kind: 'url', url: text }, { max: 1, applicationName: 'berth check' })
  try {
    const [row] = await sql<{ mayCreate: boolean }[]>`select has_database_privilege(current_database(), 'create') and has_schema_privilege(current_schema(), 'create') as may_create`
    if (row?.mayCreate !== true) throw new BerthError('config_invalid', `the user may not create tables in ${nameOf(url)}`, { hint: 'make the user the owner of the database' })
  } catch (cause) {
    throw cause instanceof BerthError ? cause : refused(url, cause)
  } finally {
    await sql.end({ timeout: 1 }).catch(() => undefined)
  }
}

function refused(url: URL, cause: unknown): BerthError {
  const code = String((cause as { code?: unknown } | null)?.code ?? '')
  const known = REASONS[code]
  const message = `${nameOf(url)} cannot be used: ${known?.why ?? (code || 'it does not answer')}`
  return new BerthError('database_unavailable', message, { hint: known?.hint ?? `is it running, and is ${WHERE}, right?`, details: { code }, cause })
}

function nameOf({ hostname, port, pathname, searchParams }: URL): string {
  const host = searchParams.get('host') ?? (hostname || 'localhost')
  return `the database ${decodeURIComponent(pathname.slice(1)) || '(of the user\'s name)'} at ${host}${port ? `:${port}` : ''}`
}
