/**
 * The link: everything that passes between the server and the daemon of one machine, over one outbound
 * WebSocket (`GET /link/v1`, `Authorization: Bearer <link token>`).
 *
 * Text frames are the JSON messages below (at most LINK_MESSAGE_LIMIT bytes); binary frames are the mux of
 * `mux.ts`. The daemon speaks first (`hello`), the server answers `welcome` or closes with a LINK_CLOSE code.
 *
 * Exactly-once upload. The daemon's journal numbers its events n = 1, 2, 3 … under a random journal id. The
 * server keeps, for each journal id, the last n it has stored, and says it in `welcome`; the daemon sends on
 * from there, in order. The server stores n = last + 1, skips n <= last when it knows the event's id, asks to
 * `rotate` when it does not (the journal was rolled back or copied), and answers `expected` on a hole. The epoch
 * is minted by the server for each hello; only the newest epoch of a workspace may write, an older link is closed
 * with `fenced`.
 */
import { z } from 'zod'
import { Decision } from './approval.ts'
import { ApprovalId, EventId, PromptId, SessionId, WorkspaceId } from './ids.ts'
import type { ModelVendor } from './model-access.ts'
import { AssignedCommits } from './commits.ts'
import { LiveItem } from './live.ts'
import { filesMethods } from './files-methods.ts'
import { McpSetup } from './mcp.ts'
import { SshPublicKey, sshMethods } from './reach-methods.ts'
import { reviewMethods } from './review-methods.ts'
import { syncMethods } from './sync-methods.ts'
import { Restore, SAVED_PATH, savedMethods } from './saved-methods.ts'
import { sessionsMethods } from './sessions-methods.ts'
import { signInMethods } from './sign-in-methods.ts'
import { AgentState, ApprovalMode, CodeSource, Isolation, SessionMode, type AgentKind } from './workspace.ts'

export const LINK_PATH = '/link/v1'
/** POST, JSON EnrolRequest → EnrolReply. Exchanges the machine's one-time boot token for its link token. */
export const ENROL_PATH = '/link/v1/enrol'
export const LINK_MESSAGE_LIMIT = 1024 * 1024
export const EVENT_BATCH_LIMIT = 64
/** Of one `live` message; more than so much is not of this moment. */
export const LIVE_ITEMS_LIMIT = 64
/** The daemon reports at least this often, unless its welcome says otherwise. */
export const REPORT_INTERVAL_MS = 60_000
export const PING_INTERVAL_MS = 15_000

export const LINK_CLOSE = {
  /** The token is not (or no longer) one of a wanted machine. The daemon stops trying and shuts down. */
  rejected: 4401,
  /** A newer link of this workspace took over. The daemon waits long before trying again. */
  fenced: 4409,
  /** The protocol version is too old: the daemon must be replaced. */
  incompatible: 4426,
  /** The server is going away: connect again at once. */
  goaway: 4503,
  /** What was sent cannot be understood. */
  garbage: 4400,
} as const

/** Written into the machine by the provider before the daemon starts, 0600, removed after enrolment. */
/** As in a devcontainer.json: a line for the shell, a command with its arguments, or several at once by name. */
const HookCommand = z.union([z.string(), z.array(z.string())])
export const Hook = z.object({ name: z.string(), command: z.union([HookCommand, z.record(z.string(), HookCommand)]) })
export type Hook = z.infer<typeof Hook>

export const BootFile = z.object({
  workspaceId: WorkspaceId,
  generation: z.number().int(),
  /** `http://host:port`, `https://…` or `unix:/path/to/socket`. */
  linkUrl: z.string(),
  /** A secret, good for one enrolment. */
  bootToken: z.string(),
  /** Daemon-only state: journal, link token. 0700, owned by the daemon's uid. */
  stateDir: z.string(),
  /** Sockets the agent may talk to (hooks, gateway); readable by the agent's uid. */
  runDir: z.string(),
  workDir: z.string(),
  homeDir: z.string(),
  /** Null: the agent runs as the daemon's own user. */
  agentUser: z.object({ uid: z.number().int(), gid: z.number().int(), name: z.string() }).nullable(),
  /** Directory with the toolbox of this version: `berth-daemon`, `agents/…`. */
  toolboxDir: z.string(),
  isolation: Isolation,
  /** What every process of the workspace needs to reach the world (proxies) and to be swept (owner mark). Not secret. */
  env: z.record(z.string(), z.string()).optional(),
  /** What the project wants run as the agent's user when its code is there: once for each `id`, and at each start. */
  hooks: z.object({ id: z.string(), create: z.array(Hook), start: z.array(Hook) }).optional(),
})
export type BootFile = z.infer<typeof BootFile>
export const EnrolRequest = z.object({ workspaceId: WorkspaceId, generation: z.number().int(), bootToken: z.string() })
export const EnrolReply = z.object({ linkToken: z.string() })

const AssignedPrompt = z.object({ promptId: PromptId, text: z.string() })
export const AssignedAgent = z.object({
  /** A daemon that does not know a newer server's agent says so, and works for the rest. */
  kind: z.custom<AgentKind>((value) => typeof value === 'string' && value.length <= 40),
  sessionId: SessionId,
  /** For `plain` and `acp`: the command line, run by the shell. For the others: extra arguments. */
  command: z.string().nullable(),
  approvalMode: ApprovalMode,
  /** Executable to run instead of the one in the toolbox (absolute path inside the machine). */
  executable: z.string().nullable(),
  version: z.string().nullable(),
  /** Absent: as its kind is. */
  mode: SessionMode.optional(),
})
export type AssignedAgent = z.infer<typeof AssignedAgent>

/** What the daemon is to bring about; sent whole with each welcome and on each change. Converging is idempotent. */
export const Assignment = z.object({
  workspaceId: WorkspaceId,
  name: z.string(),
  source: CodeSource,
  /** False while the client is still uploading: the daemon waits for an assignment that says true. */
  sourceReady: z.boolean(),
  agent: AssignedAgent,
  /** Long-running commands started beside the agent: the dev server of "repo + command". */
  services: z.array(z.object({ name: z.string(), command: z.string() })),
  /** A secret: values are masked in every event. */
  env: z.record(z.string(), z.string()),
  /** Of `env` what a person called a secret; of the rest only what looks like one is masked. Absent: all of it. */
  secretEnv: z.array(z.string()).optional(),
  /** Origins of git hosts that git reaches through the server: `https://github.com`. Absent from an older server. */
  gitHosts: z.array(z.string()).optional(),
  /** Who commits are by, and what signs them. Absent: nobody in particular. */
  commits: AssignedCommits.optional(),
  /** Further forms of addresses at them: what an address begins with, and what that stands for. Absent from an older server. */
  gitForms: z.record(z.string().max(400), z.string().max(400)).optional(),
  /** `github.com/owner/name`, which the code came from, when the server has an app there: its command line needs no token. */
  githubRepository: z.string().optional(),
  /** Servers that the agent is given beside our own. Absent from an older server: our own alone. */
  mcp: McpSetup.optional(),
  /** Where a person opens a port of this workspace: `{port}` stands for it. */
  previewUrl: z.string().optional(),
  /** Vendors whose models are reached through the server, with its key. Absent from an older server. */
  models: z.array(z.custom<ModelVendor>((value) => typeof value === 'string' && value.length <= 40)).optional(),
  /** Names under which requests to the gateway get a secret on the way. Absent from an older server. */
  injections: z.array(z.string().max(40)).optional(),
  /** `proxy`: the only way out is through the server. Absent from an older server: as the machine has it. */
  egress: z.enum(['direct', 'proxy']).optional(),
  /** Files written 0600 into the home before the agent starts, by explicit choice (copied logins). A secret. */
  homeFiles: z.array(z.object({ path: z.string(), contentBase64: z.string() })),
  /** Prompts not yet accepted, oldest first. The daemon delivers each at most once. */
  prompts: z.array(AssignedPrompt),
  /** The sessions beside that of `agent`; one that is no longer here was ended. Absent from an older server. */
  sessions: z.array(AssignedAgent.extend({
    title: z.string(),
    /** At its first start its conversation begins where that one's stands. */
    forkedFrom: SessionId.nullable(),
    prompts: z.array(AssignedPrompt),
  })).optional(),
  /** This machine begins with a saved state instead of the source. Absent from an older server. */
  restore: Restore.optional(),
  /** Its code was brought before anybody asked for it: before its agent begins it is brought to what stands at its origin now, once. Absent: it was not. */
  prepared: z.boolean().optional(),
  /** No agent and no service runs: the workspace is being moved away, or made ahead. Absent from an older server. */
  hold: z.boolean().optional(),
  /** Decisions not yet applied. */
  decisions: z.array(z.object({ approvalId: ApprovalId, contentHash: z.string(), decision: Decision, via: z.string(), orphaned: z.boolean(), ageMs: z.number() })),
})
export type Assignment = z.infer<typeof Assignment>

export const JournalEntry = z.object({ n: z.number().int().positive(), id: EventId, ageMs: z.number().nonnegative(), body: z.looseObject({ type: z.string().max(100) }) })
export type JournalEntry = z.infer<typeof JournalEntry>

/** Facts for the idle decider; ages, never clock times, so that two clocks need not agree. */
export const ActivityReport = z.object({
  agent: AgentState,
  /** Since the last sign of progress of the running turn (model bytes, tool start or end). Null: no turn. */
  turnProgressAgeMs: z.number().nullable(),
  /** Tasks the agent left running in the background. */
  backgroundTasks: z.number().int(),
  /** Since a person typed, scrolled or sent bytes through ssh. Null: never. */
  humanInputAgeMs: z.number().nullable(),
  /** Share of one core used by the workspace without the daemon, mean over the report's span. */
  cpuCores: z.number().nonnegative(),
  previewAgeMs: z.number().nullable(),
  waitingSinceAgeMs: z.number().nullable(),
  memoryBytes: z.number().int(),
  ports: z.array(z.number().int()),
})
export type ActivityReport = z.infer<typeof ActivityReport>

export const Hello = z.object({
  type: z.literal('hello'),
  protocol: z.number().int(),
  daemonVersion: z.string().max(100),
  workspaceId: WorkspaceId,
  generation: z.number().int(),
  /** Random for each start of the daemon process. */
  boot: z.string().max(64),
  /** Random for each start of the machine (the supervisor's life): agents of another one are dead. */
  machineBoot: z.string().max(64),
  /** lastN = 0: empty. firstN: the oldest entry still kept. */
  journal: z.object({ id: z.string().max(64), firstN: z.number().int(), lastN: z.number().int() }),
  platform: z.object({ os: z.string(), arch: z.string(), libc: z.string().nullable(), tmux: z.boolean() }),
  isolation: Isolation,
})
export type Hello = z.infer<typeof Hello>

export const FromDaemon = z.discriminatedUnion('type', [
  Hello,
  z.object({ type: z.literal('events'), epoch: z.number().int(), journalId: z.string(), entries: z.array(JournalEntry).min(1).max(EVENT_BATCH_LIMIT) }),
  /** Text as it is written: never journaled, never answered, left out when the link is slow. An older server ignores it. */
  z.object({ type: z.literal('live'), epoch: z.number().int(), items: z.array(LiveItem).min(1).max(LIVE_ITEMS_LIMIT) }),
  z.object({ type: z.literal('report'), epoch: z.number().int(), activity: ActivityReport }),
  // A union of its own: two options of one type are refused by zod, at the first message parsed.
  z.discriminatedUnion('ok', [
    z.object({ type: z.literal('result'), rid: z.number().int(), ok: z.literal(true), value: z.unknown() }),
    z.object({ type: z.literal('result'), rid: z.number().int(), ok: z.literal(false), error: z.object({ code: z.string(), message: z.string(), hint: z.string().optional() }) }),
  ]),
  z.object({ type: z.literal('pong') }),
]).or(z.object({ type: z.string() }).transform(() => ({ type: 'unknown' as const })))
export type FromDaemon = z.infer<typeof FromDaemon>

export const ToDaemon = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('welcome'), protocol: z.number().int(), epoch: z.number().int(), serverVersion: z.string(),
    /** `rotate`: start a journal with a new id and renumber what is not acked. */
    journal: z.discriminatedUnion('do', [z.object({ do: z.literal('continue'), ackedN: z.number().int() }), z.object({ do: z.literal('rotate') })]),
    assignment: Assignment,
    /** The daemon reports at least this often; absent: each REPORT_INTERVAL_MS. */
    reportMs: z.number().int().positive().optional(),
  }),
  z.object({ type: z.literal('assign'), assignment: Assignment }),
  z.object({ type: z.literal('ack'), journalId: z.string(), n: z.number().int() }),
  z.object({ type: z.literal('expected'), journalId: z.string(), n: z.number().int() }),
  z.object({ type: z.literal('rotate'), journalId: z.string() }),
  z.object({ type: z.literal('call'), rid: z.number().int(), method: z.string(), params: z.unknown() }),
  z.object({ type: z.literal('ping') }),
  z.object({ type: z.literal('goaway') }),
  /** Before the welcome, at the pace of pings: its hello waits for those of others. An older daemon passes over it. */
  z.object({ type: z.literal('queued') }),
])
export type ToDaemon = z.infer<typeof ToDaemon>

const none = z.object({})
/** Calls from the server. Every one may be repeated: a call whose answer was lost is sent again. */
export const daemonMethods = {
  ...filesMethods,
  ...reviewMethods,
  ...sshMethods,
  ...syncMethods,
  ...sessionsMethods,
  ...signInMethods,
  ...savedMethods,
  /** Deliver one prompt. `held`: it waits because a decision is open or a turn is running; an event follows. */
  'session.prompt': { params: z.object({ promptId: PromptId, text: z.string() }), result: z.object({ status: z.enum(['accepted', 'held', 'ambiguous', 'refused']), detail: z.string().nullable() }) },
  'session.interrupt': { params: none, result: z.object({ interrupted: z.boolean() }) },
  'approval.decide': {
    params: z.object({ approvalId: ApprovalId, contentHash: z.string(), decision: Decision, via: z.string() }),
    /** `kept`: the asker is not there now; it gets the answer when it comes back or asks again. */
    result: z.object({ status: z.enum(['applied', 'already', 'kept', 'unknown']) }),
  },
  /** Save the tree as a commit and push it to the hosted repository. `commit` null: no git tree. */
  'git.checkpoint': { params: z.object({ reason: z.string(), publish: z.boolean() }), result: z.object({ commit: z.string().nullable(), ref: z.string().nullable(), files: z.number().int() }) },
  'git.diff': { params: z.object({ against: z.enum(['source', 'head']).default('source'), limitBytes: z.number().int().default(1024 * 1024) }), result: z.object({ patch: z.string(), truncated: z.boolean(), stat: z.array(z.object({ path: z.string(), added: z.number(), removed: z.number() })) }) },
  'terminal.list': { params: none, result: z.array(z.object({ terminalId: z.string(), title: z.string(), backend: z.enum(['tmux', 'holder']), viewers: z.number().int() })) },
  'logs.read': { params: z.object({ source: z.string(), tailBytes: z.number().int().max(1024 * 1024).default(64 * 1024) }), result: z.object({ text: z.string() }) },
  /** Before a stop: interrupt nothing, save, flush the journal. Answers within `withinMs` or is given up. */
  'stop.prepare': { params: z.object({ withinMs: z.number().int(), publish: z.boolean() }), result: z.object({ commit: z.string().nullable() }) },
  /** Replace the running daemon by the toolbox of that directory; terminals and turns go on. */
  'daemon.upgrade': { params: z.object({ toolboxDir: z.string() }), result: none },
} as const
export type DaemonMethod = keyof typeof daemonMethods
export type DaemonParams<M extends DaemonMethod> = z.input<(typeof daemonMethods)[M]['params']>
export type DaemonResult<M extends DaemonMethod> = z.infer<(typeof daemonMethods)[M]['result']>

/** Payload of a mux OPEN frame. It names a service, never an address to dial. */
export const StreamOpen = z.discriminatedUnion('service', [
  // server → daemon
  /** `control` viewers size the terminal; `watch` viewers do not. Frames as in `terminal-frames.ts`. */
  z.object({ service: z.literal('terminal'), terminalId: z.string(), cols: z.number().int().min(1).max(1000), rows: z.number().int().min(1).max(1000), mode: z.enum(['control', 'watch']) }),
  /** Bytes of one file that a person gave, put below UPLOAD_DIR under that name; then UploadReply as JSON comes back. */
  z.object({ service: z.literal('upload'), name: z.string().min(1).max(200) }),
  /** One run of `sshd -i` that admits this key alone. */
  z.object({ service: z.literal('ssh'), authorizedKey: SshPublicKey }),
  /** One command as the agent's user; what is said over it stands in `run-frames.ts`. An older daemon resets it. */
  z.object({ service: z.literal('run') }),
  /** Files of a person as they change; what is said over it stands in `sync-frames.ts`. An older daemon resets it. */
  z.object({ service: z.literal('sync') }),
  z.object({ service: z.literal('tcp'), port: z.number().int().min(1).max(65535) }),
  /** daemon → server: a connection to somewhere else. It says where as to a proxy (CONNECT, or an absolute address). An older server resets it. */
  z.object({ service: z.literal('egress') }),
  // daemon → server: one HTTP exchange as in `http-stream.ts`; paths are below /git/ or /source/
  z.object({ service: z.literal('http') }),
])
export type StreamOpen = z.infer<typeof StreamOpen>

/** Where the workspace's git finds the daemon's gateway: large files are answered with places below it. The daemon's own word; what came in by that name is dropped. */
export const LFS_BASE_HEADER = 'x-berth-gateway'

/** Before a path of `LINK_HTTP.model`: which session asks, as in `/model/s-<id>/anthropic/v1/messages`. A workspace can say another one of its own. */
export const MODEL_SESSION_PREFIX = 's-'

/** The path the daemon asks the server for, over an `http` stream. */
export const LINK_HTTP = {
  /** smart HTTP of this workspace's hosted repository: `/git/info/refs`, `/git/git-upload-pack`, `/git/git-receive-pack` */
  git: '/git',
  /** smart HTTP of a repository of a git host: `/upstream/https/github.com/owner/name.git/info/refs`, … */
  upstream: '/upstream',
  /** GitHub's API for its command line: `/github/api/v3/repos/owner/name`, `/github/graphql`, … */
  github: '/github',
  /** a model vendor's API: `/model/anthropic/v1/messages`, … */
  model: '/model',
  /** POST `/sign/commit`, a commit as git writes it: its signature. */
  sign: '/sign',
  /** GET: an agent's program as a tar.zst: `/toolbox/agents/claude-2.1.329`. */
  program: '/toolbox/agents',
  /** a host that requests get a secret for on the way: `/inject/npm/…` */
  inject: '/inject',
  /** PUT: a saved state while it is asked for; GET: the one that this machine begins with: `/saved/<id>`. */
  saved: SAVED_PATH,
  /** GET: the uploaded tar.zst of an `archive` source. */
  archive: '/source/archive',
} as const
