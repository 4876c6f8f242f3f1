/** What everybody's agents used of models through this server, by whatever one asks, and what they may. */
import { useSignal } from '@preact/signals'
import type { ModelBudget, ModelUsageDay } from '@berth/wire/model-access'
import { PRICES_OF } from '@berth/wire/model-prices'
import { useLoaded } from '../rooms/loaded.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { client } from '../state/session.ts'
import { LimitForm, LimitLine } from '../usage/limit.tsx'
import { monthOf, monthsBack, summed } from '../usage/sums.ts'
import { costWords, UsageTable } from '../usage/table.tsx'
import { Section } from './parts.tsx'

const BY = [['workspace', 'Workspace'], ['person', 'Person'], ['session', 'Session'], ['model', 'Model']] as const
type By = (typeof BY)[number][0]
const MONTHS = 12

export function UsagePart() {
  const me = useLoaded('me', (signal) => client.me(undefined, signal))
  const role = me.value.value?.role
  return role === 'owner' || role === 'member' ? <Usage owner={role === 'owner'} userId={me.value.value?.userId ?? ''} /> : null
}

/** What the rows are called. */
async function named(signal: AbortSignal) {
  const [workspaces, people] = await Promise.all([client.listWorkspaces({ deleted: 'true' }, signal), client.listPeople(undefined, signal)])
  return {
    workspaces: new Map(workspaces.map(({ id, name }): [string, string] => [id, name])),
    sessions: new Map(workspaces.flatMap(({ sessions = [] }) => sessions.map(({ id, title }): [string, string] => [id, title]))),
    people: new Map(people.map(({ userId, name }): [string, string] => [userId, name])),
  }
}

type Names = Awaited<ReturnType<typeof named>>
function nameIn({ workspaces, sessions, people }: Names, by: By, day: ModelUsageDay): string {
  const workspace = workspaces.get(day.workspaceId) ?? day.workspaceId
  switch (by) {
    case 'workspace': return workspace
    case 'person': return people.get(day.userId) ?? 'Somebody who left'
    case 'session': return `${workspace}, ${sessions.get(day.sessionId ?? '') ?? 'a session that ended'}`
    case 'model': return day.model
  }
}

function Usage({ owner, userId }: { owner: boolean; userId: string }) {
  const months = monthsBack(MONTHS)
  const days = useLoaded('days', (signal) => client.listModelUsageDays({ since: `${months.at(-1) ?? ''}-01` }, signal))
  const names = useLoaded('names', named)
  const budgets = useLoaded('budgets', (signal) => client.listModelBudgets(undefined, signal))
  const refusal = days.refusal.value ?? names.refusal.value ?? budgets.refusal.value
  const again = () => { for (const part of [days, names, budgets]) part.reload() }
  if (days.value.value === null || names.value.value === null || budgets.value.value === null) return <RefusalLine refusal={refusal} onRetry={again} />
  return (
    <Section title="Use of models" note={`What went through this server. Costs are by the makers’ lists of ${PRICES_OF}; a model that is not on them has no price, and counts for limits as $10 a million tokens.`}>
      <RefusalLine refusal={refusal} />
      <Month months={months} days={days.value.value} names={names.value.value} />
      <Limit title="Limit of a month, for all" scope="organisation" limit={budgets.value.value.find(({ scope }) => scope === 'organisation')} owner={owner} onSet={budgets.reload} />
      <Limit title="Limit of a month, for your workspaces" scope="user" limit={budgets.value.value.find(({ scope, subject }) => scope === 'user' && subject === userId)} owner={owner} onSet={budgets.reload} />
    </Section>
  )
}

function Month({ months, days, names }: { months: readonly string[]; days: readonly ModelUsageDay[]; names: Names }) {
  const month = useSignal(months[0] ?? '')
  const by = useSignal<By>('workspace')
  const ofMonth = days.filter((day) => monthOf(day) === month.value)
  const rows = summed(ofMonth, (day) => nameIn(names, by.value, day))
  const [total] = summed(ofMonth, () => 'all')
  return (
    <>
      <div class="setting-row"><span class="grow"><b>{total === undefined ? '$0.00' : costWords(total)}</b><small>all together</small></span><select aria-label="Month" value={month.value} onChange={(event) => (month.value = event.currentTarget.value)}>{months.map((one) => <option key={one} value={one}>{one}</option>)}</select></div>
      <div class="usage-box">
        <div class="segments" role="group" aria-label="By">{BY.map(([value, label]) => <button key={value} type="button" aria-pressed={by.value === value} onClick={() => (by.value = value)}>{label}</button>)}</div>
        {rows.length === 0 ? <p class="meta">Nothing in this month.</p> : <UsageTable rows={rows} of={BY.find(([value]) => value === by.value)?.[1] ?? ''} />}
      </div>
    </>
  )
}

/** Owners set it; others see it where there is one. */
function Limit({ title, scope, limit, owner, onSet }: { title: string; scope: 'organisation' | 'user'; limit: ModelBudget | undefined; owner: boolean; onSet: () => void }) {
  if (!owner && limit === undefined) return null
  const set = async (limits: Pick<ModelBudget, 'softMicros' | 'hardMicros'>) => {
    await client.setModelBudget({ scope, ...limits })
    onSet()
  }
  return <div class="usage-box"><h3>{title}</h3>{limit && <LimitLine limit={limit} />}{owner && <LimitForm label={title} limit={limit ?? null} set={set} />}</div>
}
