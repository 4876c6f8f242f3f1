/** What machines cost: what they came to, what one would cost, and what may be spent. Amounts are millionths of a currency's unit. */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { UserId, WorkspaceId } from './ids.ts'
import { Resources } from './workspace.ts'

const Micros = z.number().int().min(0)
const MonthName = z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/, 'a month such as 2026-11')

/** Of one workspace, or of one prepared image, in one month (UTC), by one provider. */
export const Cost = z.object({
  month: z.string(), /** Null: it is of an image. */ workspaceId: WorkspaceId.nullable(), /** At the vendor. Null: it is of a workspace. */ image: z.string().nullable().default(null),
  /** Null: it is forgotten, or an image. */ name: z.string().nullable(), /** Null: an image is everybody's. */ userId: UserId.nullable(), provider: z.string(),
  /** Null: it never had a price. */
  currency: z.string().nullable(),
  /** An image is stopped for as long as it is kept. */
  runningMs: z.number().int(), stoppedMs: z.number().int(),
  micros: z.number().int(),
  /** Of the time, that which no price was known for and that is not in `micros`. */
  unpricedMs: z.number().int(),
})
export type Cost = z.infer<typeof Cost>

export const WorkspaceQuote = z.object({
  provider: z.string(), currency: z.string(), runningMicrosPerHour: Micros, stoppedMicrosPerHour: Micros, note: z.string(),
  /** At most, in a calendar month. Absent: there is no such limit, or an older server. */
  runningMonthMicros: Micros.optional(), stoppedMonthMicros: Micros.optional(),
  /** It costs nothing, running or stopped. */
  free: z.boolean(),
})
export type WorkspaceQuote = z.infer<typeof WorkspaceQuote>

/** Null: not limited. At `soft` its people are told, once a month; at `hard` what costs money is stopped and not started. */
export const CostLimit = z.object({
  scope: z.enum(['user', 'organisation']),
  /** Id of the user or the organisation. */
  subject: z.string().max(60),
  currency: z.string().regex(/^[A-Z]{3}$/, 'a currency such as EUR'),
  softMicros: Micros.nullable(), hardMicros: Micros.nullable(),
  /** Of all that runs, together. */
  hourlyMicros: Micros.nullable(),
  /** Workspaces that run at once, also those that are free. */
  running: z.number().int().min(0).max(100_000).nullable(),
  /** Spent in this month. What is billed in another currency counts one for one. */
  monthMicros: z.number().int(),
})
export type CostLimit = z.infer<typeof CostLimit>

export const ProviderReport = z.object({
  name: z.string(), ok: z.boolean(), detail: z.string(), checkedAt: z.number(),
  /** `own`: on machines of yours. Of a vendor: whether Berth was ever run against it live. */
  live: z.enum(['own', 'verified', 'unverified']),
  findings: z.array(z.object({ level: z.enum(['ok', 'warning', 'error']), code: z.string(), message: z.string(), hint: z.string().nullable() })),
  prices: z.array(z.object({ memoryBytes: z.number(), cpus: z.number(), currency: z.string(), runningMicrosPerHour: z.number().int(), stoppedMicrosPerHour: z.number().int(), note: z.string() })),
})
export type ProviderReport = z.infer<typeof ProviderReport>

const tag = { tags: ['cost'] }
/** Spread into `api`. */
export const costApi = {
  /** Neither month nor since: this month. */
  listCosts: oc.route({ method: 'GET', path: '/costs', summary: 'What machines and prepared images cost, by month, workspace, person and provider', ...tag })
    .input(z.object({ month: MonthName.optional(), since: MonthName.optional(), workspace: WorkspaceId.optional() })).output(z.array(Cost)),
  quoteWorkspace: oc.route({ method: 'POST', path: '/quotes', summary: 'What a workspace would cost', ...tag })
    .input(z.object({ provider: z.string().max(64).optional(), resources: Resources.default({}) })).output(WorkspaceQuote),
  listCostLimits: oc.route({ method: 'GET', path: '/cost-limits', summary: 'What may be spent, and what was', ...tag }).output(z.array(CostLimit)),
  setCostLimit: oc.route({ method: 'PUT', path: '/cost-limits', summary: 'Say what may be spent', ...tag })
    .input(CostLimit.omit({ monthMicros: true, subject: true }).extend({ subject: z.string().max(60).optional(), currency: CostLimit.shape.currency.default('EUR') })).output(z.array(CostLimit)),
  checkProvider: oc.route({ method: 'POST', path: '/providers/{name}/check', summary: 'Look closely at a provider: credentials, quota, prices', tags: ['providers'] }).input(z.object({ name: z.string().max(64) })).output(ProviderReport),
  /** Null: the first that is ready. */
  setDefaultProvider: oc.route({ method: 'PUT', path: '/providers/default', summary: 'Choose the provider that is meant when nobody names one', tags: ['providers'] }).input(z.object({ name: z.string().max(64).nullable() })).output(z.object({ name: z.string().nullable() })),
}
