/** One server goes, another on the same database goes on: what a rolling update does. */
import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StoredEvent, WorkspaceId } from '@berth/wire'
import { harness, message, type Harness as LinkWorld } from './link/test/harness.ts'
import { startHarness, type Harness } from './test/harness.ts'

setDefaultTimeout(90_000)
const after: (() => Promise<unknown> | void)[] = []
afterEach(async () => {
  for (let next = after.pop(); next; next = after.pop()) await next()
})

/** Another server on the database of the first, with a home of its own and the same master key. */
async function beside(first: Harness): Promise<Harness> {
  const home = await mkdtemp(join(tmpdir(), 'berth-beside-'))
  after.push(() => rm(home, { recursive: true, force: true }))
  await copyFile(join(first.home, 'master.key'), join(home, 'master.key'))
  const second = await startHarness({ home, databaseUrl: first.database.url, providers: () => [first.provider] })
  after.push(() => second.close())
  return second
}

/** What stands between machines and servers: new connections go to whoever is ready. */
async function balancer(servers: readonly Harness[]): Promise<string> {
  const isReady = async ({ server }: Harness) => (await fetch(`${server.url}/readyz`).catch(() => null))?.ok === true
  const open = new Set<Socket>()
  const listener = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => {}).once('close', () => open.delete(socket))
    void pass(socket)
  })
  async function pass(socket: Socket): Promise<void> {
    for (const candidate of servers) {
      if (!(await isReady(candidate))) continue
      const inner = connect({ port: Number(new URL(candidate.server.linkUrl).port), host: '127.0.0.1' })
      inner.on('error', () => socket.destroy()).once('close', () => socket.destroy())
      socket.once('close', () => inner.destroy())
      socket.pipe(inner).pipe(socket)
      return
    }
    socket.destroy()
  }
  await new Promise<void>((resolve) => { listener.listen(0, '127.0.0.1', resolve) })
  after.push(async () => {
    for (const socket of open) socket.destroy()
    await new Promise((resolve) => { listener.close(resolve) })
  })
  return `http://127.0.0.1:${(listener.address() as { port: number }).port}`
}

async function connected({ server }: Harness, id: WorkspaceId): Promise<void> {
  while (!server.daemons.connected(id)) await Bun.sleep(10)
}

test('no event is lost or doubled when a server goes while a machine writes, and who reads goes on elsewhere', async () => {
  const first = await startHarness()
  after.push(() => first.close())
  const second = await beside(first)
  const { id } = await first.create()
  await first.until(id, () => first.provider.machines().length > 0)
  const record = await first.server.store.getWorkspace(id)
  const generation = record?.workspace.generation ?? 0
  const world: LinkWorld = await harness()
  after.push(() => world.stop())
  const daemon = await world.daemon({ workspaceId: id, generation, bootToken: first.provider.machines()[0]?.boot.bootToken ?? '', linkUrl: await balancer([first, second]) })
  await connected(first, id)

  // The other one knows that the machine is linked, and cannot speak with it: which is why one serves (docs/deploy.md).
  expect((await second.server.store.getWorkspace(id))?.machine?.linkedAt).toBeNumber()
  await expect(second.server.daemons.call(id, 'terminal.list', {}, { withinMs: 1000 })).rejects.toMatchObject({ code: 'daemon_unreachable' })

  const total = 400
  const written = (async () => {
    for (let n = 1; n <= total; n++) {
      daemon.journal.append(message(`e${n}`))
      if (n % 5 === 0) await Bun.sleep(2)
    }
  })()
  const texts: unknown[] = []
  const read = (events: readonly StoredEvent[]): void => { for (const { body } of events) if (body.type === 'message') texts.push((body as { text?: unknown }).text) }
  const cursor = await follow(first, { id, after: '-1' }, read, () => {
    if (texts.length > 50) void first.server.stop()
    return false
  })
  await first.server.stopped
  expect(texts.length).toBeLessThan(total)
  await connected(second, id)
  await written
  expect(await daemon.link.flush(30_000)).toBe(true)
  await follow(second, { id, after: cursor }, read, () => texts.length >= total)
  expect(texts).toEqual(Array.from({ length: total }, (_, index) => `e${index + 1}`))
})

/** To the end of each answer, from where the one before it ended. Returns where it is when the server says no more. */
async function follow(at: Harness, from: { id: WorkspaceId; after: string }, read: (events: readonly StoredEvent[]) => void, enough: () => boolean): Promise<string> {
  let offset = from.after
  while (!enough()) {
    const answer = await at.fetch(`/api/v1/workspaces/${from.id}/stream?offset=${offset}&live=long-poll`).catch(() => null)
    if (answer === null || !answer.ok) return offset
    if (answer.status === 200) read(await answer.json() as StoredEvent[])
    offset = answer.headers.get('stream-next-offset') ?? offset
  }
  return offset
}
