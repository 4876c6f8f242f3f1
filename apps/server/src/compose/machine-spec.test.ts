/** A fork's machine is asked to begin with the other's system, and no later machine of that workspace is. */
import { expect, test } from 'bun:test'
import type { RestoreFrom, WorkspaceRecord } from '@berth/core'
import { createFakeProvider, createTestClock, workspaceRow } from '@berth/testkit'
import { SavedId, WorkspaceId } from '@berth/wire'
import { specFor, type SpecDeps } from './machine-spec.ts'

const ORIGIN = WorkspaceId.parse('ws_000000000001')
const clock = createTestClock()
const deps: SpecDeps = {
  installation: 'ins', clock, toolbox: { hostDir: '/nowhere', hash: 'hash' }, link: { unixSocket: null, loopbackUrl: null, publicUrl: null },
  store: { links: { issueBootToken: async () => 'token' } as unknown as SpecDeps['store']['links'], egress: { policy: async () => null } as unknown as SpecDeps['store']['egress'] }, // what a spec asks of them
  projects: { projectOf: () => undefined }, providers: { get: () => createFakeProvider({ clock }) },
}
const systemOf = async (restore: Partial<RestoreFrom> | null, generation = 1) => {
  const whole = restore === null ? null : { savedId: SavedId.parse('sav_000000000000'), generation: 1, sessions: [], branch: null, ...restore }
  return (await specFor(deps, { workspace: { ...workspaceRow({}), generation, restore: whole } } as unknown as WorkspaceRecord)).systemOf // nothing else of it is read
}

test('the first machine of a fork begins with the system of that one, of this installation', async () => {
  expect(await systemOf({ systemOf: { workspaceId: ORIGIN, generation: 3 } })).toEqual({ installation: 'ins', workspaceId: ORIGIN, generation: 3 })
})

test('a later machine, one made of a backup, and any other begin plain', async () => {
  expect([await systemOf({ systemOf: { workspaceId: ORIGIN, generation: 3 } }, 2), await systemOf({}), await systemOf(null)]).toEqual([undefined, undefined, undefined])
})
