/** A vendor that misbehaves, seen by what it charges: as its simulator has it, without a network. */
import type { Owner, PoolStore, Provider } from '@berth/core'
import type { TestClock } from '@berth/testkit'
import type { WorkspaceId } from '@berth/wire'

export type Fetch = (request: Request) => Promise<Response>
/** What stands between the provider and the vendor; a mutant changes what passes. */
export interface Mutation {
  readonly fetch?: (fetch: Fetch) => Fetch
  readonly provider?: (provider: Provider) => Provider
  /** Another end of machines without a server than the provider's own. */
  readonly endAfterHours?: number
  /** What the server's looks at its pool are told. */
  readonly pools?: (pools: PoolStore) => PoolStore
}
/** As an option of a provider. */
export const endOf = ({ endAfterHours }: Mutation): { endAfterHours?: number } => (endAfterHours === undefined ? {} : { endAfterHours })
export type Random = { int(below: number): number; pick<T>(of: readonly T[]): T }

export interface Vendor {
  readonly provider: Provider
  /** Machines of a workspace that are switched on. */
  running(id: WorkspaceId): boolean
  /** What is charged for now, by whose it is: a workspace's number, or `foreign`. */
  charged(): { kind: string; whose: string; name: string }[]
  /** What of it may be charged for while a machine is stopped, and what while it runs; each at most once. */
  readonly keeps: readonly string[]
  /** Costs nothing, so that it may wait until a server is back. */
  readonly free?: readonly string[]
  /** Whatever was a machine's disk with the work, by the machine's name: one each, in all its life. */
  disks(): readonly string[]
  /** All that was there before, and looks like ours. */
  readonly foreign: readonly string[]
  foreignLeft(): string[]
  /** Something goes wrong from now on. */
  addFault(): void
  limitCapacity(to: 'all' | 'some' | 'none'): void
  /** What goes on never ends, or does again. */
  stick(is: boolean): void
  /** One machine is switched off, from inside or by a hand. */
  switchOff(): void
  /**
   * No server answered for so long: whatever a machine or the vendor was told to do then, at the time that it was told, happens.
   * False: nothing there ends by itself, and nobody could tell it to.
   */
  leaveAlone(ms: number): boolean
  setToken(good: boolean): void
  /** All that was made to go wrong goes right again. */
  calm(): void
  /** In which nothing may change any more; fewer where each takes its time. */
  readonly quietTicks?: number
  /** How often it was asked; what it was asked or answered against its own description. */
  requests(): number
  wrong(): readonly string[]
  close(): Promise<void>
}
export interface Opening { readonly installation: string; readonly clock: TestClock; readonly random: Random; readonly mutation?: Mutation | undefined; /** Whose names others have too. */ readonly lookAlike: readonly Owner[] }
export type Open = (opening: Opening) => Vendor

/** A workspace's number, as charges are told apart by it. */
export const numberOf = (id: string): string => id.slice('ws_'.length)

/** After how many minutes without an answer the instructions of a machine switch it off; null: never. They are of a shell that looks now and then (see kept-machine.ts). */
export function endIn(instructions: string): number | null {
  const decoded = [instructions, ...[...instructions.matchAll(/[A-Za-z0-9+/]{80,}={0,2}/g)].map(([text]) => Buffer.from(text, 'base64').toString('utf8'))].join('\n')
  const minutes = /-mmin \+(\d+)/.exec(decoded)?.[1]
  return minutes === undefined ? null : Number(minutes)
}
export const isOverdue = (instructions: string, ms: number): boolean => (endIn(instructions) ?? Number.POSITIVE_INFINITY) * 60_000 <= ms
