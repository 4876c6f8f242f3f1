/** What is stored of a workspace and its machines. `phase` is not stored; `phase.ts` derives it. */
import type {
  ActivityReport,
} from '@berth/wire/daemon'
import type {
  AgentKind, AgentState, ApprovalMode, CodeSource, Exposure, Isolation, OrgId, PoolId, ProvisionStep, Resources, SavedId, SessionId, UserId, Wish, WishTarget, WorkspaceId, WorkspacePhase,
} from '@berth/wire'
import type { Charge } from '../cost/charge.ts'
import type { MachineRef, Observed } from '../ports/provider.ts'
import type { MoveRow } from '../ports/saved-store.ts'
import type { OpenCall, UsageSum } from './session-facts.ts'

export interface WorkspaceRow {
  readonly id: WorkspaceId
  readonly orgId: OrgId
  readonly creatorId: UserId
  readonly name: string
  readonly repository: string
  readonly branch: string | null
  readonly source: CodeSource
  readonly sourceReady: boolean
  readonly provider: string
  readonly image: string | null
  readonly resources: Resources
  readonly agent: AgentKind
  readonly command: string | null
  readonly services: readonly { name: string; command: string }[]
  readonly approvalMode: ApprovalMode
  readonly acceptNoIsolation: boolean
  /** False: not shown on the web. */
  readonly web?: boolean
  readonly sessionId: SessionId
  readonly exposures: readonly Exposure[]
  readonly autoStopMs: number
  readonly keepAliveUntil: number | null
  readonly wish: Wish
  /** The active machine. 0: none was ever made. */
  readonly generation: number
  /** The refusal that made it fail; cleared when a person starts it again. */
  readonly failure: Failure | null
  readonly steps: readonly ProvisionStep[]
  readonly statusMessage: string | null
  readonly agentState: AgentState
  readonly activity: (ActivityReport & { readonly at: number }) | null
  /** Consecutive idle verdicts; two are needed to stop. */
  readonly idleVerdicts: number
  readonly lastActiveAt: number
  readonly startedAt: number | null
  /** When the daemon reported the tree checked out and the agent started on this generation. */
  readonly readyAt: number | null
  /** What the newest `workspace.phase` event said. A phase also changes by time or by the link, so the next tick announces the difference. */
  readonly reported?: ReportedPhase | null
  readonly saved: { readonly commit: string; readonly ref: string; readonly at: number } | null
  /** Calls of the agent that run, oldest first. */
  readonly work?: readonly OpenCall[] | null
  readonly usage?: UsageSum | null
  /** Where the agent says it is, in this turn. */
  readonly report?: { readonly text: string; readonly at: number } | null
  /** On its way to another provider. */
  readonly move?: MoveRow | null
  /** What the machine of that generation begins with, instead of the source. */
  readonly restore?: RestoreFrom | null
  /** It was made ahead; `takenAt` null: nobody has asked for it yet, and its agent does not run. */
  readonly pool?: { readonly id: PoolId; readonly takenAt: number | null } | null
  /** Deleted, where another one would be stopped for idleness. */
  readonly ephemeral?: boolean
  /** How the code is asked about its machine. Null: it is not, the workspace is older than that. */
  readonly project?: ProjectRow | null
  /** What the last turn left to review; null: nothing, or not known. */
  readonly changes?: { readonly files: number; readonly added: number; readonly removed: number } | null
  readonly createdAt: number
  readonly updatedAt: number
  readonly deletedAt: number | null
}
/** `outline`: what the person's CLI saw at the root of the code; null: to be looked for. `from`: the state that counts. `askedAt`: when somebody had it asked again. */
export interface ProjectRow { readonly revision: number; readonly outline: readonly string[] | null; readonly from: 'source' | 'save'; readonly askedAt?: number | undefined }
/** It is stopped only to be made anew, and starts by itself. Any wish after that one ends this. */
export const isRebuilding = ({ wish, project }: Pick<WorkspaceRow, 'wish' | 'project'>): boolean => wish.target === 'stopped' && wish.by === 'user' && project?.askedAt === wish.at
/** Wishing again what is already wished would only restart clocks, except that it gives a failed one another try. */
export function isWished(workspace: Pick<WorkspaceRow, 'wish' | 'project' | 'failure'>, target: WishTarget): boolean {
  const { wish, failure } = workspace
  // It starts by itself once it is made anew; a wish before that would start the old machine instead.
  if (target === 'running') return failure === null && (wish.target === 'running' || isRebuilding(workspace))
  if (wish.target !== target) return false
  // A person's stop is not undone automatically, an idle one is.
  return target === 'deleted' || (wish.by === 'user' && !isRebuilding(workspace))
}
export interface RestoreFrom { readonly savedId: SavedId; readonly generation: number; /** Sessions that have other ids here, and the branch of a fork. */ readonly sessions: readonly { from: SessionId; to: SessionId }[]; readonly branch: string | null; /** Whose machine's system the first machine begins with; absent: a plain one. */ readonly systemOf?: { readonly workspaceId: WorkspaceId; readonly generation: number } | undefined }
export interface ReportedPhase { readonly phase: WorkspacePhase; readonly step: string | null; readonly reason: string | null; readonly statusMessage: string | null }
export interface Failure { readonly code: string; readonly message: string; readonly hint: string | null; readonly at: number }

/** Made ahead, and nobody's yet. */
export const isInPool = ({ pool }: Pick<WorkspaceRow, 'pool'>): boolean => pool?.takenAt === null

export interface MachineRow {
  readonly workspaceId: WorkspaceId
  readonly generation: number
  readonly provider: string
  readonly ref: MachineRef | null
  readonly poll: Readonly<Record<string, unknown>> | null
  readonly observed: Observed
  readonly observedAt: number | null
  readonly isolation: Isolation | null
  /** First call to `ensure` for the present wish; deadlines count from here. Written before the call. */
  readonly ensuringSince: number | null
  readonly stoppingSince: number | null
  /** The save before a stop: tried once per stop. */
  readonly saveState: 'none' | 'trying' | 'done' | 'gave-up'
  readonly attempts: number
  readonly retryAt: number | null
  /** The daemon's link. `linkedAt` null: not connected now. */
  readonly linkEpoch: number
  readonly linkedAt: number | null
  readonly lastSeenAt: number | null
  readonly daemonVersion: string | null
  /** What it costs as it stands; null or absent: nothing is there, or an older record. Kept as pieces of time, which outlive it. */
  readonly charge?: Charge | null
  readonly createdAt: number
  readonly endedAt: number | null
}

/** What one tick looks at. */
export interface WorkspaceRecord {
  readonly workspace: WorkspaceRow
  readonly machine: MachineRow | null
  /** Of other generations, not ended: a move has two. */
  readonly others?: readonly MachineRow[]
  /** The highest that any of its machines had, also one that ended. Absent: no machine was higher than the workspace is. */
  readonly highest?: number
}

/** Never one that was used: its name may still be at a vendor, and its row says where it was. */
export const nextGeneration = ({ workspace, highest = 0 }: WorkspaceRecord): number => Math.max(workspace.generation, highest) + 1
