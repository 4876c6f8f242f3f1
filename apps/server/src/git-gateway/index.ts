/** The git gateway with what it needs on this server's disk. */
import { join } from 'node:path'
import type { Clock, Store } from '@berth/core'
import type { HostedReach } from '../git-hosting/hosted.ts'
import type { GitHub } from '../github/index.ts'
import type { Log } from '../http/respond.ts'
import type { ServerAsks } from '../services/server-asks.ts'
import { createAskingAhead } from './asking-ahead.ts'
import type { AskingAhead } from './asking-ahead.ts'
import { createBlobs } from './blobs-of.ts'
import { createGitGateway } from './gateway.ts'
import type { GitGateway } from './gateway.ts'
import { createKeptPacks } from './kept-packs.ts'
import type { KeptPacksLimits } from './kept-packs.ts'
import { createKeptPushes } from './kept-push.ts'
import { createLfs } from './lfs.ts'
import { createQuarantines } from './quarantine.ts'

export interface GitGatewayRoom {
  readonly store: Pick<Store, 'gitHosts' | 'deployKeys' | 'github' | 'audit' | 'gitPolicies' | 'access'>
  readonly github: Pick<GitHub, 'credentialFor'>
  /** Absent: this server keeps no repositories of tasks. */
  readonly hosted?: HostedReach
  readonly asks: Pick<ServerAsks, 'begin'>
  readonly clock: Clock
  readonly log: Log
  readonly dir: string
  /** Where people's browsers go; known a moment after the first machine may ask. */
  readonly pageUrl: Promise<string>
  readonly fetch?: typeof fetch
  /** Absent: those of the product. */
  readonly packLimits?: KeptPacksLimits
}

export interface OpenGitGateway {
  readonly gateway: GitGateway
  readonly ahead: AskingAhead['ahead']
  /** Nothing is asked ahead any more. */
  stop(): Promise<void>
}

/** Whatever a server before this one kept of pushes is gone: whoever pushed was cut off with it. */
export function openGitGateway({ store, github, hosted, asks, clock, log, dir, pageUrl, fetch: outside = fetch, packLimits }: GitGatewayRoom): OpenGitGateway {
  const send = hosted === undefined ? outside : locally(hosted, outside)
  const quarantines = createQuarantines({ dir, log, ...(hosted === undefined ? {} : { locally: async (address) => (await hosted.addresses).locally(address) }) })
  quarantines.tidy(clock.now()).catch((error: unknown) => log(`pushes that were kept: ${String(error)}`))
  const keptPacks = createKeptPacks({ dir: join(dir, 'packs'), clock, log, ...(packLimits === undefined ? {} : { limits: packLimits }) })
  const keptPushes = createKeptPushes({
    dir: join(dir, 'kept'), quarantines, asks, clock, log,
    pageOf: async (workspaceId, approvalId) => `${await pageUrl}/workspaces/${workspaceId}?approval=${approvalId}`,
    nameOf: (userId) => store.access.nameOf(userId),
  })
  const gateway = createGitGateway({ store, github, clock, log, keptPushes, keptPacks, quarantines, ...(hosted === undefined ? {} : { hosted }), keysDir: join(dir, 'keys'), lfs: createLfs({ store, clock, fetch: send }), fetch: send })
  const asking = createAskingAhead({ store, gateway, keptPacks, blobs: createBlobs(join(dir, 'ahead')), clock, log })
  return {
    gateway,
    ahead: asking.ahead,
    async stop() {
      await Promise.all([asking.stop(), keptPacks.stop()])
    },
  }
}

/** This server's own name may lead nowhere from here: what is asked of it goes to its own listener. */
function locally(hosted: HostedReach, outside: typeof fetch): typeof fetch {
  const send = async (input: Parameters<typeof fetch>[0], init?: RequestInit): Promise<Response> => {
    const url = new URL(input instanceof Request ? input.url : input)
    const here = (await hosted.addresses).locally({ origin: url.origin, path: url.pathname.slice(1) })
    return here.origin === url.origin ? outside(input, init) : outside(`${here.origin}/${here.path}${url.search}`, init)
  }
  return Object.assign(send, { preconnect: outside.preconnect })
}
