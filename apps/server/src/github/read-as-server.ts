/** The credential with which the server itself reads the repository of a workspace: an app's token before a stored one, as the gateway does. */
import { repositoryAddress } from '@berth/core'
import type { RepositoryAddress, Store, WorkspaceRow } from '@berth/core'
import { credentialSetting } from '../git-hosting/config-environment.ts'
import type { GitSetting } from '../git-hosting/config-environment.ts'
import type { HostedReach } from '../git-hosting/hosted.ts'
import { openSshAccess } from '../git-gateway/ssh-access.ts'
import type { GitHub } from './index.ts'

export interface ReadAsServerDeps {
  /** Of the server alone: keys lie there while they are used. */
  readonly keysDir: string
  readonly store: { readonly gitHosts: Pick<Store['gitHosts'], 'credential'>; readonly deployKeys: Pick<Store['deployKeys'], 'of'> }
  readonly github: Pick<GitHub, 'credentialFor'>
  /** Absent: this server keeps no repositories of tasks. */
  readonly hosted?: HostedReach
}
/** `leased`: where an app's token is good for it. `ssh`: it is reached by that, so git must be let. */
export interface Reading { readonly ssh: boolean; readonly config: readonly GitSetting[]; readonly leased: RepositoryAddress | null; release(): void }

export async function readAsServer({ store, github, keysDir, hosted }: ReadAsServerDeps, { id, orgId }: Pick<WorkspaceRow, 'id' | 'orgId'>, url: string): Promise<Reading> {
  const address = repositoryAddress(url)
  if (address === null) return { config: [], leased: null, ssh: false, release() {} }
  const ours = await hosted?.readingFor({ orgId }, address, url) ?? null
  if (ours !== null) return { ...ours, leased: null, ssh: false }
  const found = await github.credentialFor({ id, orgId }, address, 'git-upload-pack')
  if (found !== null && 'lease' in found) return { config: [credentialSetting(address, { username: 'x-access-token', token: found.lease.token })], leased: address, ssh: false, release: () => found.lease.release() }
  const stored = await store.gitHosts.credential(orgId, address.origin)
  const key = stored === null ? await store.deployKeys.of(orgId, address) : null
  if (key !== null) {
    const ssh = await openSshAccess(keysDir, key)
    return { config: [['core.sshCommand', ssh.command], [`url.${ssh.url}.insteadOf`, url]], leased: null, ssh: true, release: () => void ssh.release().catch(() => {}) }
  }
  return { config: stored === null ? [] : [credentialSetting(address, stored)], leased: null, ssh: false, release() {} }
}
