/** The git gateway with what it needs on this server's disk. */
import { join } from 'node:path'
import type { Clock, Store } from '@berth/core'
import type { GitHub } from '../github/index.ts'
import type { Log } from '../http/respond.ts'
import type { ServerAsks } from '../services/server-asks.ts'
import { createGitGateway } from './gateway.ts'
import type { GitGateway } from './gateway.ts'
import { createKeptPushes } from './kept-push.ts'
import { createLfs } from './lfs.ts'
import { createQuarantines } from './quarantine.ts'

export interface GitGatewayRoom {
  readonly store: Pick<Store, 'gitHosts' | 'github' | 'audit' | 'gitPolicies' | 'access'>
  readonly github: Pick<GitHub, 'credentialFor'>
  readonly asks: Pick<ServerAsks, 'begin'>
  readonly clock: Clock
  readonly log: Log
  readonly dir: string
  /** Where people's browsers go; known a moment after the first machine may ask. */
  readonly pageUrl: Promise<string>
  readonly fetch?: typeof fetch
}

/** Whatever a server before this one kept of pushes is gone: whoever pushed was cut off with it. */
export function openGitGateway({ store, github, asks, clock, log, dir, pageUrl, fetch: send = fetch }: GitGatewayRoom): GitGateway {
  const quarantines = createQuarantines({ dir })
  quarantines.tidy(clock.now()).catch((error: unknown) => log(`pushes that were kept: ${String(error)}`))
  const keptPushes = createKeptPushes({
    dir: join(dir, 'kept'), quarantines, asks, clock, log,
    pageOf: async (workspaceId, approvalId) => `${await pageUrl}/workspaces/${workspaceId}?approval=${approvalId}`,
    nameOf: (userId) => store.access.nameOf(userId),
  })
  return createGitGateway({ store, github, clock, log, keptPushes, lfs: createLfs({ store, clock, fetch: send }), fetch: send })
}
