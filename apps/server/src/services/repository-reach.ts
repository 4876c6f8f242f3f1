/** Whether this server can read a repository, and what a person does where it cannot. Asked before a workspace is made of it. */
import { repositoryAddress } from '@berth/core'
import type { Identity, RepositoryAddress, Store } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { GITHUB_ORIGIN } from '@berth/wire/github'
import type { RepositoryReach } from '@berth/wire/repositories'
import { basicAuthorization } from '../git-hosting/basic-authorization.ts'
import { gitUrlOf, kindOf, TOKEN_HINTS } from '../git-hosting/host-kinds.ts'
import type { HostedReach } from '../git-hosting/hosted.ts'
import type { GitHub } from '../github/index.ts'

export interface RepositoryReachDeps {
  readonly store: Pick<Store, 'gitHosts' | 'github' | 'deployKeys'>
  readonly github: Pick<GitHub, 'credentialFor'>
  /** Absent: this server keeps no repositories of tasks. */
  readonly hosted?: Pick<HostedReach, 'readingFor'>
  readonly fetch?: typeof fetch
}

/** For a token that no workspace asked for. */
const NO_WORKSPACE = 'check' as WorkspaceId
/** Somebody looks at a form. */
const WITHIN_MS = 5000
const NOTHING = { message: null, hint: null, installUrl: null, connectOrigin: null }

export async function repositoryReach(deps: RepositoryReachDeps, by: Pick<Identity, 'orgId'>, url: string): Promise<RepositoryReach> {
  const address = repositoryAddress(url)
  // What holds a password opens itself.
  if (address === null || (URL.parse(url)?.password ?? '') !== '') return { state: 'unknown', ...NOTHING }
  try {
    return await asked(deps, by, address)
  } catch (error) {
    if (error instanceof BerthError && error.code === 'not_found') return { state: 'not-connected', ...NOTHING, message: error.message, hint: error.hint ?? null }
    if (error instanceof BerthError && error.code === 'network_unreachable') return { state: 'unknown', ...NOTHING, message: error.message }
    // The app is not known there any more.
    if (error instanceof BerthError && error.code === 'unauthorized') return { state: 'not-connected', ...NOTHING, message: error.message, hint: error.hint ?? null, connectOrigin: address.origin }
    throw error
  }
}

async function asked(deps: RepositoryReachDeps, { orgId }: Pick<Identity, 'orgId'>, address: RepositoryAddress): Promise<RepositoryReach> {
  const ours = await deps.hosted?.readingFor({ orgId }, address, `${address.origin}/${address.path}`) ?? null
  ours?.release()
  if (ours !== null) return { state: 'connected', ...NOTHING }
  const leased = await deps.github.credentialFor({ id: NO_WORKSPACE, orgId }, address, 'git-upload-pack')
  if (leased !== null && 'lease' in leased) {
    leased.lease.release()
    return { state: 'connected', ...NOTHING }
  }
  if (await deps.store.deployKeys.of(orgId, address) !== null) return { state: 'connected', ...NOTHING }
  const stored = await deps.store.gitHosts.credential(orgId, address.origin)
  if (stored !== null && (await reads(deps, address, stored)) === 'yes') return { state: 'connected', ...NOTHING }
  const open = await reads(deps, address, null)
  if (open !== 'no') return { state: open === 'yes' ? 'open' : 'unknown', ...NOTHING }
  if (leased === null) return notConnected(address, stored !== null)
  const app = (await deps.store.github.list(orgId)).find(({ origin }) => origin === address.origin)
  return { state: 'not-installed', ...NOTHING, message: leased.missing.message, hint: leased.missing.hint, installUrl: app === undefined ? null : `${app.htmlUrl}/installations/new` }
}

function notConnected({ origin, path }: RepositoryAddress, stored: boolean): RepositoryReach {
  const kind = kindOf(origin)
  return {
    state: 'not-connected', ...NOTHING, connectOrigin: origin === GITHUB_ORIGIN || kind === 'github' ? origin : null,
    message: stored ? `the credential that is kept for ${origin} does not open ${path}` : `${origin}/${path} is private, or is not there, and nothing here opens it`, hint: TOKEN_HINTS[kind](origin),
  }
}

async function reads({ fetch: send = fetch }: RepositoryReachDeps, { origin, path }: RepositoryAddress, credential: { username: string; token: string } | null): Promise<'yes' | 'no' | 'unknown'> {
  const answer = await send(`${gitUrlOf({ origin, path })}/info/refs?service=git-upload-pack`, {
    headers: { 'user-agent': 'git/2 (berth)', ...(credential === null ? {} : { authorization: basicAuthorization(credential) }) }, redirect: 'manual', signal: AbortSignal.timeout(WITHIN_MS),
  }).catch(() => null)
  void answer?.body?.cancel()
  if (answer?.status === 200) return 'yes'
  return answer !== null && [401, 403, 404].includes(answer.status) ? 'no' : 'unknown'
}
