/** What opens a repository for one operation of a workspace: an app's token, a stored one, or a deploy key. */
import { BerthError } from '@berth/wire'
import { serveGit } from '../git-hosting/smart-http.ts'
import type { Asking, GitGatewayDeps, Operation } from './gateway.ts'
import { openSshAccess } from './ssh-access.ts'
import type { Access, Credential } from './upstream.ts'
import type { GitService, Wanted } from './wanted.ts'

export interface HostAccess {
  /** An app's token, made for this operation, before a stored one. Throws for a host that nobody named. */
  accessFor(workspace: Asking, wanted: Pick<Wanted, 'origin' | 'path'>, how: { service: GitService; own: boolean; /** The push changes what the host runs by itself. */ workflows?: boolean }): Promise<Access>
  /** What git asks of a host that is reached by ssh, answered from a copy that is as new as the question. */
  fromMirror(operation: Operation, credential: Credential): Promise<Response>
}

export function createHostAccess({ store, github, clock, quarantines, keysDir, log, hosted }: GitGatewayDeps): HostAccess {
  const named = async ({ orgId }: Asking): Promise<{ origin: string }[]> => [...await store.github.list(orgId), ...await store.deployKeys.list(orgId)]
  const byDeployKey = async ({ orgId }: Asking, wanted: Pick<Wanted, 'origin' | 'path'>): Promise<Credential | null> => {
    const key = await store.deployKeys.of(orgId, wanted)
    if (key === null) return null
    await store.deployKeys.used(key.id, clock.now())
    const ssh = await openSshAccess(keysDir, key)
    return { username: 'git', token: '', expiresAt: null, ssh, discard: null, release: () => void ssh.release().catch((error: unknown) => log(`a deploy key was not put away: ${String(error)}`)) }
  }
  /** Null: it is none of ours. */
  const inThisServer = async (workspace: Asking, wanted: Pick<Wanted, 'origin' | 'path'>, { service, own }: { service: GitService; own: boolean }): Promise<Credential | null> => {
    const ours = await hosted?.accessFor(workspace, wanted, service === 'git-receive-pack' ? 'write' : 'read') ?? null
    if (ours === null || own) return ours === null ? null : { ...ours, discard: null }
    ours.release()
    throw new BerthError('forbidden', `this workspace may not read ${wanted.path}`, { hint: `\`berth git-access ${workspace.name} --repo ${wanted.origin}/${wanted.path}\` lets it` })
  }
  return {
    async accessFor(workspace, wanted, { service, own, workflows = false }) {
      const ours = await inThisServer(workspace, wanted, { service, own })
      if (ours !== null) return { credential: ours, missing: null }
      const leased = own ? await github.credentialFor(workspace, wanted, service, { workflows }) : null
      if (leased !== null && 'lease' in leased) return { credential: { username: 'x-access-token', ...leased.lease }, missing: null }
      const missing = leased === null ? null : leased.missing
      const stored = await store.gitHosts.credential(workspace.orgId, wanted.origin)
      const key = stored === null && own ? await byDeployKey(workspace, wanted) : null
      if (key !== null) return { credential: key, missing: null }
      // A host nobody named is not ours to reach: the machine's own network decides about it.
      if (stored === null && missing === null && !(await named(workspace)).some(({ origin }) => origin === wanted.origin)) throw new BerthError('forbidden', `${wanted.origin} is no git host of this server`, { hint: `\`berth git-host add ${wanted.origin}\`` })
      if (stored === null || !own) return { credential: null, missing }
      await store.gitHosts.used(stored.id, clock.now())
      return { credential: { ...stored, expiresAt: null, release: null, discard: null }, missing: null }
    },
    async fromMirror({ workspace, wanted, request }, credential) {
      const dir = request.method === 'GET' ? await quarantines.mirror(workspace.orgId, wanted, credential, request.signal) : quarantines.mirrorOf(workspace.orgId, wanted)
      return serveGit({ dir, caller: { kind: 'workspace', name: workspace.name }, path: `/${wanted.rest.split('?')[0]}`, request, log })
    },
  }
}
