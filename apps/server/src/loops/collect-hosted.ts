/**
 * Repositories of tasks that nobody needs any more go: first it is said when, and who uses one before then keeps it. One
 * with commits that nobody else has stays until a person takes it away.
 */
import { tellEnding } from '@berth/core'
import type { Clock, HostedRow, Store } from '@berth/core'
import { noteOf } from '../access/record.ts'
import type { Hosted } from '../git-hosting/hosted.ts'
import type { Repositories } from '../git-hosting/repositories.ts'
import { takeAway, workspacesOf } from '../services/hosted.ts'

export interface CollectDeps {
  readonly store: Store
  readonly repositories: Repositories
  readonly hosted: Pick<Hosted, 'addresses'>
  readonly clock: Clock
  readonly log: (line: string) => void
  /** Without use for so long it is said that one goes; so long after that it does. */
  readonly unusedMs: number
  readonly graceMs: number
}

const ACTOR = 'the server'

export async function collectHosted(deps: CollectDeps): Promise<void> {
  const { store, repositories, log } = deps
  const rows = await store.hostedRepositories.list(null)
  for (const row of rows) await look(deps, row).catch((error: unknown) => log(`the repository ${row.id} was not looked at: ${String(error)}`))
  // After the restore of an older backup, what was made since is unknown here and nobody's to remove.
  if ((await store.installation.installation()).reaperHeld !== null) return
  // What lies here without a row was being made, or taken away, when a server ended; a row is written first.
  for (const id of await repositories.tasks()) if (!rows.some((row) => row.id === id) && (await store.hostedRepositories.get(id)) === null) await repositories.remove(id)
}

async function look(deps: CollectDeps, row: HostedRow): Promise<void> {
  const { store, repositories, clock, unusedMs, graceMs } = deps
  const now = clock.now()
  const note = (action: 'repository.ending' | 'repository.remove', subject: string) => noteOf(deps, { orgId: row.orgId, actor: ACTOR }, { action, subject })
  const wanted = now - row.lastUsedAt < unusedMs
    || workspacesOf(await store.listWorkspaces({ deleted: false }), await deps.hosted.addresses, row).length > 0
    || (await store.repositoryTokens.live(row.id, now)) || (await repositories.unfetched(row.id)) > 0
  if (wanted) {
    if (row.endsAt !== null) await store.hostedRepositories.setEnd(row.id, null, now)
    return
  }
  if (row.endsAt === null) {
    if (!(await store.hostedRepositories.setEnd(row.id, now + graceMs, row.lastUsedAt))) return
    await note('repository.ending', `${row.name} (${row.id})`)
    return tellOwner(deps, { ...row, endsAt: now + graceMs }, now)
  }
  // Again after a server that ended between the two; what is told already is not told twice.
  if (row.endsAt > now) return tellOwner(deps, { ...row, endsAt: row.endsAt }, now)
  if (!(await store.hostedRepositories.setEnd(row.id, row.endsAt, row.lastUsedAt))) return
  await takeAway({ store, repositories }, row.id)
  await note('repository.remove', `${row.name} (${row.id}), unused`)
}

async function tellOwner({ store, graceMs }: CollectDeps, { id, name, ownerId, endsAt }: HostedRow & { endsAt: number }, now: number): Promise<void> {
  const listener = (await store.notifications.channels()).find(({ userId }) => userId === ownerId)
  if (listener === undefined) return
  const { settings } = await store.settings.get(ownerId)
  await store.notifications.add(tellEnding({ id, name, endsAt, saidAt: endsAt - graceMs }, { ...listener, settings: settings.notify }, now), now)
}
