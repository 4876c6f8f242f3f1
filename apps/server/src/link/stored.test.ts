/** The daemon's link against the real store: the memory one of the other tests must not be kinder than it. */
import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { openTestDatabase } from '@berth/store/testing'
import type { TestDatabase } from '@berth/store/testing'
import { randomIds } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { aWorkspace, toGeneration } from '../../../../packages/store/src/store-fixtures.ts'
import { assignmentFor } from '../services/assignment.ts'
import { sendMessage } from '../services/messages.ts'
import { harness, message, until } from './test/harness.ts'
import type { Harness } from './test/harness.ts'

const NOW = 1_000_000
// Every wait below is for an event; this is only for a machine that is busy with something else.
setDefaultTimeout(60_000)
const open: { h: Harness; database: TestDatabase }[] = []
afterEach(async () => { for (const { h, database } of open.splice(0)) { await h.stop(); await database.close() } })

async function start(deps?: (database: TestDatabase) => NonNullable<Parameters<typeof harness>[0]>['deps']): Promise<{ h: Harness; database: TestDatabase; id: WorkspaceId; bootToken: string; texts(): Promise<unknown[]> }> {
  const database = await openTestDatabase()
  const h = await harness({ links: database.store.links, ...(deps === undefined ? {} : { deps: deps(database) ?? {} }) })
  open.push({ h, database })
  const { id } = await aWorkspace(database.store, NOW)
  await toGeneration(database.store, id, { generation: 1, now: NOW })
  const bootToken = await database.store.links.issueBootToken(id, 1, NOW)
  const texts = async (): Promise<unknown[]> => (await database.store.events.read(id, 0, 1000)).filter((event) => event.body.type === 'message').map((event) => (event.body as unknown as { text: string }).text)
  return { h, database, id, bootToken, texts }
}

test('enrols, uploads over breaks, and is stored once', async () => {
  const { h, id, bootToken, texts } = await start()
  const d = await h.daemon({ workspaceId: id, bootToken })
  const expected: string[] = []
  for (let i = 1; i <= 200; i += 1) {
    d.journal.append(message(`e${i}`))
    expected.push(`e${i}`)
    if (i % 50 === 0) await h.restartServer()
  }
  expect(await d.link.flush(30_000)).toBe(true)
  expect(await texts()).toEqual(expected)
})

test('a rolled-back journal goes on without losing what is new', async () => {
  const { h, id, bootToken, texts } = await start()
  const a = await h.daemon({ workspaceId: id, bootToken })
  a.journal.append(message('e1'))
  expect(await a.link.flush(30_000)).toBe(true)
  const snapshot = mkdtempSync(join(h.dir, 'snapshot-'))
  cpSync(a.boot.stateDir, snapshot, { recursive: true })
  for (const text of ['e2', 'e3']) a.journal.append(message(text))
  expect(await a.link.flush(30_000)).toBe(true)
  await a.stop()
  await h.stopServer()
  const b = await h.daemon({ workspaceId: id, bootToken: '', dir: snapshot })
  for (const text of ['o2', 'o3', 'o4']) b.journal.append(message(text))
  await h.restartServer()
  await until('connected', () => b.link.connected)
  expect(await b.link.flush(30_000)).toBe(true)
  expect(await texts()).toEqual(['e1', 'e2', 'e3', 'o2', 'o3', 'o4'])
})

test('the machine of an older generation is turned away', async () => {
  const { h, database, id, bootToken } = await start()
  const a = await h.daemon({ workspaceId: id, bootToken })
  await until('connected', () => a.link.connected)
  await toGeneration(database.store, id, { generation: 2, now: NOW + 1 })
  await h.restartServer()
  await a.rejected
})

test('what is said while a daemon is being welcomed reaches it over that link', async () => {
  const reading = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  let readings = 0
  const { h, database, id, bootToken } = await start(({ store }) => ({
    async assignmentFor(of) {
      const assignment = await assignmentFor({ store, clock: { now: () => NOW }, claudeExecutable: null, versionOf: () => null }, of)
      readings += 1
      // The first is read, and not yet on its way, until something was said.
      reading.resolve()
      await goOn.promise
      return assignment
    },
  }))
  const d = await h.daemon({ workspaceId: id, bootToken })
  await reading.promise
  const promptId = randomIds.prompt()
  const said = await sendMessage({
    store: database.store, clock: { now: () => NOW }, daemons: h.server.daemons, log: () => {}, poke: () => {}, costLimits: { admit: (_, begin) => begin() },
  }, { id, text: 'are you there', promptId }, { userName: 'ann' })
  expect(said.status).toBe('queued')
  expect(readings).toBe(1)
  goOn.resolve()
  await until('it was told', () => d.assignments.some(({ prompts }) => prompts.length > 0), 5_000)
  expect(d.assignments.map(({ prompts }) => prompts.map((prompt) => prompt.promptId))).toEqual([[], [promptId]])
  // Over the one link it has: nothing made it dial again.
  expect(await database.store.prompts.pending(id)).toHaveLength(1)
  expect(h.log.filter((line) => line.includes('closing'))).toEqual([])
})
