/** People of a harness beside its owner. */
import { createClient } from '@berth/client'
import type { Client } from '@berth/client'
import { randomIds } from '@berth/wire'
import type { OrgId, UserId, WorkspaceId } from '@berth/wire'
import type { Level, Role, Scope } from '@berth/wire/access'
import type { Harness } from './harness.ts'

export interface Person {
  readonly userId: UserId
  readonly token: string
  readonly client: Client
  fetch(path: string, init?: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> }): Promise<Response>
}

export async function addPerson(b: Harness, { role, name = role, orgId, scope = 'all' }: { role: Role; name?: string; orgId?: OrgId; scope?: Scope }): Promise<Person> {
  const { sql, store } = b.database
  const org = orgId ?? (await store.access.bootstrap(Date.now())).orgId
  const userId = randomIds.user()
  await sql`insert into users ${sql({ id: userId, name, createdAt: Date.now() })}`
  await sql`insert into memberships ${sql({ orgId: org, userId, role, createdAt: Date.now() })}`
  return personWith(b, { userId, scope })
}

/** Another token of somebody. */
export async function personWith(b: Harness, { userId, scope }: { userId: UserId; scope: Scope }): Promise<Person> {
  const { token } = await b.database.store.access.issueToken({ userId, kind: 'api', name: 'test', scope, expiresAt: null }, Date.now())
  return {
    userId, token,
    client: createClient({ url: b.server.url, token }),
    fetch: (path, init = {}) => fetch(`${b.server.url}${path}`, { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } }),
  }
}

export async function give(b: Harness, { to, level, workspaceId }: { to: UserId; level: Level; workspaceId: WorkspaceId }): Promise<void> {
  const { sql, store } = b.database
  const { userId } = await store.access.bootstrap(Date.now())
  await sql`insert into workspace_grants ${sql({ workspaceId, userId: to, level, byUserId: userId, createdAt: Date.now() })} on conflict (workspace_id, user_id) do update set level = excluded.level`
}
