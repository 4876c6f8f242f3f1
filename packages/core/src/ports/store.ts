/**
 * What core needs kept. Every method is one transaction; a change and the events that announce it are in the
 * same one. `now` is always passed in (the database's clock, or a test's), so no query reads a clock of its own.
 */
import type { Approval, ApprovalAsk, ApprovalId, CodeSource, Decision, DecidedBy, EventBody, EventId, OrgId, PromptId, SessionId, StoredEvent, UserId, ViewerId, Wish, WishBy, WishTarget, WorkspaceId } from '@berth/wire'
import type { JournalEntry } from '@berth/wire/daemon'
import type { McpSetup } from '@berth/wire/mcp'
import type { AccessStore, DeviceLoginStore, IdentityStore, PasskeyStore, PeopleStore, SignInStepStore } from './access-store.ts'
import type { CostLimitStore, CostStore, ProviderNoteStore } from './cost-store.ts'
import type { AuditStore, CommitIdentityStore, DeployKeyStore, GitHostStore, GitPolicyStore } from './git-access-store.ts'
import type { HostedRepositoryStore, RepositoryTokenStore } from './hosted-store.ts'
import type { GitHubStore } from './github-store.ts'
import type { EgressStore } from './egress-store.ts'
import type { ModelBudgetStore, ModelKeyStore, ModelUsageStore } from './model-access-store.ts'
import type { PoolStore } from './pool-store.ts'
import type { PreviewStore } from './preview-store.ts'
import type { ProjectMcpStore } from './project-mcp-store.ts'
import type { ProjectSecretStore } from './project-secret-store.ts'
import type { ReviewStore } from './review-store.ts'
import type { MoveStore, SavedStore } from './saved-store.ts'
import type { SessionRow, SessionStore } from './session-store.ts'
import type { MachineRow, WorkspaceRecord, WorkspaceRow } from '../workspace/records.ts'
import type { DecisionTokenStore, NotificationStore, PushDeviceStore, ServerKeyStore, SettingsStore } from './notify-store.ts'

/** Claimed for one tick. Writes with a fence that is no longer the newest change nothing and say so. */
export interface Claim { readonly workspaceId: WorkspaceId; readonly fence: number }

/** Fields a tick may change; absent = as it was. */
export interface TickChange {
  /**
   * `failure` is set, never cleared: a tick under way may not have seen it yet. A wish to run clears it.
   * `steps` are upserted by their `step`, so that what the daemon uploaded since the tick began stays.
   */
  readonly workspace?: { readonly failure?: NonNullable<WorkspaceRow['failure']> } & Partial<Pick<WorkspaceRow, 'reported' | 'statusMessage' | 'steps' | 'generation' | 'idleVerdicts' | 'startedAt' | 'readyAt' | 'deletedAt' | 'saved' | 'provider' | 'move' | 'restore'>>
  /** Applied to the active generation (after `workspace.generation` of the same change), which is made when it does not exist. */
  readonly machine?: Partial<Omit<MachineRow, 'workspaceId' | 'generation' | 'provider' | 'createdAt'>>
  /** Of a generation that is not the active one. */
  readonly other?: { readonly generation: number; readonly machine: Partial<Omit<MachineRow, 'workspaceId' | 'generation' | 'provider' | 'createdAt'>> }
  /** Compare-and-set on the wish's version; the change is refused when somebody wished otherwise meanwhile. */
  readonly wish?: { readonly expectVersion: number; readonly target: WishTarget; readonly by: WishBy; readonly reason: string | null }
  readonly events?: readonly EventBody[]
  /** When this workspace wants its next tick. */
  readonly nextTickAt: number
}

export interface NewWorkspace extends Omit<WorkspaceRow, 'createdAt' | 'updatedAt' | 'deletedAt' | 'generation' | 'failure' | 'activity' | 'idleVerdicts' | 'startedAt' | 'readyAt' | 'saved' | 'statusMessage' | 'agentState' | 'lastActiveAt' | 'keepAliveUntil' | 'wish' | 'work' | 'usage' | 'changes' | 'report' | 'move'> {
  /** Beside the main one. */
  readonly sessions?: readonly SessionRow[]
  /** Encrypted by the store under the installation's master key. */
  readonly secrets: { readonly env: Record<string, string>; /** Names in `env`; absent: all of them. */ readonly secretEnv?: readonly string[] | undefined; readonly homeFiles: readonly { path: string; contentBase64: string }[]; /** Absent: our own server alone. */ readonly mcp?: McpSetup | undefined }
  readonly prompt: { readonly promptId: PromptId; readonly text: string } | null
  readonly idempotencyKey: string | null
}

export type UploadOutcome =
  | { readonly kind: 'stored'; readonly ackedN: number }
  | { readonly kind: 'expected'; readonly n: number }
  | { readonly kind: 'rotate' }
  | { readonly kind: 'fenced' }

export interface WorkspaceStore {
  createWorkspace(row: NewWorkspace, now: number): Promise<WorkspaceRecord>
  /** Null: there is none, or its row cannot be read. That it was deleted only `isDeleted` says. */
  getWorkspace(id: WorkspaceId): Promise<WorkspaceRecord | null>
  /** There was one and it was deleted. False also for one that nobody knows here, as after the restore of an older backup. */
  isDeleted(id: WorkspaceId): Promise<boolean>
  /** Newest first. A row that cannot be read is left out and logged, never an error for the rest. */
  listWorkspaces(options: { deleted: boolean }): Promise<WorkspaceRecord[]>
  /** What workspaces that came up were made of, deleted ones too; each once, last used first. */
  listSources(orgId: OrgId, limit: number): Promise<{ source: CodeSource; lastUsedAt: number }[]>
  /** CAS when `expectVersion` is given; null when it no longer holds. Idle re-checks activity in the same transaction. */
  setWish(id: WorkspaceId, wish: { target: WishTarget; by: WishBy; reason: string | null; expectVersion?: number; unlessActiveSince?: number }, now: number): Promise<Wish | null>
  /** The code is asked again about its machine, from that state of it, at the next start. */
  askProjectAgain(id: WorkspaceId, from: 'source' | 'save', now: number): Promise<void>
  setSourceReady(id: WorkspaceId, now: number): Promise<void>
  /** What a turn left to review. Announced by nobody: it follows from the turn's end. */
  setChanges(id: WorkspaceId, changes: WorkspaceRow['changes'], now: number): Promise<void>
  /** Bytes of the workspace's code came from a person. */
  noteArrival(id: WorkspaceId, now: number): Promise<void>
  setKeepAlive(id: WorkspaceId, until: number | null, now: number): Promise<void>
  /** With the event that says so. */
  setWeb(id: WorkspaceId, web: boolean, now: number): Promise<void>
  failWorkspace(id: WorkspaceId, failure: { code: string; message: string; hint: string | null }, now: number): Promise<void>
  secrets(id: WorkspaceId): Promise<NewWorkspace['secrets']>
  /** `change` sees what is there as it is written: two at once do not undo each other. */
  changeMcp(id: WorkspaceId, change: (mcp: McpSetup | undefined) => McpSetup, now: number): Promise<void>

  /** Due workspaces, each leased to this server for `leaseMs`, by FOR UPDATE SKIP LOCKED. */
  claimDue(options: { owner: string; limit: number; leaseMs: number }, now: number): Promise<Claim[]>
  /** Gives back what owners whose name begins so had claimed, and makes it due. For those that are known to be gone. */
  releaseClaims(ownerPrefix: string, now: number): Promise<void>
  /** Ends claims of which nothing came, each with the time to look again; an old fence is passed over. */
  giveBack(claims: readonly (Claim & { readonly nextTickAt: number })[]): Promise<void>
  /** False: the fence is old, nothing was written. Ends the claim. A `wake` or a wish since the claim wins over `nextTickAt`. */
  finishTick(claim: Claim, change: TickChange, now: number): Promise<boolean>
  /** Writes in mid-tick, keeping the claim: a wish before its effect. */
  saveTick(claim: Claim, change: Omit<TickChange, 'nextTickAt'>, now: number): Promise<boolean>
  /** Look at this workspace now. */
  wake(id: WorkspaceId, now: number): Promise<void>
  nextDue(): Promise<number | null>
}

export interface EventStore {
  /** Server events. Seqs are given in order, in one transaction with the stream's counter row. */
  append(workspaceId: WorkspaceId, events: readonly { id?: EventId; body: EventBody }[], now: number): Promise<StoredEvent[]>
  /** Ascending, `seq > after`. Throws `cursor_gone` when `after` is below the floor, or above the tail: the store was restored. */
  read(workspaceId: WorkspaceId, after: number, limit: number): Promise<StoredEvent[]>
  tail(workspaceId: WorkspaceId): Promise<number>
  /** Of these types only, ascending, `seq > after`; what was dropped is passed over. With `newest`: the last `limit` of them. */
  ofTypes(workspaceId: WorkspaceId, types: readonly string[], options: { after: number; since?: number; limit: number; newest?: boolean }): Promise<StoredEvent[]>
  /** Called with the workspace of each append on any server; returns the remover. */
  onAppend(listener: (workspaceId: WorkspaceId) => void): () => void
  /** Called with who may do more or less than before, on any server; null: anybody may. Returns the remover. */
  onRights(listener: (userId: UserId | null) => void): () => void
}

export interface LinkStore {
  /** A boot token good for one enrolment of this generation: the same one until it is used, then another. The store keeps a hash. */
  issueBootToken(workspaceId: WorkspaceId, generation: number, now: number): Promise<string>
  /** It would be enrolled with now. */
  knowsBootToken(workspaceId: WorkspaceId, generation: number, bootToken: string): Promise<boolean>
  /** Null: wrong or used up. A token stays good until a link with the token it gave has said hello. */
  enrol(workspaceId: WorkspaceId, generation: number, bootToken: string, now: number): Promise<{ linkToken: string } | null>
  /** Null: unknown token, or the machine is no longer wanted. */
  authenticateLink(linkToken: string): Promise<{ workspaceId: WorkspaceId; generation: number } | null>
  /** Mints the next epoch, records the link, and says where the journal is. Wakes nobody: there is nothing to look at before the daemon is welcomed. */
  openLink(link: { workspaceId: WorkspaceId; generation: number; journalId: string; lastN: number; boot: string; daemonVersion: string; isolation: string; server: string }, now: number): Promise<{ epoch: number; journal: { do: 'continue'; ackedN: number } | { do: 'rotate' } }>
  /** Marks the link closed unless a newer epoch is open, and has the workspace looked at. */
  closeLink(workspaceId: WorkspaceId, epoch: number, now: number): Promise<void>
  /** All that stand to this server, which goes away. Their daemons come back, and only then is there something to look at. */
  closeLinksOf(server: string, now: number): Promise<void>
  seen(workspaceId: WorkspaceId, epoch: number, now: number): Promise<void>
  /** Stores a batch exactly once with its projections (approvals, prompts, agent state, steps, saved). See daemon-protocol.ts. */
  upload(batch: { workspaceId: WorkspaceId; epoch: number; journalId: string; entries: readonly JournalEntry[] }, now: number): Promise<UploadOutcome>
  report(workspaceId: WorkspaceId, epoch: number, activity: WorkspaceRow['activity'] & object, now: number): Promise<void>
}

export interface ApprovalStore {
  get(id: ApprovalId): Promise<Approval | null>
  list(options: { workspaceId?: WorkspaceId; all: boolean }): Promise<Approval[]>
  /** Compare-and-set from open or orphaned. Loses: the approval as the winner left it. */
  decide(id: ApprovalId, decision: Decision, by: DecidedBy, now: number): Promise<{ won: boolean; approval: Approval }>
  /** Decided and not applied, for the daemon when it connects. */
  undelivered(workspaceId: WorkspaceId): Promise<(Approval & { orphaned: boolean })[]>
}

/** What the server asks of a person itself. Its decisions are made by `ApprovalStore.decide`, as an agent's are. */
export interface NewServerAsk extends Pick<ApprovalAsk, 'approvalId' | 'tool' | 'title' | 'input' | 'contentHash'> { readonly workspaceId: WorkspaceId; readonly expiresAt: number }
export interface ServerAskStore {
  /**
   * The one that waits with this content, or that was answered (by a person, after `answeredSince`) and not taken; else a
   * new one with its event. Throws `too_many` above the limits.
   */
  ask(ask: NewServerAsk, limits: { answeredSince: number; open: number; lately: number; since: number }, now: number): Promise<Approval>
  /** What was decided is used now; once. */
  take(id: ApprovalId, now: number): Promise<boolean>
  /** Those that nobody answered in time are denied; their number. */
  expire(message: string, now: number): Promise<number>
}

export interface PromptStore {
  /** Queued; repeated with the same id it changes nothing. */
  add(workspaceId: WorkspaceId, prompt: { promptId: PromptId; text: string; by: string; /** Absent: for the main one. */ sessionId?: SessionId }, now: number): Promise<void>
  pending(workspaceId: WorkspaceId): Promise<{ promptId: PromptId; text: string; sessionId?: SessionId }[]>
}

export interface ViewerStore {
  join(viewer: { workspaceId: WorkspaceId; userId: UserId; client: 'web' | 'cli' | 'desktop' }, now: number): Promise<ViewerId>
  heartbeat(id: ViewerId, input: boolean, now: number): Promise<boolean>
  leave(id: ViewerId): Promise<void>
  /** Null: it left. */
  get(id: ViewerId): Promise<{ workspaceId: WorkspaceId; userId: UserId } | null>
  /** Seen since `after`. */
  count(workspaceId: WorkspaceId, after: number): Promise<number>
  total(after: number): Promise<number>
}

export interface InstallationStore {
  /** Made at first boot: 32 hex characters, in the name of every vendor object. */
  installation(): Promise<{ id: string; epoch: number; reaperHeld: string | null }>
  holdReaper(reason: string): Promise<void>
  releaseReaper(): Promise<boolean>
  /** Machines not ended, with what the reaper needs to compare them. */
  machines(): Promise<MachineRow[]>
  /** Sightings of vendor objects nobody claims: how many complete inventories in a row, since when. */
  sighted(key: string, now: number): Promise<{ count: number; firstAt: number }>
  forgetSightings(except: readonly string[]): Promise<void>
  databaseNow(): Promise<number>
}

/** `keepMs`: links and journals of machines that ended, expired sessions. `eventsPerWorkspace`: the oldest above it go. */
export interface PruneLimits { readonly keepMs: number; readonly viewerMs: number; readonly eventsPerWorkspace: number }
export interface Pruned { readonly links: number; readonly journals: number; readonly viewers: number; readonly events: number }
export interface RetentionStore { prune(limits: PruneLimits, now: number): Promise<Pruned> }

export interface Store extends WorkspaceStore {
  readonly retention: RetentionStore
  readonly events: EventStore
  readonly links: LinkStore
  readonly approvals: ApprovalStore
  readonly serverAsks: ServerAskStore
  readonly prompts: PromptStore
  readonly access: AccessStore
  readonly people: PeopleStore
  readonly deviceLogins: DeviceLoginStore
  readonly signInSteps: SignInStepStore
  readonly identities: IdentityStore
  readonly passkeys: PasskeyStore
  readonly viewers: ViewerStore
  readonly installation: InstallationStore
  readonly settings: SettingsStore
  readonly devices: PushDeviceStore
  readonly notifications: NotificationStore
  readonly decisionTokens: DecisionTokenStore
  readonly serverKeys: ServerKeyStore
  readonly reviews: ReviewStore
  readonly previews: PreviewStore
  readonly projectSecrets: ProjectSecretStore
  readonly projectMcp: ProjectMcpStore
  readonly gitHosts: GitHostStore
  readonly deployKeys: DeployKeyStore
  readonly commitIdentities: CommitIdentityStore
  readonly hostedRepositories: HostedRepositoryStore
  readonly repositoryTokens: RepositoryTokenStore
  readonly gitPolicies: GitPolicyStore
  readonly github: GitHubStore
  readonly audit: AuditStore
  readonly sessions: SessionStore
  readonly saved: SavedStore
  readonly moves: MoveStore
  readonly modelKeys: ModelKeyStore
  readonly modelUsage: ModelUsageStore
  readonly modelBudgets: ModelBudgetStore
  readonly egress: EgressStore
  readonly costs: CostStore
  readonly costLimits: CostLimitStore
  readonly providerNotes: ProviderNoteStore
  readonly pools: PoolStore
  close(): Promise<void>
}
