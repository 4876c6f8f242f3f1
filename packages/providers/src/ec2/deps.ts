/** What the parts of the provider share. */
import type { Api } from './client.ts'
import type { Region } from './region.ts'

export interface Options {
  readonly installation: string
  readonly log: (line: string) => void
  readonly region: string
  /** Of a virtual network, by id; none: those that each account has. */
  readonly subnets: readonly string[]
  /** By id; null: the newest Debian. */
  readonly image: string | null
  /** Names; none: those with a fixed price. */
  readonly instanceTypes: readonly string[]
  readonly rootGb: number
  readonly volumeGb: number
  /** Without an answer of this server an instance ends by itself. */
  readonly endAfterHours: number
  readonly now: () => number
}
export interface Deps {
  readonly api: Api
  readonly options: Options
  /** Looked up once in a while. */
  readonly region: { known: Region | null; at: number }
  /** By owner: bought here, and perhaps not in lists yet. */
  readonly bought: Map<string, { readonly id: string; readonly at: number }>
}
