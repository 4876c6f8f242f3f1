import { expect, it } from 'bun:test'
import { randomIds, type StoredEvent } from '@berth/wire'
import { shareReads } from './shared-read.ts'

const id = randomIds.workspace()
const eventAt = (seq: number): StoredEvent => ({ workspaceId: id, seq, id: randomIds.event(), at: 0, source: 'server', body: { type: 'gap', from: seq, to: seq, why: 'test' } })

it('answers those that ask at once with one read, each with a list of its own, and reads again for who comes later', async () => {
  const log = [eventAt(1)]
  let reads = 0
  const read = shareReads(async (_id, after) => { reads += 1; return log.filter(({ seq }) => seq > after) })
  const [a, b, other] = await Promise.all([read(id, 0, 10), read(id, 0, 10), read(id, 1, 10)])
  expect(reads).toBe(2)
  expect(a).toEqual(log)
  expect(b).toEqual(log)
  expect(other).toEqual([])
  a.pop()
  expect(b).toEqual(log)
  log.push(eventAt(2))
  expect(await read(id, 0, 10)).toHaveLength(2)
})

it('lets nobody join a read that is under way: it may have begun before what the caller wrote', async () => {
  const log = [eventAt(1)]
  const under = Promise.withResolvers<void>()
  const finish = Promise.withResolvers<void>()
  const read = shareReads(async () => {
    const seen = [...log]
    under.resolve()
    await finish.promise
    return seen
  })
  const early = read(id, 0, 10)
  await under.promise
  log.push(eventAt(2))
  const late = read(id, 0, 10)
  finish.resolve()
  expect(await early).toHaveLength(1)
  expect(await late).toHaveLength(2)
})

it('tells a refusal to all that asked, and asks again the next time', async () => {
  let refuses = true
  const read = shareReads(async () => { if (refuses) throw new Error('no'); return [] })
  const both = await Promise.allSettled([read(id, 0, 1), read(id, 0, 1)])
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  refuses = false
  expect(await read(id, 0, 1)).toEqual([])
})
