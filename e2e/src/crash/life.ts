/** One life of a product under test: who lives in it, what was done to it so far, and how to wait in it. */
import { eventually } from '../product.ts'
import { KILL_KINDS, type KillKind } from './plan.ts'
import type { Subject } from './subject.ts'
import type { Fault, World } from './world.ts'

export interface CrashOptions {
  readonly runs: number
  readonly seed: number
  /** Workspaces with the real Claude Code among the counted ones. */
  readonly real?: number
  readonly kinds?: readonly KillKind[]
  readonly subjects?: number
  /** Pause between two numbers. */
  readonly delayMs?: number
  /** The agents only count, and each crash strikes the moment after a number arrived. */
  readonly inFullFlow?: boolean
  readonly fault?: Fault
  readonly log?: (line: string) => void
  /** Ends it at once: what was started is closed, and what was not done is said. */
  readonly signal?: AbortSignal
}
export interface Tally {
  /** Crashes done. */
  runs: number
  readonly kills: Record<KillKind, number>
  /** Crashes that hit the machine of a real Claude Code. */
  real: number
  /** Second daemons of one machine that were started; only with `late` and `no-fencing`. */
  twins: number
  numbers: number
  events: number
  approvals: number
}
export interface Life {
  readonly world: World
  readonly subjects: readonly Subject[]
  readonly options: CrashOptions
  readonly tally: Tally
  readonly log: (line: string) => void
}

export function emptyTally(): Tally {
  const kills = Object.fromEntries(KILL_KINDS.map((kind) => [kind, 0])) as Record<KillKind, number>
  return { runs: 0, kills, real: 0, twins: 0, numbers: 0, events: 0, approvals: 0 }
}

export function add(to: Tally, more: Tally): void {
  for (const kind of KILL_KINDS) to.kills[kind] += more.kills[kind]
  for (const name of ['runs', 'real', 'twins', 'numbers', 'events', 'approvals'] as const) to[name] += more[name]
}

/** As `eventually`, but throws at once when the sweep is to end. */
export async function until<T>(signal: AbortSignal | undefined, ask: () => Promise<T | null | undefined | false>, what: string, withinMs: number): Promise<T | true> {
  const seen = await eventually<T | true>(async () => (signal?.aborted === true ? true : ask()), what, withinMs)
  signal?.throwIfAborted()
  return seen
}
