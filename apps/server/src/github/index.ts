/** GitHub, by the app of one's own: what the gateway, the API and the server's own pages use of it. */
import type { Clock, RepositoryAddress, Store, WorkspaceRow } from '@berth/core'
import { GITHUB_SETUP_PATH } from '@berth/wire/github'
import type { Log } from '../http/respond.ts'
import { createGitHubApi } from './github-api.ts'
import type { GitHubApi } from './github-api.ts'
import { createTokens } from './tokens.ts'
import type { Leased, Tokens } from './tokens.ts'

export interface GitHub {
  readonly api: GitHubApi
  readonly tokens: Tokens
  /** For one operation of git: reading, or writing too. */
  credentialFor(workspace: Pick<WorkspaceRow, 'id' | 'orgId'>, address: RepositoryAddress, service: 'git-upload-pack' | 'git-receive-pack'): Promise<Leased>
  stop(): Promise<void>
}

export interface GitHubDeps { readonly store: Pick<Store, 'github'>; readonly clock: Clock; readonly log: Log }

export function createGitHub({ store, clock, log }: GitHubDeps): GitHub {
  const api = createGitHubApi()
  const tokens = createTokens({ store: store.github, api, clock, log })
  return {
    api, tokens,
    // At GitHub a repository is an owner and a name.
    credentialFor: async ({ id, orgId }, { origin, path }, service) => (path.split('/').length !== 2 ? null : tokens.lease({ orgId, workspaceId: id, origin, path, rights: { contents: service === 'git-receive-pack' ? 'write' : 'read', metadata: 'read' } })),
    stop: () => tokens.stop(),
  }
}

export const isSetupPath = (pathname: string): boolean => pathname === GITHUB_SETUP_PATH || pathname === `${GITHUB_SETUP_PATH}/back`
