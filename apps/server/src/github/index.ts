/** GitHub, by the app of one's own: what the gateway, the API and the server's own pages use of it. */
import type { Clock, RepositoryAddress, Store, WorkspaceRow } from '@berth/core'
import type { OrgId } from '@berth/wire'
import { GITHUB_SETUP_PATH } from '@berth/wire/github'
import type { Leased } from '../git-hosting/held-tokens.ts'
import type { Log } from '../http/respond.ts'
import { createGitHubApi } from './github-api.ts'
import type { GitHubApi } from './github-api.ts'
import { createGhGateway } from './gh/gateway.ts'
import type { GhGateway } from './gh/gateway.ts'
import { createCatchUp } from './hooks/catch-up.ts'
import type { CatchUp } from './hooks/catch-up.ts'
import { createHooks } from './hooks/index.ts'
import type { Hooks } from './hooks/index.ts'
import { createTokens } from './tokens.ts'
import type { Tokens } from './tokens.ts'

export interface GitHub {
  readonly api: GitHubApi
  readonly tokens: Tokens
  /** Its command line in a workspace. */
  readonly gh: GhGateway
  readonly hooks: Hooks
  readonly catchUp: CatchUp
  /** What happens there is told here: to ask now and then is to ask enough. */
  tells(orgId: OrgId, origin: string): boolean
  /** For one operation of git: reading, or writing too. */
  credentialFor(workspace: Pick<WorkspaceRow, 'id' | 'orgId'>, address: RepositoryAddress, service: 'git-upload-pack' | 'git-receive-pack', more?: { workflows: boolean }): Promise<Leased>
  stop(): Promise<void>
}

export interface GitHubDeps { readonly store: Pick<Store, 'github' | 'audit' | 'gitPolicies'>; readonly clock: Clock; readonly log: Log }

export function createGitHub({ store, clock, log }: GitHubDeps): GitHub {
  const api = createGitHubApi()
  const tokens = createTokens({ store: store.github, api, clock, log })
  const hooks = createHooks({ store: store.github, clock, log })
  const catchUp = createCatchUp({ store: store.github, api, hooks, clock, log })
  // A token of before is good for what was chosen before.
  hooks.onHint((app, { about }) => (about === 'access' ? tokens.forget(app) : undefined))
  return {
    api, tokens, hooks, catchUp,
    gh: createGhGateway({ store, api, tokens, clock, log }),
    tells: (orgId, origin) => catchUp.current({ orgId, origin }),
    // At GitHub a repository is an owner and a name.
    credentialFor: async ({ id, orgId }, { origin, path }, service, { workflows } = { workflows: false }) => (path.split('/').length !== 2 ? null : tokens.lease({ orgId, workspaceId: id, origin, path, rights: { contents: service === 'git-receive-pack' ? 'write' : 'read', metadata: 'read', ...(workflows ? { workflows: 'write' as const } : {}) } })),
    stop: () => tokens.stop(),
  }
}

/** Where GitHub sends its webhooks. */
export const HOOK_PATH = '/hooks/github'
export const isSetupPath = (pathname: string): boolean => pathname === GITHUB_SETUP_PATH || pathname === `${GITHUB_SETUP_PATH}/back`
