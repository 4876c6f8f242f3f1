import { afterEach, expect, it } from 'bun:test'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Embedded, startEmbedded } from './embedded/start.ts'
import { openStore } from './open-store.ts'
import { aWorkspace, refusal } from './store-fixtures.ts'
import { TEST_MASTER_KEY } from './testing.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => { for (const cleanup of cleanups.splice(0).toReversed()) await cleanup() }, 20_000)

it('an open store goes on, and hears of events, when its database was killed and started again', async () => {
  const home = await mkdtemp(join(tmpdir(), 'berth-test-restart-'))
  cleanups.push(() => rm(home, { recursive: true, force: true }))
  await chmod(home, 0o711)
  const begin = async (): Promise<Embedded> => {
    const embedded = await startEmbedded({ home })
    cleanups.push(() => embedded.stop())
    return embedded
  }
  const first = await begin()
  const store = await openStore({ database: first.address, masterKey: TEST_MASTER_KEY, connections: 2 })
  cleanups.push(() => store.close())
  const { id } = await aWorkspace(store, 1)
  const ended = Promise.withResolvers<void>()
  first.onExit(() => ended.resolve())
  process.kill(first.pid, 'SIGKILL')
  await ended.promise
  // Away until connecting again is refused; a session that was open may answer once more before it notices.
  const refused = async () => ['ECONNREFUSED', 'ENOENT'].includes((await refusal(store.events.tail(id)) as { code?: string } | null)?.code ?? '')
  while (!await refused());
  await begin()

  const heard = Promise.withResolvers<void>()
  store.events.onAppend((workspaceId) => { if (workspaceId === id) heard.resolve() })
  const append = () => store.events.append(id, [{ body: { type: 'port', port: 1, state: 'open', process: null } }], 2)
  // The pool notices its dead connections by using them.
  await append().catch(append).catch(append)
  await heard.promise
  expect((await store.events.read(id, 0, 10)).map(({ seq }) => seq)).toEqual([1, 2])
}, 60_000)
