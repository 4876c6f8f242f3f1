/** What git hosts are reached by: tokens for one operation, of GitHub's apps and of Freestyle's accounts, and the gateway that uses them. */
import { join } from 'node:path'
import type { Clock, Store, WorkspaceStep } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'
import { createFreestyleTokens } from '../git-hosting/freestyle-tokens.ts'
import { createGitHub } from '../github/index.ts'
import { openGitGateway } from '../git-gateway/index.ts'
import type { GitGatewayRoom } from '../git-gateway/index.ts'
import type { GitGateway } from '../git-gateway/gateway.ts'
import type { GitHub } from '../github/index.ts'
import type { Log } from '../http/respond.ts'
import type { Closers } from './closers.ts'
import type { Home } from './home.ts'

/** GitHub, whose `credentialFor` asks Freestyle, too. */
export function startGitHosts({ store, clock, log, home, closers }: { store: Store; clock: Clock; log: Log; home: Pick<Home, 'pushes'>; closers: Closers }): GitHub {
  const github = createGitHub({ store, clock, log })
  const freestyle = createFreestyleTokens({ store, clock, log, dir: join(home.pushes, 'identities') })
  closers.add('the tokens of GitHub', () => github.stop())
  closers.add('the tokens of Freestyle', () => freestyle.stop())
  // What a server before this one had out when it was killed.
  freestyle.settle().catch((error: unknown) => log(`freestyle: ${String(error)}`))
  return { ...github, credentialFor: async (workspace, address, service, more) => await github.credentialFor(workspace, address, service, more) ?? freestyle.credentialFor(workspace, address, service) }
}

/** `begun`: a step of a workspace was taken. With the first machine, what it will clone is asked for ahead; nothing waits for that. */
export function startGitGateway({ store, clock, log, home, closers }: { store: Store; clock: Clock; log: Log; home: Pick<Home, 'pushes'>; closers: Closers }, room: Pick<GitGatewayRoom, 'github' | 'hosted' | 'asks' | 'pageUrl'>): { gateway: GitGateway; begun(id: WorkspaceId, step: WorkspaceStep): void } {
  const { gateway, ahead, stop } = openGitGateway({ store, clock, log, dir: home.pushes, ...room })
  closers.add('what is asked ahead', stop)
  return {
    gateway,
    begun(id, step) {
      if (step.do !== 'begin' || step.generation !== 1) return
      store.getWorkspace(id).then((record) => (record === null ? undefined : ahead(record.workspace))).catch((error: unknown) => log(`${id}: its clone is not asked for ahead: ${String(error)}`))
    },
  }
}
