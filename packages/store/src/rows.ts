/** Rows as they come out of the database, checked once here. */
import type { MachineRow, OpenCall, UsageSum, WorkspaceRow } from '@berth/core'
import {
  AgentKind, AgentState, ApprovalMode, CodeSource, Exposure, Isolation, OrgId, PoolId, ProvisionStep, Resources, SavedId, SessionId, UserId, Wish, WorkspaceId, WorkspacePhase,
} from '@berth/wire'
import { ActivityReport } from '@berth/wire/daemon'
import { z } from 'zod'

const time = z.number()
const Failure = z.object({ code: z.string(), message: z.string(), hint: z.string().nullable(), at: time })

const OpenCall = z.object({ toolCallId: z.string(), verb: z.string(), object: z.string(), since: time, sessionId: z.string().optional() })
const UsageSum = z.object({ inputTokens: z.number(), outputTokens: z.number(), costMicros: z.number().nullable(), contextPercent: z.number().nullable(), model: z.string().nullable() })

const ProjectRow = z.object({ revision: z.number().int(), outline: z.array(z.string()).nullable(), from: z.enum(['source', 'save']), askedAt: z.number().optional() })

const SessionIds = z.array(z.object({ from: SessionId, to: SessionId }))
const RestoreFrom = z.object({ savedId: SavedId, generation: z.number().int(), sessions: SessionIds, branch: z.string().nullable(), systemOf: z.object({ workspaceId: WorkspaceId, generation: z.number().int() }).optional() })
const MoveRow = z.object({
  from: z.object({ provider: z.string(), generation: z.number().int(), readyAt: time.nullable().optional() }), to: z.object({ provider: z.string(), generation: z.number().int().nullable() }), interrupt: z.boolean(),
  step: z.enum(['waiting', 'saving', 'stopping', 'starting', 'ending', 'undoing']), savedId: SavedId.nullable(), why: z.string().nullable(), askedBy: UserId, askedAt: time, stepAt: time,
})

const Workspace = z.object({
  id: WorkspaceId, orgId: OrgId, creatorId: UserId, name: z.string(), repository: z.string(), branch: z.string().nullable(),
  source: CodeSource, sourceReady: z.boolean(), project: ProjectRow.nullable().catch(null), provider: z.string(), image: z.string().nullable(), resources: Resources,
  agent: AgentKind, command: z.string().nullable(), services: z.array(z.object({ name: z.string(), command: z.string() })),
  approvalMode: ApprovalMode, acceptNoIsolation: z.boolean(), web: z.boolean(), sessionId: SessionId, exposures: z.array(Exposure),
  autoStopMs: z.number(), keepAliveUntil: time.nullable(), generation: z.number().int(), failure: Failure.nullable(),
  steps: z.array(ProvisionStep), statusMessage: z.string().nullable(), agentState: AgentState,
  activity: ActivityReport.extend({ at: time }).nullable().catch(null), idleVerdicts: z.number().int(),
  lastActiveAt: time, startedAt: time.nullable(), readyAt: time.nullable(),
  // Only compared with the present phase: one that cannot be read is announced again.
  reported: z.object({ phase: WorkspacePhase, step: z.string().nullable(), reason: z.string().nullable(), statusMessage: z.string().nullable() }).nullable().catch(null),
  ephemeral: z.boolean(), move: MoveRow.nullable(), restore: RestoreFrom.nullable(),
  saved: z.object({ commit: z.string(), ref: z.string(), at: time }).nullable(),
  // Rebuilt as they happen: unreadable ones count as none.
  work: z.array(OpenCall).nullable().catch(null), usage: UsageSum.nullable().catch(null),
  report: z.object({ text: z.string(), at: time }).nullable().catch(null),
  changes: z.object({ files: z.number(), added: z.number(), removed: z.number() }).nullable().catch(null),
  poolId: PoolId.nullable(), poolTakenAt: time.nullable(),
  createdAt: time, updatedAt: time, deletedAt: time.nullable(),
  wishTarget: Wish.shape.target, wishBy: Wish.shape.by, wishVersion: z.number().int(), wishReason: z.string().nullable(), wishAt: time,
})

export function parseWorkspace(row: unknown): WorkspaceRow {
  const { wishTarget, wishBy, wishVersion, wishReason, wishAt, poolId, poolTakenAt, ...rest } = Workspace.parse(row)
  return { ...rest, ...(poolId === null ? {} : { pool: { id: poolId, takenAt: poolTakenAt } }), wish: { target: wishTarget, by: wishBy, version: wishVersion, reason: wishReason, at: wishAt } }
}

/** Steps are rebuilt as they happen: unreadable ones count as none. */
// Made once: to make a schema costs more than to use it.
const Steps = ProvisionStep.array().catch([])
export const storedSteps = (value: unknown): ProvisionStep[] => Steps.parse(value)

const Calls = z.array(OpenCall).catch([])
const Usage = UsageSum.nullable().catch(null)
export const storedCalls = (value: unknown): OpenCall[] => Calls.parse(value)
export const storedUsage = (value: unknown): UsageSum | null => Usage.parse(value)

const Observed = z.discriminatedUnion('state', [
  z.object({ state: z.enum(['absent', 'creating', 'starting', 'stopping', 'deleting']) }),
  z.object({ state: z.literal('running'), startedAt: time.nullable(), slow: z.literal(true).optional() }),
  z.object({ state: z.literal('stopped'), exitCode: z.number().nullable(), detail: z.string().nullable(), charged: z.literal(true).optional() }),
  z.object({ state: z.literal('failed'), detail: z.string() }),
  z.object({ state: z.literal('unknown'), raw: z.string() }),
])
const Charge = z.object({ state: z.enum(['running', 'stopped']), price: z.object({ currency: z.string(), microsPerHour: z.number(), incrementMs: z.number(), monthMicros: z.number().optional() }).nullable(), since: time })
const Machine = z.object({
  workspaceId: WorkspaceId, generation: z.number().int(), provider: z.string(),
  ref: z.record(z.string(), z.union([z.string(), z.number()])).nullable(), poll: z.record(z.string(), z.unknown()).nullable(),
  observed: Observed, observedAt: time.nullable(), isolation: Isolation.nullable(), ensuringSince: time.nullable(), stoppingSince: time.nullable(),
  saveState: z.enum(['none', 'trying', 'done', 'gave-up']), attempts: z.number().int(), retryAt: time.nullable(),
  linkEpoch: z.number().int(), linkedAt: time.nullable(), lastSeenAt: time.nullable(), daemonVersion: z.string().nullable(), charge: Charge.nullable().optional(),
  createdAt: time, endedAt: time.nullable(),
})
export const parseMachine = (row: unknown): MachineRow => Machine.parse(row) as MachineRow

/** The rows that can be read; of the others one line in the log. */
export function parseAll<T>(rows: readonly object[], parse: (row: object) => T, skipped: (row: object, error: unknown) => void): T[] {
  return rows.flatMap((row) => {
    try { return [parse(row)] } catch (error) { skipped(row, error); return [] }
  })
}
