/** People of an organisation, as their owners decide about them. */
import { levelIn } from '@berth/core'
import type { Clock, Identity, Store } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { InvitationId, OrgId, TokenId, UserId, WorkspaceId } from '@berth/wire'
import type { Level, Role, Scope } from '@berth/wire/access'
import type { Me, Person, Token, WorkspacePerson } from '@berth/wire/people'
import { JOIN_PATH } from '../sign-in/paths.ts'

export interface PeopleDeps {
  readonly store: Pick<Store, 'people' | 'access' | 'getWorkspace'>
  readonly clock: Clock
  readonly pageUrl: string
  /** Of the command line of this home, which no sign-out ends. */
  readonly homeTokenId: TokenId
  /** Something that lets in was taken away. */
  readonly previews: { changed(): void }
}

export async function me({ store }: Pick<PeopleDeps, 'store'>, by: Identity): Promise<Me> {
  const [user, organisations] = await Promise.all([store.people.user(by.userId), store.people.memberships(by.userId)])
  const organisation = organisations.find(({ id }) => id === by.orgId) ?? { id: by.orgId, name: '', role: by.role }
  return { userId: by.userId, name: user?.name ?? by.userName, role: by.role, scope: by.scope, kind: by.kind, tokenId: by.tokenId, organisation, organisations, logins: user?.logins ?? [] }
}

export async function changeMe(deps: PeopleDeps, by: Identity, name: string): Promise<Me> {
  await deps.store.people.rename(by.userId, name)
  return me(deps, by)
}

export async function chooseOrganisation(deps: PeopleDeps, by: Identity, orgId: OrgId): Promise<Me> {
  if (!(await deps.store.access.moveToken(by.tokenId, orgId))) throw new BerthError('not_found', `there is no organisation ${orgId}`, { hint: 'see `berth organisation`' })
  const role = (await deps.store.people.memberships(by.userId)).find(({ id }) => id === orgId)?.role ?? by.role
  deps.previews.changed()
  return me(deps, { ...by, orgId, role })
}

const KEPT = { hint: 'make somebody else an owner first' }
export async function setRole(deps: PeopleDeps, by: Identity, { userId, role }: { userId: UserId; role: Role }): Promise<Person[]> {
  const outcome = await deps.store.people.setRole(by.orgId, userId, role)
  if (outcome === 'nobody') throw noSuchPerson(userId)
  if (outcome === 'last_owner') throw new BerthError('conflict', 'the organisation would have no owner, or the server would lose its own', KEPT)
  deps.previews.changed()
  return deps.store.people.list(by.orgId)
}

export async function removePerson(deps: PeopleDeps, by: Identity, userId: UserId): Promise<{ removed: boolean }> {
  const outcome = await deps.store.people.remove(by.orgId, userId)
  if (outcome === 'last_owner') throw new BerthError('conflict', 'the organisation would have no owner, or the server would lose its own', KEPT)
  deps.previews.changed()
  return { removed: outcome === 'done' }
}

const noSuchPerson = (userId: UserId): BerthError => new BerthError('not_found', `there is no ${userId} in this organisation`, { hint: '`berth people` lists them' })

export async function invite({ store, clock, pageUrl }: PeopleDeps, by: Identity, { role, note, expiresInMs }: { role: Role; note: string; expiresInMs: number }) {
  const now = clock.now()
  const { token, ...invitation } = await store.people.invite({ orgId: by.orgId, role, note, byUserId: by.userId, expiresAt: now + expiresInMs }, now)
  return { ...invitation, url: `${pageUrl}${JOIN_PATH}?${new URLSearchParams({ token }).toString()}` }
}

export const revokeInvitation = async ({ store }: PeopleDeps, by: Identity, id: InvitationId): Promise<{ revoked: boolean }> => ({ revoked: await store.people.revokeInvitation(by.orgId, id) })

export async function listWorkspacePeople({ store }: Pick<PeopleDeps, 'store'>, id: WorkspaceId): Promise<WorkspacePerson[]> {
  const record = await store.getWorkspace(id)
  if (record === null) throw new BerthError('not_found', `there is no workspace ${id}`)
  const { orgId, creatorId } = record.workspace
  return (await store.people.grants(id)).flatMap(({ userId, name, role, grant, collaborates }) => {
    const level = levelIn(userId, { orgId, creatorId, role, grant, collaborates })
    return level === null ? [] : [{ userId, name, role, level, given: grant }]
  })
}

export async function grantWorkspace(deps: PeopleDeps, by: Identity, { id, userId, level }: { id: WorkspaceId; userId: UserId; level: Level | null }): Promise<WorkspacePerson[]> {
  if (!(await deps.store.people.grants(id)).some((person) => person.userId === userId)) throw noSuchPerson(userId)
  await deps.store.people.grant({ workspaceId: id, userId, level, byUserId: by.userId }, deps.clock.now())
  deps.previews.changed()
  return listWorkspacePeople(deps, id)
}

export async function listTokens({ store }: PeopleDeps, by: Identity): Promise<Token[]> {
  return (await store.access.listTokens(by.userId)).map((token) => ({ ...token, current: token.id === by.tokenId }))
}

export async function createToken({ store, clock }: PeopleDeps, by: Identity, { name, scope, expiresInMs }: { name: string; scope: Scope; expiresInMs: number }): Promise<{ id: TokenId; token: string; expiresAt: number }> {
  const expiresAt = clock.now() + expiresInMs
  const made = await store.access.issueToken({ userId: by.userId, orgId: by.orgId, kind: 'api', name, scope, expiresAt }, clock.now())
  return { ...made, expiresAt }
}

export async function revokeToken(deps: PeopleDeps, by: Identity, id: TokenId): Promise<{ revoked: boolean }> {
  const revoked = await deps.store.access.revokeToken(id, by.userId)
  deps.previews.changed()
  return { revoked }
}

export async function signOut(deps: PeopleDeps, by: Identity): Promise<{ revoked: number }> {
  // The command line of the home would only be locked out of its own server.
  if (by.tokenId === deps.homeTokenId) throw new BerthError('conflict', 'this is the command line of the server itself', { hint: 'stop the server with `berth server stop`' })
  return { revoked: Number((await revokeToken(deps, by, by.tokenId)).revoked) }
}

export async function signOutEverywhere(deps: PeopleDeps, by: Identity, { tokens }: { tokens: boolean }): Promise<{ revoked: number }> {
  const revoked = await deps.store.access.revokeTokens(by.userId, { kinds: tokens ? ['browser', 'cli', 'api'] : ['browser', 'cli'], except: [by.tokenId, deps.homeTokenId] })
  deps.previews.changed()
  return { revoked }
}
