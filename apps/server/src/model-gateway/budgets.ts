/** Which limits a call must keep, and who is told when the soft one is reached. */
import type { Clock, ModelBudgetStore, ModelUsageStore, Store } from '@berth/core'
import type { ModelBudget } from '@berth/wire/model-access'
import type { Log } from '../http/respond.ts'
import { remembered } from '../remembered.ts'
import type { Asking } from './gateway.ts'
import type { LedgerAccount } from './ledger.ts'

export interface Account extends LedgerAccount { readonly whose: string; readonly help: string }
export interface Budgets {
  accountsOf(asking: Asking, limit: { micros: number | null; help: string }): Promise<Account[]>
  /** After something was written down. */
  look(asking: Asking): Promise<void>
}
export interface BudgetDeps {
  readonly store: { readonly modelUsage: Pick<ModelUsageStore, 'costMicros' | 'monthMicros'>; readonly modelBudgets: ModelBudgetStore; readonly events: Pick<Store['events'], 'append'> }
  readonly clock: Clock
  readonly log: Log
}

/** Another budget is kept within this. */
const REMEMBERED_MS = 2000
const WHOSE: Readonly<Record<ModelBudget['scope'], string>> = { workspace: 'this workspace', user: 'its owner', organisation: 'the organisation' }
const dollars = (micros: number): string => `$${(micros / 1e6).toFixed(2)}`

export function createBudgets({ store, clock, log }: BudgetDeps): Budgets {
  const known = remembered<readonly ModelBudget[]>({ clock, ms: REMEMBERED_MS, limit: 1000 })
  const of = async ({ id, orgId, creatorId }: Asking): Promise<readonly ModelBudget[]> => {
    const subjects = { workspace: id, user: creatorId, organisation: orgId }
    return (await known.get(orgId, () => store.modelBudgets.list(orgId, clock.now()))).filter(({ scope, subject }) => subjects[scope] === subject)
  }
  return {
    async accountsOf(asking, { micros, help }) {
      const ofMonth = (await of(asking)).flatMap(({ scope, subject, hardMicros }): Account[] => hardMicros === null ? [] : [{
        key: `${scope} ${subject}`, limitMicros: hardMicros, whose: `${WHOSE[scope]} has used this month`, help: `a person can raise it with berth usage --limit`,
        spent: () => store.modelUsage.monthMicros(asking.orgId, { scope, subject }, clock.now()),
      }])
      return [...micros === null ? [] : [{ key: asking.id, limitMicros: micros, whose: 'this workspace has used', help, spent: () => store.modelUsage.costMicros(asking.id) }], ...ofMonth]
    },
    async look(asking) {
      for (const budget of await of(asking)) {
        if (budget.softMicros === null) continue
        const used = await store.modelUsage.monthMicros(asking.orgId, budget, clock.now())
        if (used < budget.softMicros || !(await store.modelBudgets.tell(asking.orgId, budget, clock.now()))) continue
        const text = `${WHOSE[budget.scope]} has used ${dollars(used)} of models this month; the soft limit is ${dollars(budget.softMicros)}${budget.hardMicros === null ? '' : `, at ${dollars(budget.hardMicros)} its agents are stopped`}.`
        log(`${asking.id}: ${text}`)
        await store.events.append(asking.id, [{ body: { type: 'report.notice', sessionId: asking.sessionId, title: 'soft limit reached', text } }], clock.now())
      }
    },
  }
}
