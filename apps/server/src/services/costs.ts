/** What machines cost and would cost. */
import { monthAt, monthNamed, monthsBetween, type Identity, type Month, type Provider, type Quote } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { Resources } from '@berth/wire'
import type { Cost, costApi, WorkspaceQuote } from '@berth/wire/cost'
import type { z } from 'zod'
import { hintOf, messageOf } from '../thrown.ts'
import type { ServiceDeps } from './deps.ts'
import { machineSize } from './machine-size.ts'

/** Three years. */
const MONTHS_AT_MOST = 36
const QUOTE_WITHIN_MS = 8000

export type CostInput<K extends keyof typeof costApi> = z.infer<NonNullable<(typeof costApi)[K]['~orpc']['inputSchema']>>

export async function listCosts({ store, clock }: Pick<ServiceDeps, 'store' | 'clock'>, by: Identity, { month, since, workspace }: CostInput<'listCosts'>): Promise<Cost[]> {
  const now = clock.now()
  const current = monthAt(now)
  const months: Month[] = month === undefined ? monthsBetween(named(since) ?? current, current, MONTHS_AT_MOST) : [named(month) ?? current]
  return store.costs.sums(by.orgId, { months, workspaceId: workspace }, now)
}

const named = (month: string | undefined): Month | null => (month === undefined ? null : monthNamed(month))

/** What a machine of this size costs at a provider, by its list. */
export function quoteOf(provider: Provider, resources: Resources, signal = AbortSignal.timeout(QUOTE_WITHIN_MS)): Promise<Quote> {
  // What is thrown at once is a refusal as well.
  return Promise.resolve().then(() => provider.quote(machineSize(provider, resources), signal))
}

export async function quoteWorkspace(deps: Pick<ServiceDeps, 'providers'>, { provider, resources }: CostInput<'quoteWorkspace'>): Promise<WorkspaceQuote> {
  const name = provider ?? await deps.providers.defaultName()
  const quote = await quoteOf(deps.providers.get(name), resources).catch((error: unknown) => {
    if (error instanceof BerthError) throw error
    throw new BerthError('provider_unavailable', `${name}: ${messageOf(error)}`, { hint: hintOf(error) ?? `see \`berth provider check ${name}\``, cause: error })
  })
  const { currency, runningMicrosPerHour, stoppedMicrosPerHour, runningMonthMicros, stoppedMonthMicros, note } = quote
  return { provider: name, currency, runningMicrosPerHour, stoppedMicrosPerHour, ...(runningMonthMicros === undefined ? {} : { runningMonthMicros }), ...(stoppedMonthMicros === undefined ? {} : { stoppedMonthMicros }), note, free: runningMicrosPerHour === 0 && stoppedMicrosPerHour === 0 }
}
