/** The credential with which the server itself reads the repository of a workspace: an app's token before a stored one, as the gateway does. */
import { repositoryAddress } from '@berth/core'
import type { RepositoryAddress, Store, WorkspaceRow } from '@berth/core'
import { credentialSetting } from '../git-hosting/config-environment.ts'
import type { GitSetting } from '../git-hosting/config-environment.ts'
import type { GitHub } from './index.ts'

export interface ReadAsServerDeps {
  readonly store: { readonly gitHosts: Pick<Store['gitHosts'], 'credential'> }
  readonly github: Pick<GitHub, 'credentialFor'>
}
/** `leased`: where an app's token is good for it. */
export interface Reading { readonly config: readonly GitSetting[]; readonly leased: RepositoryAddress | null; release(): void }

export async function readAsServer({ store, github }: ReadAsServerDeps, { id, orgId }: Pick<WorkspaceRow, 'id' | 'orgId'>, url: string): Promise<Reading> {
  const address = repositoryAddress(url)
  if (address === null) return { config: [], leased: null, release() {} }
  const found = await github.credentialFor({ id, orgId }, address, 'git-upload-pack')
  if (found !== null && 'lease' in found) return { config: [credentialSetting(address, { username: 'x-access-token', token: found.lease.token })], leased: address, release: () => found.lease.release() }
  const stored = await store.gitHosts.credential(orgId, address.origin)
  return { config: stored === null ? [] : [credentialSetting(address, stored)], leased: null, release() {} }
}
