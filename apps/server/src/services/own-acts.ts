/** What the server does by itself and people look for in the record: it stops what is idle, and gives secrets to machines. */
import type { WorkspaceRecord, WorkspaceRow } from '@berth/core'
import { noteOf, type RecordDeps } from '../access/record.ts'

export interface OwnActs {
  slept(record: WorkspaceRecord): Promise<void>
  /** Once for each machine and list of names; a server that begins anew says it again. */
  given(workspace: Pick<WorkspaceRow, 'id' | 'orgId' | 'name' | 'generation'>, names: readonly string[]): void
}

const SERVER = 'berth (the server itself)'
const KEPT = 10_000

export function createOwnActs(deps: RecordDeps): OwnActs {
  const told = new Set<string>()
  return {
    slept: ({ workspace: { id, orgId, name, ephemeral } }) => noteOf(deps, { orgId, actor: SERVER }, { action: ephemeral === true ? 'workspace.delete' : 'workspace.stop', subject: `${name}, because nothing happened in it`, workspaceId: id }),
    given({ id, orgId, name, generation }, names) {
      const key = `${id} ${generation} ${names.join(' ')}`
      if (told.has(key)) return
      if (told.size >= KEPT) told.clear()
      told.add(key)
      void noteOf(deps, { orgId, actor: SERVER }, { action: 'secret.read', subject: `${names.join(', ')} to ${name}`, workspaceId: id })
    },
  }
}
