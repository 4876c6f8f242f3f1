/** Two servers of which one serves, as processes: the one that serves is killed. */
import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openTestDatabase } from '@berth/store/testing'

setDefaultTimeout(90_000)
const after: (() => Promise<unknown> | void)[] = []
afterEach(async () => {
  for (let next = after.pop(); next; next = after.pop()) await next()
})

interface Replica { readonly url: string; readonly child: Bun.Subprocess; readonly home: string }
async function replica(databaseUrl: string, shared: { masterKey: string }): Promise<Replica> {
  const home = await mkdtemp(join(tmpdir(), 'berth-replica-'))
  after.push(() => rm(home, { recursive: true, force: true }))
  const port = await freePort()
  await Bun.write(join(home, 'config.yaml'), `standby: true\nport: ${port}\npreviews: { port: 0 }\n`)
  const child = Bun.spawn([process.execPath, join(import.meta.dir, '..', 'main.ts'), 'serve', '--home', home], {
    env: { ...process.env, DATABASE_URL: databaseUrl, BERTH_MASTER_KEY_COMMAND: `echo ${shared.masterKey}` }, stdout: 'ignore', stderr: 'inherit',
  })
  after.push(async () => {
    child.kill('SIGKILL')
    await child.exited
  })
  return { url: `http://127.0.0.1:${port}`, child, home }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => { server.close(resolve) })
  return port
}

async function says(url: string, path: string, holds: (status: number, body: Record<string, unknown>) => boolean): Promise<void> {
  for (;;) {
    const answer = await fetch(`${url}${path}`).catch(() => null)
    if (answer !== null && holds(answer.status, await answer.json() as Record<string, unknown>)) return
    await Bun.sleep(50)
  }
}
const serves = (url: string) => says(url, '/readyz', (status) => status === 200)
const waits = (url: string) => says(url, '/readyz', (status, { checks }) => status === 503 && (checks as { turn?: boolean }).turn === false)

test('one of two serves, the other says that it lives and is not ready, and serves when the first is killed', async () => {
  const database = await openTestDatabase()
  after.push(() => database.close())
  const shared = { masterKey: crypto.getRandomValues(new Uint8Array(32)).toHex() }
  const first = await replica(database.url, shared)
  await serves(first.url)
  const second = await replica(database.url, shared)
  await waits(second.url)
  expect(await (await fetch(`${second.url}/healthz`)).json()).toEqual({ alive: true })
  const refused = await fetch(`${second.url}/api/v1/workspaces`)
  expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([503, 'server_unreachable'])
  first.child.kill('SIGKILL')
  await serves(second.url)

  // Who stood by ends when it is told to, also as the first process of a container.
  const third = await replica(database.url, shared)
  await waits(third.url)
  third.child.kill('SIGTERM')
  expect(await third.child.exited).not.toBe(0)

  // Nobody serves who is not known to hold the turn.
  const fourth = await replica(database.url, shared)
  await waits(fourth.url)
  await database.sql`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database()) and pid <> pg_backend_pid() and objid = 1818583396`
  // It is to be started again.
  expect(await second.child.exited).not.toBe(0)
  await serves(fourth.url)
})
