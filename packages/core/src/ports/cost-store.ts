/** What machines cost, kept with their states. The pieces of time are written by `saveTick` and `finishTick`, with what was observed. */
import type { Cost, CostLimit, ProviderReport } from '@berth/wire/cost'
import type { OrgId, WorkspaceId } from '@berth/wire'
import type { Price } from '../cost/charge.ts'
import type { Month } from '../cost/months.ts'

export type CostSubject = Pick<CostLimit, 'scope' | 'subject'>
/** Or the machine that one is made of, which has a name of its own. */
export interface PricedImage { readonly name: string; readonly since: number; readonly price: Price }
export interface CostStore {
  /** By month, workspace, person, provider and currency; what goes on counts until `now`. */
  sums(orgId: OrgId, of: { months: readonly Month[]; workspaceId?: WorkspaceId | undefined }, now: number): Promise<Cost[]>
  /**
   * What of a provider is kept for new machines to begin with, and paid for by this organisation. One that is not there any
   * more ends, unless this is only a part; may be repeated.
   */
  keepImages(orgId: OrgId, provider: string, kept: { readonly images: readonly PricedImage[]; readonly complete: boolean }, now: number): Promise<void>
  /** In the month of `now`; currencies are added up one for one. */
  monthMicros(orgId: OrgId, of: CostSubject, now: number): Promise<number>
  /** Workspaces that are wished to run, and what all that stands costs an hour. */
  standing(orgId: OrgId, of: CostSubject, except: WorkspaceId | null): Promise<{ running: number; microsPerHour: number }>
}
export interface CostLimitStore {
  list(orgId: OrgId, now: number): Promise<CostLimit[]>
  /** Organisations that have limits. */
  organisations(): Promise<OrgId[]>
  /** Nothing limited: it is removed. */
  put(orgId: OrgId, limit: Omit<CostLimit, 'monthMicros'>, now: number): Promise<void>
  /** True for one caller in a month. */
  tell(orgId: OrgId, of: CostSubject, now: number): Promise<boolean>
}
/** What a person decided about providers, and what was found out about them. */
export interface ProviderNoteStore {
  chosen(): Promise<string | null>
  choose(name: string | null, now: number): Promise<void>
  report(name: string): Promise<ProviderReport | null>
  keepReport(report: ProviderReport): Promise<void>
}
