/** What the use cases need. Only the composition root builds it. */
import type { Clock, Daemons, Provider, ProviderCheck, Store } from '@berth/core'
import type { AgentProgramName } from '@berth/wire/agents'
import type { ProviderInfo } from '@berth/wire/api'
import type { WorkspaceId } from '@berth/wire'
import type { BootLogs } from './boot-logs.ts'
import type { CostLimits } from './cost-limits.ts'
import type { Hosted } from '../git-hosting/hosted.ts'
import type { Repositories } from '../git-hosting/repositories.ts'
import type { Uploads } from '../git-hosting/uploads.ts'
import type { Origins } from './origins.ts'

export interface ProviderRegistry {
  /** Throws `provider_unknown` with the names that exist. */
  get(name: string): Provider
  all(): readonly Provider[]
  /** The first ready one in order of preference. */
  defaultName(): Promise<string>
  check(name: string): Promise<ProviderCheck>
  infos(): Promise<ProviderInfo[]>
}

export interface ServiceDeps {
  /** Absent: nothing is written down. */
  readonly bootLogs?: Pick<BootLogs, 'read'>
  readonly store: Store
  readonly clock: Clock
  readonly daemons: Daemons
  readonly providers: ProviderRegistry
  readonly repositories: Repositories
  readonly hosted: Hosted
  readonly uploads: Uploads
  /** Whether origins have moved. */
  readonly origins: Origins
  readonly costLimits: CostLimits
  readonly autoStopMs: number
  /** The server's home directory. */
  readonly home: string
  /** Where a person's browser goes. */
  readonly pageUrl: string
  /** Since when this server has ticked without a gap. */
  upSince(): number
  /** Look at this workspace now, in this process too. */
  poke(id: WorkspaceId): void
  /** Resolves when the agent's program is where machines find it. */
  fetchAgent(program: AgentProgramName): Promise<void>
  readonly log: (line: string) => void
}
