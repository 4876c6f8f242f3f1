/** Git hosts and the record of their use. A credential goes in and never comes out. */
import { repositoryAddress, repositoryPath } from '@berth/core'
import type { Clock, Identity, Store } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { GitHostId, WorkspaceId } from '@berth/wire'
import type { gitAccessApi, GitHost, GitHostKind } from '@berth/wire/git-access'
import type { GitPolicy, GitPolicyChange } from '@berth/wire/git-policy'
import type { z } from 'zod'
import { basicAuthorization } from '../git-hosting/basic-authorization.ts'
import { repositoryAtFreestyle } from '../git-hosting/freestyle-api.ts'
import { kindOf, USER_OF_TOKEN } from '../git-hosting/host-kinds.ts'
import type { ServiceDeps } from './deps.ts'

export interface GitAccessDeps extends Pick<ServiceDeps, 'log'> {
  readonly daemons: Pick<ServiceDeps['daemons'], 'reassign'>
  readonly store: Pick<Store, 'gitHosts' | 'gitPolicies' | 'audit' | 'listWorkspaces' | 'getWorkspace'>
  readonly clock: Clock
}
type InputOf<K extends keyof typeof gitAccessApi> = z.infer<NonNullable<(typeof gitAccessApi)[K]['~orpc']['inputSchema']>>

export async function addGitHost(deps: GitAccessDeps, by: Identity, { origin: address, kind: given, username: user, token, check }: InputOf<'addGitHost'>): Promise<GitHost> {
  const { origin, pathname, search, hash, username: inAddress } = new URL(address)
  if (pathname !== '/' || search !== '' || hash !== '' || inAddress !== '') throw new BerthError('bad_request', 'a git host is scheme and host, such as https://github.com', { hint: 'give the repository with --check' })
  const kind = given ?? kindOf(origin)
  const username = user ?? USER_OF_TOKEN[kind]
  if (check !== undefined) await checkCredential({ origin, kind, username, token }, check)
  const host = await deps.store.gitHosts.put({ orgId: by.orgId, origin: origin.toLowerCase(), username, token, kind }, deps.clock.now())
  await note(deps, by, { action: 'git-host.add', subject: host.origin })
  await tellMachines(deps)
  return host
}

export async function removeGitHost(deps: GitAccessDeps, by: Identity, id: GitHostId): Promise<{ removed: boolean }> {
  const host = await deps.store.gitHosts.remove(by.orgId, id)
  if (host === null) return { removed: false }
  await note(deps, by, { action: 'git-host.remove', subject: host.origin })
  await tellMachines(deps)
  return { removed: true }
}

export async function getGitPolicy(deps: GitAccessDeps, by: Identity, id: WorkspaceId): Promise<GitPolicy> {
  await ownWorkspace(deps, by, id)
  return deps.store.gitPolicies.get(id)
}

/** Only the person's to change; the gateway asks for it at each operation. */
export async function changeGitPolicy(deps: GitAccessDeps, by: Identity, { id, change }: InputOf<'changeGitPolicy'>): Promise<GitPolicy> {
  const { name } = await ownWorkspace(deps, by, id)
  checkRepositories(change)
  const policy = changedPolicy(await deps.store.gitPolicies.get(id), change)
  await deps.store.gitPolicies.put(id, policy, deps.clock.now())
  // A repository of this server may be among them.
  if (change.repositories !== undefined) await deps.daemons.reassign(id).catch((error: unknown) => deps.log(`${id}: not told of its repositories: ${String(error)}`))
  await deps.store.audit.write(by.orgId, { action: 'git-policy.change', workspaceId: id, actor: by.userName, subject: name, allowed: true, reason: `now ${JSON.stringify(policy)}`.slice(0, 2000), refs: [], tokenExpiresAt: null }, deps.clock.now())
  return policy
}
export function checkRepositories(change: GitPolicyChange | undefined): void {
  const wrong = (change?.repositories ?? []).find(({ url }) => repositoryAddress(url) === null)
  if (wrong !== undefined) throw new BerthError('bad_request', `${wrong.url} is no address of a repository at a git host`, { hint: 'such as https://github.com/owner/name' })
}
export const changedPolicy = (before: GitPolicy, change: GitPolicyChange): GitPolicy => ({ ...before, ...(Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as Partial<GitPolicy>) })

async function ownWorkspace(deps: GitAccessDeps, by: Identity, id: WorkspaceId) {
  const record = await deps.store.getWorkspace(id)
  if (record === null || record.workspace.orgId !== by.orgId || record.workspace.deletedAt !== null) throw new BerthError('not_found', `there is no workspace ${id}`)
  return record.workspace
}

export async function listAudit(deps: GitAccessDeps, by: Identity, { workspace, before, limit, verify, action, by: actor, refused, since }: InputOf<'listAudit'>) {
  const given = Object.fromEntries(Object.entries({ workspaceId: workspace, before, action, by: actor, refused: refused === undefined ? undefined : refused === 'true', since }).filter(([, value]) => value !== undefined))
  const records = await deps.store.audit.list(by.orgId, { limit, ...given })
  return { records, intact: verify === 'true' ? (await deps.store.audit.firstBroken(by.orgId)) === null : null }
}

async function note(deps: GitAccessDeps, by: Identity, what: { action: 'git-host.add' | 'git-host.remove'; subject: string }): Promise<void> {
  await deps.store.audit.write(by.orgId, { ...what, workspaceId: null, actor: by.userName, allowed: true, reason: null, refs: [], tokenExpiresAt: null }, deps.clock.now())
}

/** The git of machines that run learns of it now, of others when they start. */
export async function tellMachines({ store, daemons, log }: Pick<GitAccessDeps, 'daemons' | 'log'> & { readonly store: Pick<Store, 'listWorkspaces'> }): Promise<void> {
  for (const { workspace: { id } } of await store.listWorkspaces({ deleted: false })) {
    await daemons.reassign(id).catch((error: unknown) => log(`${id}: not told of the git hosts: ${String(error)}`))
  }
}

const CHECK_WITHIN_MS = 15_000
async function checkCredential({ origin, kind, ...credential }: { origin: string; kind: GitHostKind; username: string; token: string }, repository: string): Promise<void> {
  const path = repositoryPath(repository)
  if (path === null) throw new BerthError('bad_request', `"${repository}" is no path of a repository`, { hint: 'such as owner/name' })
  if (kind === 'freestyle') {
    if (await repositoryAtFreestyle(fetch, { origin, token: credential.token }, path) === null) throw new BerthError('unauthorized', `Freestyle knows no repository ${path} with this key`, { hint: 'check the id of the repository and which account the key is of; nothing was kept' })
    return
  }
  const answer = await fetch(`${origin}/${path}.git/info/refs?service=git-upload-pack`, {
    headers: { authorization: basicAuthorization(credential) }, redirect: 'manual', signal: AbortSignal.timeout(CHECK_WITHIN_MS),
  }).catch((cause: unknown) => { throw new BerthError('network_unreachable', `${origin} cannot be reached from the server`, { cause }) })
  void answer.body?.cancel()
  if (answer.status !== 200) throw new BerthError('unauthorized', `${origin} answered ${answer.status} for ${path} with this credential`, { hint: 'check the token, its rights and the path; nothing was kept' })
}
