/** Exactly once, whatever breaks: seeded, so that a failure can be run again with its seed. */
import { Database } from 'bun:sqlite'
import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { harness, message, textsOf, until } from './test/harness.ts'
import type { Harness } from './test/harness.ts'

// Every wait below is for an event; this is only for a machine that is busy with something else.
setDefaultTimeout(60_000)
const open: Harness[] = []
afterEach(async () => { for (const h of open.splice(0)) await h.stop() })
async function start(...args: Parameters<typeof harness>): Promise<Harness> { const h = await harness(...args); open.push(h); return h }

/** A small deterministic generator: chance that can be repeated. */
function chance(seed: number): () => number {
  let state = seed
  return () => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return state / 2 ** 32 }
}
const numbered = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => `e${from + i}`)

for (const seed of [1, 2, 3, 4]) {
  test(`every event arrives once and in order over random disconnects (seed ${seed})`, async () => {
    const random = chance(seed)
    const h = await start({ over: seed % 2 === 0 ? 'tcp' : 'unix' })
    const d = await h.daemon()
    const id = d.boot.workspaceId
    // The store fails, or the link breaks before or after what was stored is acked.
    h.store.beforeUpload = () => { if (random() < 0.1) throw new Error('the database went away') }
    let cuts = 0
    let cut: Promise<void> = Promise.resolve()
    h.store.afterUpload = () => { if (random() < 0.15) { cuts += 1; cut = cut.then(() => h.restartServer()) } }
    const total = 300
    for (let i = 1; i <= total; i += 1) {
      d.journal.append(message(`e${i}`))
      if (random() < 0.2) await new Promise((resolve) => setTimeout(resolve, random() * 5))
    }
    await until('all stored', () => h.store.events(id).length >= total)
    h.store.beforeUpload = () => {}
    h.store.afterUpload = () => {}
    await cut
    expect(await d.link.flush(30_000)).toBe(true)
    expect(textsOf(h.store.events(id))).toEqual(numbered(1, total))
    expect(cuts).toBeGreaterThan(0)
  })
}

test('a daemon restarted from its disk goes on where it was', async () => {
  const h = await start()
  const a = await h.daemon()
  for (const text of numbered(1, 5)) a.journal.append(message(text))
  expect(await a.link.flush(30_000)).toBe(true)
  await a.stop()
  const b = await h.daemon({ workspaceId: a.boot.workspaceId, dir: a.boot.stateDir, bootToken: '' })
  b.journal.append(message('e6'))
  expect(await b.link.flush(30_000)).toBe(true)
  expect(textsOf(h.store.events(a.boot.workspaceId))).toEqual(numbered(1, 6))
})

test('a journal that was rolled back goes on under a new id, losing nothing new', async () => {
  const h = await start()
  const a = await h.daemon()
  const id = a.boot.workspaceId
  for (const text of numbered(1, 3)) a.journal.append(message(text))
  expect(await a.link.flush(30_000)).toBe(true)
  const snapshot = mkdtempSync(join(h.dir, 'snapshot-'))
  cpSync(a.boot.stateDir, snapshot, { recursive: true })
  const before = a.journal.id
  for (const text of numbered(4, 9)) a.journal.append(message(text))
  expect(await a.link.flush(30_000)).toBe(true)
  await a.stop()
  // The disk of three events ago comes back, and the agent does other things from there.
  const b = await h.daemon({ workspaceId: id, dir: snapshot, bootToken: '' })
  b.journal.append(message('other1'))
  b.journal.append(message('other2'))
  expect(await b.link.flush(30_000)).toBe(true)
  expect(textsOf(h.store.events(id))).toEqual([...numbered(1, 9), 'other1', 'other2'])
  expect(b.journal.id).not.toBe(before)
})

test('a rolled-back journal that has outgrown the server\'s count is found out by its ids', async () => {
  const h = await start()
  const a = await h.daemon()
  const id = a.boot.workspaceId
  for (const text of numbered(1, 2)) a.journal.append(message(text))
  expect(await a.link.flush(30_000)).toBe(true)
  const snapshot = mkdtempSync(join(h.dir, 'snapshot-'))
  cpSync(a.boot.stateDir, snapshot, { recursive: true })
  a.journal.append(message('e3'))
  expect(await a.link.flush(30_000)).toBe(true)
  await a.stop()
  // Offline it journals as many again, so that its count alone looks honest.
  await h.stopServer()
  const b = await h.daemon({ workspaceId: id, dir: snapshot, bootToken: '' })
  for (const text of ['o3', 'o4', 'o5']) b.journal.append(message(text))
  await h.restartServer()
  await until('connected', () => b.link.connected)
  await b.link.flush(30_000)
  const got = textsOf(h.store.events(id))
  // The server had e3 as number 3; what this journal calls 3 was never acked to it.
  expect(got.slice(0, 3)).toEqual(['e1', 'e2', 'e3'])
  expect(got.slice(3)).toEqual(['o3', 'o4', 'o5'])
})

test('a server restored from a backup gets everything since, from what the daemon has kept', async () => {
  const h = await start()
  const d = await h.daemon()
  const id = d.boot.workspaceId
  for (const text of numbered(1, 4)) d.journal.append(message(text))
  expect(await d.link.flush(30_000)).toBe(true)
  const backup = h.store.backup()
  d.journal.transaction(() => { for (const text of numbered(5, 130)) d.journal.append(message(text)) })
  expect(await d.link.flush(30_000)).toBe(true)
  await h.stopServer()
  h.store.restore(backup)
  await h.restartServer()
  d.journal.append(message('e131'))
  await until('caught up', () => h.store.events(id).length >= 131)
  expect(textsOf(h.store.events(id))).toEqual(numbered(1, 131))
})

test('entries no longer kept become a gap that says which', async () => {
  const h = await start()
  const d = await h.daemon()
  const id = d.boot.workspaceId
  d.journal.append(message('e1'))
  expect(await d.link.flush(30_000)).toBe(true)
  const backup = h.store.backup()
  for (const text of numbered(2, 6)) d.journal.append(message(text))
  expect(await d.link.flush(30_000)).toBe(true)
  await h.stopServer()
  h.store.restore(backup)
  // As the prune would: the oldest acked entries are gone.
  const db = new Database(join(d.boot.stateDir, 'journal.sqlite'))
  db.run('DELETE FROM entry WHERE n <= 4')
  db.close()
  await h.restartServer()
  await until('caught up', () => textsOf(h.store.events(id)).includes('e6'))
  expect(textsOf(h.store.events(id))).toEqual(['e1', 'gap', 'e5', 'e6'])
  expect(h.store.events(id)[1]?.body).toMatchObject({ type: 'gap', from: 2, to: 4 })
})
