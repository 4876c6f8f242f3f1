import { afterAll, afterEach, expect, test } from 'bun:test'
import { join } from 'node:path'
import { connect } from './address.ts'
import { takeLead, type Lead } from './lead.ts'
import { openTestDatabase } from './testing.ts'

const database = await openTestDatabase()
const address = { kind: 'url', url: database.url } as const
afterAll(() => database.close())
const after: (() => Promise<unknown> | void)[] = []
afterEach(async () => {
  for (let next = after.pop(); next; next = after.pop()) await next()
})

/** `waiting`: it was seen that another leads. */
function ask(): { lead: Promise<Lead>; waiting: Promise<void>; away: Promise<unknown>; cancel(): void } {
  const ending = new AbortController()
  const { promise: waiting, resolve } = Promise.withResolvers<void>()
  const away = Promise.withResolvers<unknown>()
  const lead = takeLead(address, { signal: ending.signal, waits: resolve, away: away.resolve })
  after.push(async () => {
    ending.abort()
    await lead.then((held) => held.release(), () => {})
  })
  return { lead, waiting, away: away.promise, cancel: () => ending.abort() }
}

test('one leads, the other waits and follows when it is let go', async () => {
  const first = await ask().lead
  const second = ask()
  await second.waiting
  await first.release()
  await second.lead
})

test('who waits can be told to stop', async () => {
  await ask().lead
  const second = ask()
  await second.waiting
  second.cancel()
  await expect(second.lead).rejects.toMatchObject({ code: 'cancelled' })
})

test('a leader that was killed is followed', async () => {
  const script = `import { takeLead } from ${JSON.stringify(join(import.meta.dir, 'lead.ts'))}
await takeLead({ kind: 'url', url: process.env.DATABASE_URL }, { signal: new AbortController().signal, waits() {}, away() {} })
console.log('leads')
setInterval(() => {}, 1000)`
  const child = Bun.spawn([process.execPath, '-e', script], { env: { ...process.env, DATABASE_URL: database.url }, stdout: 'pipe', stderr: 'inherit' })
  after.push(() => child.kill('SIGKILL'))
  const { value } = await child.stdout.getReader().read()
  expect(new TextDecoder().decode(value)).toContain('leads')
  const second = ask()
  await second.waiting
  child.kill('SIGKILL')
  await second.lead
})

test('who waits goes on when the database is away for a while, and who begins says so', async () => {
  const beside = await openTestDatabase()
  after.push(() => beside.close())
  const name = new URL(database.url).pathname.slice(1)
  const reachable = (is: boolean) => beside.sql.unsafe(`alter database "${name}" allow_connections ${is}`)
  const first = await ask().lead
  const second = ask()
  await second.waiting
  await reachable(false)
  after.push(() => reachable(true))
  expect(String(await Promise.race([second.away, second.lead]))).toContain('not currently accepting connections')
  await expect(ask().lead).rejects.toThrow('not currently accepting connections')
  await reachable(true)
  await first.release()
  await second.lead
}, 30_000)

test('a leader learns that its session is gone, though the driver would have another one', async () => {
  const first = await ask().lead
  const sql = connect(address, { max: 1 })
  after.push(() => sql.end())
  const ended = await sql`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`
  expect(ended).toHaveLength(1)
  await first.lost
  await ask().lead
})
