import { expect, test } from 'bun:test'
import type { NewAuditRecord } from '@berth/core'
import type { OrgId, WorkspaceId } from '@berth/wire'
import { createOwnActs } from './own-acts.ts'

test('an idle stop and secrets that go into a machine are written down, the latter once for each machine', async () => {
  const rows: NewAuditRecord[] = []
  const acts = createOwnActs({ store: { audit: { write: async (_: OrgId, row: NewAuditRecord) => { rows.push(row) } } as never }, clock: { now: () => 1 } as never, log: () => {} })
  const workspace = { id: 'ws_a' as WorkspaceId, orgId: 'org_a' as OrgId, name: 'demo', generation: 1 }
  acts.given(workspace, ['NPM_TOKEN'])
  acts.given(workspace, ['NPM_TOKEN'])
  acts.given({ ...workspace, generation: 2 }, ['NPM_TOKEN'])
  await acts.slept({ workspace } as never)
  expect(rows.map(({ action, subject, actor, allowed }) => [action, subject, actor, allowed])).toEqual([
    ['secret.read', 'NPM_TOKEN to demo', 'berth (the server itself)', true],
    ['secret.read', 'NPM_TOKEN to demo', 'berth (the server itself)', true],
    ['workspace.stop', 'demo, because nothing happened in it', 'berth (the server itself)', true],
  ])
})
