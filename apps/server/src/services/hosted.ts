/** The list of repositories that this server keeps, and those of tasks: made, kept, taken away. */
import { levelIn, reaches, repositoryAddress } from '@berth/core'
import type { HostedRow, Identity, Store } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { RepositoryId, UserId, WorkspaceId } from '@berth/wire'
import type { Level } from '@berth/wire/access'
import type { HostedRepository, RepositoryToken } from '@berth/wire/hosted'
import type { Hosted } from '../git-hosting/hosted.ts'
import type { HostedAddresses } from '../git-hosting/hosted-addresses.ts'
import { mintRepositoryToken } from '../git-hosting/repository-tokens.ts'
import type { ServiceDeps } from './deps.ts'

export interface HostedListDeps extends Pick<ServiceDeps, 'store' | 'repositories' | 'clock' | 'log'> { readonly hosted: Pick<Hosted, 'quota' | 'addresses'> }
/** `hidden`: workspaces that are not on the web, too. */
interface Seeing { readonly seen: (id: WorkspaceId) => Level | null; readonly hidden: boolean }
type By = Pick<Identity, 'userId' | 'orgId'>

export async function listHosted(deps: HostedListDeps, by: By, { seen, hidden }: Seeing): Promise<HostedRepository[]> {
  const { store, repositories } = deps
  const addresses = await deps.hosted.addresses
  const ofPerson = rememberedUse(deps)
  const records = (await store.listWorkspaces({ deleted: false })).filter(({ workspace }) => seen(workspace.id) !== null && (hidden || workspace.web !== false))
  const ofWorkspaces = await Promise.all(records.map(async ({ workspace: { id, name, repository, lastActiveAt, creatorId } }): Promise<HostedRepository[]> => {
    const sizeBytes = await repositories.sizeBytes(id)
    if (sizeBytes === null) return []
    return [{ id, workspaceId: id, name, label: repository, url: addresses.urlOf({ id, name }), sizeBytes, lastActiveAt, workspaces: [name], unfetched: 0, endsAt: null, ...await ofPerson(creatorId) }]
  }))
  const rows = (await store.hostedRepositories.list(by.orgId))
  const ofTasks = await Promise.all(rows.map(async (row) => ((await levelOf(deps, by, row.id)) === null ? [] : [await shown(deps, { row, addresses, ofPerson, records })])))
  return [...ofTasks.flat(), ...ofWorkspaces.flat()]
}

type Records = Awaited<ReturnType<Store['listWorkspaces']>>
type OfPerson = (owner: UserId) => Promise<Pick<HostedRepository, 'owner' | 'ownerBytes' | 'ownerQuotaBytes' | 'quotaBytes'>>
function rememberedUse({ store, hosted: { quota } }: HostedListDeps): OfPerson {
  const known = new Map<UserId, ReturnType<OfPerson>>()
  const ask = async (owner: UserId) => ({ owner: (await store.access.nameOf(owner)) ?? owner, ownerBytes: await quota.usedBy(owner), ownerQuotaBytes: quota.personBytes, quotaBytes: quota.repositoryBytes })
  return (owner) => {
    const found = known.get(owner) ?? ask(owner)
    known.set(owner, found)
    return found
  }
}

/** Names of those that were made of it and are there. */
export function workspacesOf(records: Records, addresses: Pick<HostedAddresses, 'idAt'>, { id, orgId }: Pick<HostedRow, 'id' | 'orgId'>): string[] {
  return records.filter(({ workspace: { source, orgId: of } }) => {
    const address = of === orgId && source.kind === 'git' ? repositoryAddress(source.url) : null
    return address !== null && addresses.idAt(address) === id
  }).map(({ workspace }) => workspace.name)
}

async function shown({ repositories }: HostedListDeps, { row, addresses, ofPerson, records }: { row: HostedRow; addresses: HostedAddresses; ofPerson: OfPerson; records: Records }): Promise<HostedRepository> {
  const { id, name, label, lastUsedAt, endsAt, ownerId } = row
  return {
    id, workspaceId: null, name, label, url: addresses.urlOf(row), sizeBytes: (await repositories.sizeBytes(id)) ?? 0, lastActiveAt: lastUsedAt, endsAt,
    workspaces: workspacesOf(records, addresses, row), unfetched: await repositories.unfetched(id), ...await ofPerson(ownerId),
  }
}

export async function createTask(deps: HostedListDeps, by: By, { name, label, lastsMs }: { name: string; label: string; lastsMs: number }): Promise<{ repository: HostedRepository; token: RepositoryToken }> {
  const row = await deps.store.hostedRepositories.add({ orgId: by.orgId, ownerId: by.userId, name, label }, deps.clock.now())
  await deps.repositories.ensure(row.id)
  return { repository: await viewOf(deps, row), token: await mintFor(deps, by, { id: row.id, access: 'write', lastsMs }) }
}

export async function keepTask(deps: HostedListDeps, by: By, id: RepositoryId): Promise<HostedRepository> {
  const row = await ownTask(deps, by, id)
  await deps.store.hostedRepositories.used(id, deps.clock.now())
  return viewOf(deps, { ...row, endsAt: null, lastUsedAt: deps.clock.now() })
}

export async function removeTask(deps: HostedListDeps, by: By, { id, force }: { id: RepositoryId; force: boolean }): Promise<{ removed: boolean }> {
  const row = await ownTask(deps, by, id)
  const unfetched = await deps.repositories.unfetched(id)
  if (!force && unfetched > 0) throw new BerthError('conflict', `${row.name} holds ${unfetched} ${unfetched === 1 ? 'commit' : 'commits'} that nobody fetched`, { hint: `fetch it first, or take it away all the same: \`berth repos remove ${row.name} --force\`` })
  const users = workspacesOf(await deps.store.listWorkspaces({ deleted: false }), await deps.hosted.addresses, row)
  if (!force && users.length > 0) throw new BerthError('conflict', `${users.join(', ')} ${users.length === 1 ? 'is' : 'are'} made of ${row.name}`, { hint: `delete ${users.length === 1 ? 'it' : 'them'} first, or take it away all the same: \`berth repos remove ${row.name} --force\`` })
  return { removed: await takeAway(deps, id) }
}

/** Its objects go when nothing leads to them any more. */
export async function takeAway({ store, repositories }: Pick<HostedListDeps, 'store' | 'repositories'>, id: RepositoryId): Promise<boolean> {
  const removed = await store.hostedRepositories.remove(id)
  await repositories.remove(id)
  return removed
}

export async function mintFor(deps: HostedListDeps, by: By, wanted: { id: RepositoryId | WorkspaceId; access: 'read' | 'write'; lastsMs: number }): Promise<RepositoryToken> {
  const row = await deps.store.hostedRepositories.get(wanted.id as RepositoryId)
  return { url: (await deps.hosted.addresses).urlOf({ id: wanted.id, name: row?.name ?? '' }), username: 'berth', access: wanted.access, ...await mintRepositoryToken(deps, by, wanted) }
}

export async function mintForTask(deps: HostedListDeps, by: By, wanted: { id: RepositoryId; access: 'read' | 'write'; lastsMs: number }): Promise<RepositoryToken> {
  await requireTask(deps, by, { id: wanted.id, level: wanted.access === 'write' ? 'act' : 'look' })
  return mintFor(deps, by, wanted)
}

export async function revokeTask(deps: HostedListDeps, by: By, id: RepositoryId): Promise<{ revoked: number }> {
  await ownTask(deps, by, id)
  return { revoked: await deps.store.repositoryTokens.revoke(id, deps.clock.now()) }
}

async function viewOf(deps: HostedListDeps, row: HostedRow): Promise<HostedRepository> {
  return shown(deps, { row, addresses: await deps.hosted.addresses, ofPerson: rememberedUse(deps), records: await deps.store.listWorkspaces({ deleted: false }) })
}

async function levelOf({ store }: Pick<HostedListDeps, 'store'>, { userId, orgId }: By, id: RepositoryId): Promise<Level | null> {
  const standing = await store.hostedRepositories.standing(userId, id)
  return standing === null || standing.orgId !== orgId ? null : levelIn(userId, standing)
}
const ownTask = (deps: HostedListDeps, by: By, id: RepositoryId): Promise<HostedRow> => requireTask(deps, by, { id, level: 'own' })
async function requireTask(deps: HostedListDeps, by: By, { id, level }: { id: RepositoryId; level: Level }): Promise<HostedRow> {
  const [row, has] = await Promise.all([deps.store.hostedRepositories.get(id), levelOf(deps, by, id)])
  if (row === null || has === null) throw new BerthError('not_found', `there is no repository ${id}`, { hint: 'see `berth repos`' })
  if (!reaches(has, level)) throw new BerthError('forbidden', `access denied: ${row.name} is somebody else's`, { hint: 'its owner, or an owner of the organisation, may' })
  return row
}
