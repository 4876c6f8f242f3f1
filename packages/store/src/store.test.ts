import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { randomIds } from '@berth/wire'
import { openTestDatabase, type TestDatabase } from './testing.ts'
import { aWorkspace, entries } from './store-fixtures.ts'

let db: TestDatabase
beforeAll(async () => { db = await openTestDatabase() })
afterAll(async () => db.close())

describe('smoke', () => {
  it('creates, claims, links and uploads', async () => {
    const { store } = db
    const now = 1000
    const { id, record } = await aWorkspace(store, now)
    expect(record.workspace.wish.target).toBe('running')
    const [claim] = await store.claimDue({ owner: 'a', limit: 5, leaseMs: 1000 }, now)
    expect(claim?.workspaceId).toBe(id)
    expect(await store.finishTick(claim!, { workspace: { generation: 1 }, machine: { attempts: 1 }, nextTickAt: 5000 }, now)).toBe(true)
    const boot = await store.links.issueBootToken(id, 1, now)
    const enrolled = await store.links.enrol(id, 1, boot, now)
    expect(await store.links.authenticateLink(enrolled!.linkToken)).toEqual({ workspaceId: id, generation: 1 })
    const link = await store.links.openLink({ workspaceId: id, generation: 1, journalId: 'j', lastN: 0, boot: 'b', daemonVersion: '1', isolation: 'none', server: 's' }, now)
    expect(link.journal).toEqual({ do: 'continue', ackedN: 0 })
    expect(await store.links.upload({ workspaceId: id, epoch: link.epoch, journalId: 'j', entries: entries(3) }, now)).toEqual({ kind: 'stored', ackedN: 3 })
    const events = await store.events.read(id, 0, 100)
    expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1))
    expect((await store.listWorkspaces({ deleted: false })).length).toBe(1)
    expect(await store.installation.databaseNow()).toBeGreaterThan(1e12)
    expect(randomIds.event()).toStartWith('evt_')
  })
})
