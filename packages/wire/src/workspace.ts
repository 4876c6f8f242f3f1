/** The workspace as clients see it, and what may be done to it. */
import { z } from 'zod'
import { Level } from './access.ts'
import { OrgId, SessionId, UserId, WorkspaceId } from './ids.ts'

/** A report derived from the wish and the observation; nothing stores it, nothing but `workspaceCan` branches on it. */
export const WorkspacePhase = z.enum([
  'queued', 'provisioning', 'starting', 'running', 'unreachable', 'recovery', 'stopping', 'sleeping', 'stopped',
  'failed', 'deleting', 'deleted',
])
export type WorkspacePhase = z.infer<typeof WorkspacePhase>

export const WishTarget = z.enum(['running', 'stopped', 'deleted'])
export type WishTarget = z.infer<typeof WishTarget>
/** Who wished it. Only a stop by `idle` may be undone without a person asking. */
export const WishBy = z.enum(['user', 'idle', 'budget', 'failure', 'admin'])
export type WishBy = z.infer<typeof WishBy>
export const Wish = z.object({ target: WishTarget, by: WishBy, version: z.number().int(), reason: z.string().nullable(), at: z.number() })
export type Wish = z.infer<typeof Wish>

/** `acp`: any command that speaks the Agent Client Protocol. An older daemon knows `claude` and `plain` only. */
export const AgentKind = z.enum(['claude', 'plain', 'claude-headless', 'codex', 'opencode', 'gemini', 'qwen', 'acp', 'copilot'])
export type AgentKind = z.infer<typeof AgentKind>
/** `ask`: each tool call the agent would ask about waits for a person. `auto`: the agent's own mode. `skip`: no questions. */
export const ApprovalMode = z.enum(['ask', 'auto', 'skip'])
export type ApprovalMode = z.infer<typeof ApprovalMode>

/** Where the code comes from. `hosted`: the client pushes it to the server's repository of this workspace first. */
export const CodeSource = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('git'), url: z.string().min(1).max(2048), branch: z.string().max(255).optional(), commit: z.string().regex(/^[0-9a-f]{7,64}$/).optional() }),
  /** `label` is what people see (a path or url). Refs are those of `HOSTED_REFS`. */
  z.object({ kind: z.literal('hosted'), label: z.string().max(2048) }),
  z.object({ kind: z.literal('archive'), label: z.string().max(2048) }),
  z.object({ kind: z.literal('empty') }),
])
export type CodeSource = z.infer<typeof CodeSource>

/** Refs in the hosted repository of a workspace. */
export const HOSTED_REFS = {
  /** The commit the person had checked out. */
  head: 'refs/heads/berth/source',
  /** head + index + worktree as one commit whose 2nd parent holds the index (absent when clean). */
  wip: 'refs/berth/wip',
  /** What a person brings to the running workspace; always a commit like `wip`, without parents where there is no git. */
  push: 'refs/berth/push',
  /** What the workspace sends back: its branch, and saves made before each stop. */
  out: (name: string) => `refs/heads/berth/${name}`,
  save: 'refs/berth/save',
} as const

export const Resources = z.object({
  memoryBytes: z.number().int().positive().optional(),
  cpus: z.number().positive().max(1024).optional(),
  pids: z.number().int().positive().optional(),
  /** A Docker engine of its own, for the agent and its services. */
  docker: z.boolean().optional(),
  /** The agent may become root in its machine. */
  sudo: z.boolean().optional(),
})
export type Resources = z.infer<typeof Resources>

/** What the agent can reach of the host: a container, a sandboxed process tree, or nothing between them. */
export const Isolation = z.enum(['container', 'sandbox', 'none', 'vm'])
export type Isolation = z.infer<typeof Isolation>

export const AgentState = z.enum(['none', 'starting', 'idle', 'busy', 'waiting', 'exited', 'error'])
export type AgentState = z.infer<typeof AgentState>

/** `terminal`: the agent's own screen is open beside the conversation. `headless`: it works without one. */
export const SessionMode = z.enum(['terminal', 'headless'])
export type SessionMode = z.infer<typeof SessionMode>
/** One agent conversation of a workspace. The first one is made with it, and is meant where none is named. */
export const Session = z.object({
  id: SessionId,
  title: z.string(),
  agent: AgentKind,
  mode: SessionMode,
  main: z.boolean(),
  state: AgentState,
  detail: z.string().nullable(),
  /** It can do nothing until somebody signs it in. Absent: that is not what it lacks. */
  wantsLogin: z.boolean().optional(),
  /** Its screen among the workspace's terminals; null: it has none. */
  terminalId: z.string().nullable(),
  /** It knows what was said in that one until then. */
  forkedFrom: SessionId.nullable(),
  createdAt: z.number(),
})
export type Session = z.infer<typeof Session>

/** A reason why the machine is still on, leased: it ends at `until` unless it is renewed. */
export const IdleReason = z.object({
  kind: z.enum(['turn', 'human', 'cpu', 'preview', 'keep-alive', 'waiting', 'provisioning', 'background']),
  detail: z.string(),
  until: z.number(),
})
export type IdleReason = z.infer<typeof IdleReason>

/** A long-lived credential somebody chose to put into the workspace, shown as a badge (X5). */
export const Exposure = z.object({ name: z.string(), how: z.enum(['env', 'copied-login', 'in-workspace-login']), warning: z.string() })
export type Exposure = z.infer<typeof Exposure>

export const StepState = z.enum(['pending', 'started', 'done', 'failed'])
export const ProvisionStep = z.object({
  step: z.string(), title: z.string(), state: StepState, startedAt: z.number().nullable(), durationMs: z.number().nullable(), detail: z.string().nullable(),
})
export type ProvisionStep = z.infer<typeof ProvisionStep>

export const Workspace = z.object({
  id: WorkspaceId,
  name: z.string(),
  orgId: OrgId,
  creatorId: UserId,
  phase: WorkspacePhase,
  /** The step under way or the one that failed. */
  step: z.string().nullable(),
  reason: z.string().nullable(),
  statusMessage: z.string().nullable(),
  error: z.object({ code: z.string(), message: z.string(), hint: z.string().nullable() }).nullable(),
  wish: Wish,
  provider: z.string(),
  isolation: Isolation.nullable(),
  repository: z.string(),
  branch: z.string().nullable(),
  image: z.string().nullable(),
  resources: Resources,
  agent: AgentKind,
  approvalMode: ApprovalMode,
  /** False: browsers do not get to see it, on any page. Absent from an older server, which shows all. */
  web: z.boolean().optional(),
  /** Deleted instead of stopped when it is idle. Absent from an older server. */
  ephemeral: z.boolean().optional(),
  /** It is on its way to another provider. Null or absent: it is not. */
  move: z.object({ to: z.string(), step: z.string(), since: z.number() }).nullable().optional(),
  agentState: AgentState,
  /** Its agent (of the main session) can do nothing until somebody signs it in. Absent: that is not what it lacks. */
  wantsLogin: z.boolean().optional(),
  sessionId: SessionId.nullable(),
  /** The main one first; those that were ended are not here. Absent: there is the main one alone, as its agent is. */
  sessions: z.array(Session).optional(),
  exposures: z.array(Exposure),
  /** How much of it whoever asks may do. Absent: all of it, or nobody looked it up. */
  may: Level.optional(),
  /** Approvals and questions that wait for a person. */
  needsYou: z.number().int(),
  viewers: z.number().int(),
  /** Its own environment could not be made: this machine is there to repair it in. Absent from an older server. */
  recovery: z.object({ why: z.string(), hint: z.string() }).nullable().optional(),
  /** What the agent does now: the open call's verb and object, in people's words. Absent from an older server. */
  work: z.object({ verb: z.string(), object: z.string(), since: z.number() }).nullable().optional(),
  /** Where its agent says it is in the whole task; until the turn ends. Absent from an older server. */
  report: z.object({ text: z.string(), at: z.number() }).nullable().optional(),
  /** Of the session so far. Cost in millionths of a dollar, null where the agent does not say. */
  usage: z.object({ inputTokens: z.number(), outputTokens: z.number(), costMicros: z.number().int().nullable(), contextPercent: z.number().nullable(), model: z.string().nullable() }).optional(),
  /** What the last turn left to review; null: nothing, or not known. */
  changes: z.object({ files: z.number().int(), added: z.number().int(), removed: z.number().int() }).nullable().optional(),
  /** Where the branch that the code came from stands at its origin, when it was last asked. `behind`: the workspace has not all of it. Absent or null: nobody asks, or nothing is known yet. */
  origin: z.object({ branch: z.string(), commit: z.string(), behind: z.boolean(), at: z.number() }).nullable().optional(),
  /** What its machine costs as it stands, stopped too; `microsPerHour` null: not known. Absent: nothing is paid for. */
  cost: z.object({ state: z.enum(['running', 'stopped']), currency: z.string(), microsPerHour: z.number().int().nullable() }).optional(),
  generation: z.number().int(),
  daemonVersion: z.string().nullable(),
  steps: z.array(ProvisionStep),
  idle: z.object({ autoStopMs: z.number(), reasons: z.array(IdleReason), stopsAt: z.number().nullable() }),
  createdAt: z.number(),
  updatedAt: z.number(),
  startedAt: z.number().nullable(),
  lastActiveAt: z.number(),
  webUrl: z.string(),
  terminalUrl: z.string(),
  /** The seq of the newest event, so a client can follow from "now". */
  tail: z.number().int(),
})
export type Workspace = z.infer<typeof Workspace>
