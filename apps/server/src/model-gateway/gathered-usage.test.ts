import { expect, test } from 'bun:test'
import type { ModelUsageStore } from '@berth/core'
import { OrgId, UserId, WorkspaceId } from '@berth/wire'
import { gatherUsage } from './gathered-usage.ts'

type Used = Parameters<ModelUsageStore['add']>[0]
const used = (inputTokens: number, model = 'm'): Used => ({ workspaceId: WorkspaceId.parse('ws_000000000001'), vendor: 'anthropic', model, requests: 1, inputTokens, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0, costMicros: 10 * inputTokens, orgId: OrgId.parse('org_000000000001'), userId: UserId.parse('usr_000000000001'), sessionId: null, keyName: null, estimated: 0, unpricedTokens: 0 })
const LONG_MS = 1_000_000

/** Whose writes end when the test says so. */
function slowStore() {
  const rows: Used[] = []
  const gates: PromiseWithResolvers<void>[] = []
  const begun: PromiseWithResolvers<void>[] = [Promise.withResolvers()]
  return {
    rows,
    async begun(count: number) { for (let at = 0; at < count; at++) await begun[at]?.promise },
    pass: () => gates.shift()?.resolve(),
    add(row: Used) {
      rows.push(row)
      const gate = Promise.withResolvers<void>()
      gates.push(gate)
      begun.at(-1)?.resolve()
      begun.push(Promise.withResolvers())
      return gate.promise
    },
  }
}

test('the first is written at once, what comes meanwhile together, and each is told when it is written', async () => {
  const store = slowStore()
  const gathered = gatherUsage(store, { ms: 0 })
  const first = gathered.add(used(1), 1)
  await store.begun(1)
  expect(store.rows).toEqual([used(1)])
  const later = Promise.all([gathered.add(used(2), 2), gathered.add(used(3), 3), gathered.add(used(4, 'other'), 4)])
  store.pass()
  await first
  await store.begun(2)
  store.pass()
  await store.begun(3)
  expect(store.rows.slice(1)).toEqual([{ ...used(5), requests: 2, outputTokens: 2 }, used(4, 'other')])
  store.pass()
  await later
  await gathered.stop()
})

test('the end does not wait for the moment to pass, and nothing is lost in it', async () => {
  const rows: Used[] = []
  const gathered = gatherUsage({ add: async (row) => void rows.push(row) }, { ms: LONG_MS })
  await gathered.add(used(1), 1)
  const last = gathered.add(used(2), 2)
  await gathered.stop()
  await last
  expect(rows).toEqual([used(1), used(2)])
  await gathered.add(used(3), 3)
  expect(rows).toHaveLength(3)
})

test('who cannot be written down hears of it, and the next one is written', async () => {
  const rows: Used[] = []
  const gathered = gatherUsage({ add: async (row) => { if (row.model === 'bad') throw new Error('the database is away'); rows.push(row) } }, { ms: 0 })
  expect(await gathered.add(used(1, 'bad'), 1).catch((error: Error) => error.message)).toBe('the database is away')
  await gathered.add(used(2), 2)
  expect(rows).toEqual([used(2)])
})
