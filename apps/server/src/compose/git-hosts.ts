/** What makes tokens for one operation: the apps of GitHub, and the accounts of Freestyle. */
import { join } from 'node:path'
import type { Clock, Store } from '@berth/core'
import { createFreestyleTokens } from '../git-hosting/freestyle-tokens.ts'
import { createGitHub } from '../github/index.ts'
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
