/** The interfaces between the rooms of the daemon. Each room knows these, not its neighbours. */
import type { Renewals } from './services/sign-in/renewals.ts'
import type { AgentState, ApprovalId, Decision, EventBody, PromptId, SessionId } from '@berth/wire'
import type { ActivityReport, Assignment, BootFile, DaemonMethod, DaemonParams, DaemonResult, StreamOpen } from '@berth/wire/daemon'
import type { MuxStream } from '@berth/wire/mux'

/**
 * The daemon's durable memory: one sqlite file (WAL, synchronous=FULL) in `stateDir`. An event is in the journal
 * before anything depends on it; a driver moves its cursor (`set`) in the transaction that journals what it read.
 */
export interface Journal {
  /** Masks known secrets, cuts bodies to EVENT_BODY_LIMIT. With a `key` that was journaled before: nothing happens. */
  append(body: EventBody, options?: { key?: string }): void
  get(name: string): string | null
  set(name: string, value: string | null): void
  transaction<T>(work: () => T): T
  /** Values that never appear in an event (at least 8 characters each). */
  mask(secrets: readonly string[]): void
}

export interface DaemonContext {
  readonly boot: BootFile
  readonly journal: Journal
  /** Random for each start of the machine; set by the supervisor, so it survives a restart of the daemon. */
  readonly machineBoot: string
  readonly log: (line: string) => void
  readonly signal: AbortSignal
}

/** Called by the link. Each method may be called twice with the same parameters. */
export type CallHandlers = { readonly [M in DaemonMethod]: (params: DaemonParams<M>, signal: AbortSignal) => Promise<DaemonResult<M>> }

export interface ByteStream { readonly readable: ReadableStream<Uint8Array>; readonly writable: WritableStream<Uint8Array>; abort(reason: string): void }
/** As the link gives it: also without a promise for each piece, for who moves much. */
export interface LinkStream extends ByteStream { direct: MuxStream['direct'] }
export interface LinkHandlers {
  onAssignment(assignment: Assignment): void
  readonly calls: CallHandlers
  onStream(open: StreamOpen, stream: LinkStream): void
  activity(): ActivityReport
  /** The server said this machine is not wanted: end everything. */
  onRejected(): void
}
/** Text of this moment as the agent's channel gives it, in order. The stored event says it again, whole. */
export type LivePiece = { readonly sessionId: SessionId; readonly append: string; /** Nothing follows. */ readonly last: boolean } & (
  | { readonly kind: 'text'; readonly messageId: string; readonly role: 'agent' | 'thought' }
  | { readonly kind: 'output'; readonly toolCallId: string }
)
export interface Link {
  readonly connected: boolean
  /** Opens a stream to the server; rejects when not connected. */
  openStream(open: StreamOpen, signal?: AbortSignal): Promise<LinkStream>
  /** Sends a report now rather than at the next minute (agent state changed). */
  reportSoon(): void
  /** Shown to whoever looks now; never waits, never fails. */
  live(piece: LivePiece): void
  /** Resolves when everything journaled so far is acked, or after `withinMs`. */
  flush(withinMs: number): Promise<boolean>
  close(): Promise<void>
}

/** Runs commands as the agent's user: the only way anything touches the workspace's tree. */
export interface AsAgent {
  /** Environment of the agent's processes: HOME, USER, PATH, TERM, the workspace's env. */
  environment(extra?: Record<string, string>): Record<string, string>
  /** argv prefix and spawn options that drop to the agent's uid and gid. */
  command(argv: readonly string[]): { argv: string[]; uid?: number; gid?: number }
  run(argv: readonly string[], options: { cwd?: string; env?: Record<string, string>; stdin?: string | Uint8Array; signal?: AbortSignal; limitBytes?: number; /** Output as it is, one character a byte. */ bytes?: boolean }): Promise<{ exitCode: number; stdout: string; stderr: string }>
}

/** One terminal, whatever keeps it (tmux or our holder). Both outlive the daemon. */
export interface Terminal {
  readonly terminalId: string
  readonly backend: 'tmux' | 'holder'
  readonly title: string
  /** Pastes text as one bracketed paste; the program sees it as pasted, not typed. */
  paste(text: string): Promise<void>
  /** Named keys: 'Enter', 'Escape', 'C-c'. */
  key(name: 'Enter' | 'Escape' | 'C-c'): Promise<void>
  write(bytes: Uint8Array): Promise<void>
  /** The visible screen as text, without colours. */
  snapshot(): Promise<string>
  /** The visible screen with its colours as ANSI text; nobody is attached. */
  picture(): Promise<{ ansi: string; cols: number; rows: number }>
  /** Null while the program runs. */
  exited(): Promise<{ code: number | null } | null>
  /** A viewer: first paint, then live bytes. `watch` viewers never size it. */
  attach(viewer: { cols: number; rows: number; mode: 'control' | 'watch'; /** The daemon's own look, which is nobody at it. */ own?: boolean; onBytes(bytes: Uint8Array): void | Promise<void>; onExit(code: number | null): void }): Promise<TerminalViewer>
  viewers(): number
  /** Ends the program and all its children. */
  kill(): Promise<void>
  /** Age of the last byte a person typed through any viewer; null: never. */
  inputAgeMs(): number | null
}
export interface TerminalViewer { write(bytes: Uint8Array): Promise<void>; resize(cols: number, rows: number): Promise<void>; detach(): Promise<void> }
export interface Terminals {
  /** Finds the terminal of that id if it still lives (after a daemon restart), else starts it. */
  open(spec: { terminalId: string; title: string; argv: readonly string[]; cwd: string; env: Record<string, string>; cols?: number; rows?: number; /** what the program wrote, for logs */ logFile?: string }): Promise<{ terminal: Terminal; adopted: boolean }>
  get(terminalId: string): Promise<Terminal | null>
  list(): Promise<Terminal[]>
}

/** How the daemon talks to one kind of agent. It knows the ports above and nothing else. */
export interface AgentDriver {
  readonly name: string
  readonly sessionId: SessionId
  /** Starts the agent, resumes its conversation, or adopts the one that is still running. */
  start(signal: AbortSignal): Promise<void>
  state(): AgentState
  /** At most once. `held`: kept and delivered when it is safe; an event of the prompt follows. */
  prompt(prompt: { promptId: PromptId; text: string }): Promise<DaemonResult<'session.prompt'>>
  interrupt(): Promise<{ interrupted: boolean }>
  decide(answer: { approvalId: ApprovalId; contentHash: string; decision: Decision; via: string; orphaned: boolean; ageMs: number }): Promise<DaemonResult<'approval.decide'>>
  /** Where the conversation stands, as a word to come back to; null: at its beginning. Absent: this agent cannot go back. */
  conversationAt?(): string | null
  /** The agent goes on from where its conversation stood; null: from its beginning. False: it cannot now. */
  conversationTo?(place: string | null): Promise<boolean>
  /** What `asksElsewhere` says may have changed. Absent: this driver does not look at it. */
  askedElsewhere?(): void
  /** For the idle decider. */
  activity(): Pick<ActivityReport, 'agent' | 'turnProgressAgeMs' | 'backgroundTasks' | 'waitingSinceAgeMs'>
  /** Ends the agent and all its processes. */
  stop(): Promise<void>
  /** The daemon goes away, the agent stays: let go of files and sockets. */
  release(): Promise<void>
}
export interface DriverDeps {
  readonly context: DaemonContext
  readonly assignment: Assignment
  readonly asAgent: AsAgent
  readonly terminals: Terminals
  readonly session: SessionPlace
  /** Called when state or activity changed. */
  readonly changed: () => void
  /** Text as the agent writes it. Absent: nobody takes it. */
  readonly live?: (piece: LivePiece) => void
  /** A port of our own on the machine's loopback: not one of the workspace's. */
  readonly reservePort?: (port: number) => void
  /** One login, several sessions. Absent: this one is alone. */
  readonly renewals?: Renewals
  /** The agent waits for a person in one of our own tools. Absent: it has none. */
  readonly asksElsewhere?: () => boolean
}
/** What a session has to itself in its machine, and how it begins. */
export interface SessionPlace {
  /** The terminal with its agent in it, or with the agent's screen. */
  readonly agentTerminal: string
  /** What works behind that screen. */
  readonly serverTerminal: string
  /** A name for a file or socket of its own. */
  named(name: string): string
  /** Whether the agent's own screen is shown beside the conversation. */
  readonly screen: boolean
  /** Another driver had the conversation since: what stands in it is known. */
  readonly takenOver: boolean
  /** At its first start the conversation begins where that session's stands. */
  readonly forkedFrom: SessionId | null
}
export type CreateDriver = (deps: DriverDeps) => AgentDriver
