/** Thousands come back at once after a restart: each is greeted whole, in its turn, and waits for it. */
import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { randomIds } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { assignmentOf, harness, until } from './test/harness.ts'
import type { Harness } from './test/harness.ts'
import { hello, rawPeer, tokenOf } from './test/raw-peer.ts'
import type { RawPeer } from './test/raw-peer.ts'

setDefaultTimeout(60_000)
const open: Harness[] = []
afterEach(async () => { for (const h of open.splice(0)) await h.stop() })

const AT_ONCE = 16
const MANY = 40

/** Each assignment is read when `release` lets it. */
async function slow(pingMs = 15_000) {
  const reading: { id: WorkspaceId; go: () => void }[] = []
  const h = await harness({ over: 'tcp', deps: { pingMs, assignmentFor: async (id) => {
    await new Promise<void>((go) => { reading.push({ id, go }) })
    return assignmentOf(id)
  } } })
  open.push(h)
  return { h, reading }
}
const ready = (h: Harness, ids: readonly WorkspaceId[]): number => ids.filter((id) => h.server.daemons.connected(id)).length

test('many at once are greeted one after the other, and whole', async () => {
  const { h, reading } = await slow()
  const ids = Array.from({ length: MANY }, () => randomIds.workspace())
  for (const workspaceId of ids) await h.daemon({ workspaceId })
  await until('the first are read', () => reading.length === AT_ONCE)
  // The first of them is welcomed before the last is looked at.
  for (let done = 0; done < MANY; done += 1) {
    await until('the next is read', () => reading.length > done)
    reading[done]?.go()
    await until('one more is welcomed', () => ready(h, ids) === done + 1)
    expect(reading.length).toBeLessThanOrEqual(done + 1 + AT_ONCE)
  }
})

test('who leaves the line costs nothing more', async () => {
  const { h, reading } = await slow(20)
  const { openLink } = h.store
  const opened: WorkspaceId[] = []
  h.store.openLink = (link, now) => {
    opened.push(link.workspaceId)
    return openLink(link, now)
  }
  const peers = await Promise.all(Array.from({ length: AT_ONCE + 2 }, async () => {
    const id = randomIds.workspace()
    const peer = await rawPeer(h, await tokenOf(h, id))
    peer.say(hello(id))
    return { id, ...peer }
  }))
  const waits = ({ texts }: RawPeer): boolean => texts.some((text) => text.includes('queued'))
  await until('all are told to wait', () => reading.length === AT_ONCE && peers.every(waits))
  const [leaving, last] = peers.filter(({ id }) => !reading.some((one) => one.id === id))
  leaving?.socket.close()
  await leaving?.closed
  for (const { go } of reading) go()
  await until('the last is read', () => reading.length > AT_ONCE)
  reading[AT_ONCE]?.go()
  await until('all who stayed are welcomed', () => ready(h, peers.map(({ id }) => id)) === AT_ONCE + 1)
  expect([reading[AT_ONCE]?.id, reading.length]).toEqual([last?.id, AT_ONCE + 1])
  expect(opened).toHaveLength(AT_ONCE + 1)
})

test('a daemon in the line is as patient as the line is long', async () => {
  const pingMs = 100
  const welcomeMs = 15 * pingMs
  const { h, reading } = await slow(pingMs)
  const d = await h.daemon({ timings: { welcomeMs } })
  await until('it is read', () => reading.length === 1)
  await Bun.sleep(2 * welcomeMs)
  reading[0]?.go()
  await until('it is welcomed', () => d.link.connected)
  expect([reading.length, d.log]).toEqual([1, []])
})
