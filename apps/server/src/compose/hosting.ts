/** The repositories and archives that this server keeps, and what becomes of those that nobody uses. */
import type { Clock, Store } from '@berth/core'
import { createHosted } from '../git-hosting/hosted.ts'
import type { Hosted } from '../git-hosting/hosted.ts'
import { PERSON_BYTES } from '../git-hosting/quota.ts'
import { createRepositories } from '../git-hosting/repositories.ts'
import type { Repositories } from '../git-hosting/repositories.ts'
import { createUploads } from '../git-hosting/uploads.ts'
import type { Uploads } from '../git-hosting/uploads.ts'
import { collectHosted } from '../loops/collect-hosted.ts'
import { startPeriodic } from '../loops/periodic.ts'
import type { Closers } from './closers.ts'
import type { ServerConfig } from './config.ts'
import type { Home } from './home.ts'

export interface Hosting { readonly repositories: Repositories; readonly uploads: Uploads; readonly hosted: Hosted }

const DAY_MS = 24 * 3600_000
const [UNUSED_DAYS, GRACE_DAYS] = [30, 7]
const [LOOK_EVERY_MS, FIRST_LOOK_MS] = [3600_000, 4 * 60_000]

export function openHosting({ home, config, store, clock, closers, log }: { home: Home; config: Pick<ServerConfig, 'hosting'>; store: Store; clock: Clock; closers: Closers; log: (line: string) => void }): Hosting {
  const { url, repositoryBytes, personBytes = PERSON_BYTES, unusedDays = UNUSED_DAYS, graceDays = GRACE_DAYS } = config.hosting ?? {}
  const repositories = createRepositories({ dir: home.repositories, ...(repositoryBytes === undefined ? {} : { quotaBytes: repositoryBytes }) })
  const hosted = createHosted({ store, repositories, clock, personBytes, gitUrl: url ?? null })
  const looking = startPeriodic({
    name: 'repositories of tasks', everyMs: LOOK_EVERY_MS, firstAfterMs: FIRST_LOOK_MS, log,
    run: () => collectHosted({ store, repositories, hosted, clock, log, unusedMs: unusedDays * DAY_MS, graceMs: graceDays * DAY_MS }),
  })
  closers.add('the looks at repositories', () => looking.stop())
  return { repositories, uploads: createUploads({ dir: home.uploads }), hosted }
}
