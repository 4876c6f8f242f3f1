import { afterAll, beforeAll, expect, it } from 'bun:test'
import { chmod, mkdtemp, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createClient, follow } from '@berth/client'
import { createFakeProvider } from '@berth/testkit'
import { BerthError } from '@berth/wire'
import { ENROL_PATH } from '@berth/wire/daemon'
import { serve } from './main.ts'
import type { Server } from './main.ts'
import { FAKE_TOOLBOX } from './test/harness.ts'

let home: string
let server: Server
const logged: string[] = []
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'berth-away-'))
  await chmod(home, 0o711)
  server = await serve({
    home, port: 0, log: (line) => void logged.push(line), providers: () => [createFakeProvider({ clock: { now: () => Date.now() } })],
    toolbox: FAKE_TOOLBOX,
  })
}, 60_000)
afterAll(async () => {
  await server?.stop()
  const outside = await readlink(join(home, 'postgres')).catch(() => null)
  if (outside !== null) await rm(dirname(outside), { recursive: true, force: true })
  await rm(home, { recursive: true, force: true })
}, 60_000)

async function firstAnswer<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof BerthError) || error.code !== 'database_unavailable') throw error
    }
  }
}

const REFUSED = '503 database_unavailable'
const KILLS = 2
/** Where the database comes back before anybody asked, nobody was refused; then once more. */
const MOST_KILLS = 12
const WORKERS = 6

it('a database that is killed under load costs refusals that say so, and nothing else', async () => {
  const client = createClient({ url: server.url, token: server.token })
  const { id } = await client.createWorkspace({ source: { kind: 'empty' }, agent: 'plain', command: 'sleep 1' })
  const answers = new Map<string, number>()
  const headers = { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' }
  const requests: (() => Promise<Response>)[] = [
    () => fetch(`${server.url}/api/v1/workspaces`, { headers }),
    () => fetch(`${server.url}/api/v1/workspaces/${id}/messages`, { method: 'POST', headers, body: JSON.stringify({ text: 'hello' }) }),
    () => fetch(`${server.url}/api/v1/workspaces/${id}/stream?offset=-1`, { headers }),
    () => fetch(`${server.url}/api/v1/approvals`, { headers }),
    () => fetch(`${server.url}/git/${id}/info/refs?service=git-upload-pack`, { headers }),
    () => fetch(`${server.linkUrl}${ENROL_PATH}`, { method: 'POST', headers, body: JSON.stringify({ workspaceId: id, generation: 1, bootToken: 'none' }) }),
  ]
  const stop = new AbortController()
  // Those who follow events see every one once, whatever happens to the database.
  const seqs: number[] = []
  let onSeq = (): void => {}
  let ending = false
  const following = (async () => {
    for await (const { seq } of follow({ url: server.url, token: server.token }, id, { after: 0, signal: stop.signal })) {
      seqs.push(seq)
      onSeq()
    }
  })()
  let onOk = (): void => {}
  const load = async (ask: () => Promise<Response>) => {
    while (!ending) {
      const response = await ask()
      const code = response.ok ? 'ok' : ((await response.json()) as { code: string }).code
      await response.body?.cancel().catch(() => undefined)
      answers.set(`${response.status} ${code}`, (answers.get(`${response.status} ${code}`) ?? 0) + 1)
      if (code === 'ok') onOk()
    }
  }
  const loads = Array.from({ length: WORKERS }, (_, index) => load(requests[index % requests.length] ?? (() => fetch(server.url))))
  const ok = () => new Promise<void>((resolve) => { onOk = resolve })
  for (let round = 0; round < KILLS || (!answers.has(REFUSED) && round < MOST_KILLS); round++) {
    const pid = server.databasePid()
    if (pid === null) throw new Error('no database of our own')
    process.kill(pid, 'SIGKILL')
    while ([pid, null].includes(server.databasePid())) await Bun.sleep(5)
    await ok()
  }
  ending = true
  await Promise.all(loads)
  // A session of the pool may still find out that it is dead.
  const tail = await firstAnswer(async () => (await client.getWorkspace({ id })).tail)
  const all = Promise.withResolvers<void>()
  onSeq = () => { if ((seqs.at(-1) ?? 0) >= tail) all.resolve() }
  onSeq()
  await all.promise
  stop.abort()
  await following
  const kinds = [...answers.keys()].sort()
  expect(logged.filter((line) => line.includes('bug:'))).toEqual([])
  expect(kinds.filter((kind) => !['200 ok', '401 unauthorized', REFUSED].includes(kind))).toEqual([])
  expect(kinds).toContain(REFUSED)
  expect(seqs).toEqual(seqs.map((_, index) => index + 1))
}, 60_000)
