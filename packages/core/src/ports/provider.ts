/**
 * What a provider of machines promises. Every method may be repeated after a crash between any two lines: the
 * vendor object is found again by its owner key, never bought twice. Nothing blocks: slow work is a Step to poll.
 */
import type { Isolation } from '@berth/wire'
import type { Language } from '../project/detect-language.ts'
import type { ProviderImages } from './provider-images.ts'

/** The key of one vendor object. It is in the database before the first call, and in the object's name and labels. */
export interface Owner { readonly installation: string; readonly workspaceId: string; readonly generation: number }

export interface MachineSpec {
  readonly image: string | null
  readonly memoryBytes: number
  readonly cpus: number
  readonly pids: number
  /** The boot file's content, 0600 in the machine before the daemon starts. A secret. */
  readonly boot: MachineBoot
  /** A person accepted a machine that nothing separates from its host. Without it such a machine is refused. */
  readonly acceptNoIsolation?: boolean
  /** With a Docker engine of its own, which the agent may use. */
  readonly docker?: boolean
  /** The agent's user may become root in its machine. */
  readonly sudo?: boolean
  /** `closed`: no way out but the server's link. Absent: `open`, the public internet and nothing private. */
  readonly egress?: 'open' | 'closed'
  /**
   * A machine that is made now begins with the system of that one as it stands at some moment of the making, after a power cut
   * as it were: what was installed there is here, what is in its memory is not, nor its tree, home, daemon and token, which are
   * as in any new machine. One that is gone, and a provider that copies no disks: as if it were absent.
   */
  readonly systemOf?: Owner
  /** What the code itself says about its machine, for when one is made. Absent: nobody asks it. */
  readonly project?: Project
}
export interface Project {
  /** Another one than the machine was made with: it is made anew from what the code says now, and its disk is kept. */
  readonly revision: number
  /** Path of its devcontainer where that is known without asking; null: it has none. Absent: not known. */
  readonly devcontainer?: string | null
  /** Asks the code; takes as long as the code takes to come. May be asked again. */
  look(context: ProjectContext): Promise<ProjectSays>
}
export interface ProjectContext { readonly signal: AbortSignal; readonly log: (line: string) => void }
export type ProjectSays =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'language'; readonly language: Language }
  /** It could not be asked; `why` is for people. */
  | { readonly kind: 'unreadable'; readonly why: string }
  | {
    readonly kind: 'devcontainer'
    /** Path of the configuration in the code. */
    readonly path: string
    /** Other configurations of the code, which were not chosen. */
    readonly others: readonly string[]
    /** Names the content of a directory or file of the code; null: there is no such thing. */
    contentOf(path: string): Promise<string | null>
    /**
     * A copy of these paths of the code below `dir` on this host, by git and nothing else: no link in it leads out.
     * Nobody but the server ever writes there.
     */
    checkOut(dir: string, paths: readonly string[], context: ProjectContext): Promise<void>
  }
/** What came of the project's wishes when the machine was made; kept with the machine. */
export interface MachineMade {
  readonly from: 'devcontainer' | 'language' | 'default'
  readonly notices: readonly { readonly level: 'info' | 'warning' | 'error'; readonly code: string; readonly message: string; readonly hint: string | null }[]
  readonly ports: readonly { readonly port: number; readonly label: string | null; readonly primary: boolean }[]
  /** Why the project's own machine could not be made; this one is there to repair it in. */
  readonly recovery: string | null
}
/** The provider adds the paths and users that only it knows, writes the boot file, and starts the daemon. */
export interface MachineBoot { readonly bootToken: string; readonly link: LinkAddress; readonly toolbox: ToolboxRef }
/** Ways to the server's link listener; the provider picks the one that its machines can reach. */
export interface LinkAddress { readonly unixSocket: string | null; readonly loopbackUrl: string | null; readonly publicUrl: string | null }
/** Directory on this host that holds `<hash>/berth-daemon` for each target and `agents/`. */
export interface ToolboxRef { readonly hostDir: string; readonly hash: string }

export type Observed =
  | { readonly state: 'absent' }
  | { readonly state: 'creating' | 'starting' | 'stopping' | 'deleting' }
  /** `slow`: its instructions are translated, so that its daemon takes far longer to call home. */
  | { readonly state: 'running'; readonly startedAt: number | null; readonly slow?: true }
  /** `charged`: the vendor takes the price of a running one as long as it stands so; a stop has more to do. */
  | { readonly state: 'stopped'; readonly exitCode: number | null; readonly detail: string | null; readonly charged?: true }
  | { readonly state: 'failed'; readonly detail: string }
  /** The vendor said something we do not know. Never guessed. */
  | { readonly state: 'unknown'; readonly raw: string }

/** Plain data, stored as it is: container id, directory, pid. Never a secret. */
export type MachineRef = Readonly<Record<string, string | number>>
export interface Machine {
  readonly ref: MachineRef
  readonly owner: Owner | 'foreign' | 'ambiguous'
  readonly observed: Observed
  readonly createdAt: number
  readonly isolation: Isolation | null
  readonly made?: MachineMade | null
  /** What really was bought costs this much. Absent: what was quoted for its size. */
  readonly quote?: Quote
}
/** `complete: false` (a page was missing, an engine was away): nobody may conclude that something is absent. */
export interface Inventory<T> { readonly items: readonly T[]; readonly complete: boolean; readonly missing: readonly string[] }
/** `kept`: on purpose, for later machines. Only who gives up the whole installation removes it. */
export interface Leftover { readonly kind: string; readonly name: string; readonly owner: Owner | 'foreign' | 'ambiguous'; readonly createdAt: number; readonly kept?: true }
export type Step<T> = { readonly done: true; readonly value: T } | { readonly done: false; readonly poll: Readonly<Record<string, unknown>>; readonly afterMs: number; readonly detail: string }

/** `can`: what of a machine's extras it offers. */
export interface ProviderCheck { readonly ok: boolean; readonly isolation: Isolation; readonly detail: string; readonly hint: string | null; readonly can?: readonly ('docker' | 'sudo')[]; readonly images?: KeptImages }
/** Images that are kept because they were made for a project. */
export interface KeptImages { readonly count: number; readonly sizeBytes: number }
/** Prices are integer micro-units of the currency per hour; 0 on the owner's own machine. */
export interface Quote {
  readonly currency: string
  readonly runningMicrosPerHour: number
  readonly stoppedMicrosPerHour: number
  readonly note: string
  /** At most, of one machine in a calendar month (UTC). Absent: there is no such limit. */
  readonly runningMonthMicros?: number
  readonly stoppedMonthMicros?: number
  /** Each begun piece of time of this length counts whole. Absent: what passes is what counts. */
  readonly incrementMs?: number
}
/** One thing that a close look at a provider found out. `code` is for programs. */
export interface ProviderFinding { readonly level: 'ok' | 'warning' | 'error'; readonly code: string; readonly message: string; readonly hint: string | null }
export interface CallContext { readonly signal: AbortSignal; readonly poll?: Readonly<Record<string, unknown>>; readonly log?: (line: string) => void; /** What a machine is told to do first, as it is sent. Holds the boot token. */ readonly told?: (instructions: string) => void }

export interface Provider {
  readonly name: string
  /** False: nobody set it up. It is asked for nothing then, and nothing is concluded of it. Absent: it needs no setting up. */
  isSetUp?(): boolean
  check(signal: AbortSignal): Promise<ProviderCheck>
  /** A person's own, whatever it costs: there is no vendor to have tried it with. Absent: what costs nothing is. */
  readonly isOwn?: true
  /** Made by what its vendor publishes, and never tried with the vendor itself; people are told so wherever they see it. */
  readonly unverifiedLive?: true
  /** What a machine gets when nobody says; absent: what the server's own host can give. */
  readonly size?: Pick<MachineSpec, 'memoryBytes' | 'cpus'>
  /** By the vendor's list of prices, which may have to be fetched first. Throws ProviderFault: there is none of this size. */
  quote(spec: Pick<MachineSpec, 'memoryBytes' | 'cpus'>, signal?: AbortSignal): Quote | Promise<Quote>
  /**
   * A close look, for `berth provider check`: credentials (what else they can do), quotas, rights. It may make what is
   * free and needed anyway. Absent: `check` says all there is.
   */
  examine?(signal: AbortSignal): Promise<readonly ProviderFinding[]>
  /** Finds or makes the machine of this owner, running. Refuses one that somebody else owns. Throws ProviderFault. */
  ensure(owner: Owner, spec: MachineSpec, context: CallContext): Promise<Step<Machine>>
  observe(owner: Owner, signal: AbortSignal): Promise<Machine>
  list(installation: string, signal: AbortSignal): Promise<Inventory<Machine>>
  /** Disk kept. A machine that is already there, or absent, is not an error. */
  stop(owner: Owner, context: CallContext): Promise<Step<Observed>>
  /** The machine and everything bought for it. Re-reads ownership right before it deletes. Absent is done. */
  destroy(owner: Owner, context: CallContext): Promise<Step<null>>
  /** Volumes, networks, directories without a machine. */
  leftovers(installation: string, signal: AbortSignal): Promise<Inventory<Leftover>>
  removeLeftover(leftover: Leftover, signal: AbortSignal): Promise<void>
  /** The walls of a machine that runs, from now on. Absent: it has none. Throws ProviderFault `unsupported` where it cannot. */
  setEgress?(owner: Owner, egress: 'open' | 'closed', context: CallContext): Promise<void>
  /** Removes what is kept for later machines and that nobody has used for long. Answers its names. Absent: it keeps nothing. */
  tidy?(signal: AbortSignal): Promise<readonly string[]>
  /** Images with the daemon in them, for machines to begin with. Absent: it makes none. */
  readonly images?: ProviderImages
  /** Output of the machine's first process, for `berth logs` and failures. */
  logs(owner: Owner, tailBytes: number, signal: AbortSignal): Promise<string>
}

export type FaultCategory = 'capacity' | 'quota' | 'rate' | 'auth' | 'invalid' | 'conflict' | 'not_found' | 'transient' | 'unsupported' | 'image' | 'no_space' | 'unknown'
/** A provider's refusal. `committed` says whether the change may have happened: `unknown` means observe before any retry. */
export class ProviderFault extends Error {
  override readonly name = 'ProviderFault'
  readonly category: FaultCategory
  readonly committed: 'no' | 'yes' | 'unknown'
  readonly hint: string
  readonly retryAfterMs: number | null
  constructor(category: FaultCategory, message: string, extra: { committed?: 'no' | 'yes' | 'unknown'; hint?: string; retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, extra.cause === undefined ? undefined : { cause: extra.cause })
    this.category = category
    this.committed = extra.committed ?? 'no'
    this.hint = extra.hint ?? ''
    this.retryAfterMs = extra.retryAfterMs ?? null
  }
}
