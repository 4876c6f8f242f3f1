/** What the agents of this workspace used of models through the server, by session, and what they may. */
import type { Workspace } from '@berth/wire'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { useLoaded } from '../rooms/loaded.ts'
import { client } from '../state/session.ts'
import { LimitForm, LimitLine } from '../usage/limit.tsx'
import { monthNow, summed } from '../usage/sums.ts'
import { UsageTable } from '../usage/table.tsx'
import { Way } from './way.tsx'

export function ModelsPart({ workspace }: { workspace: Workspace }) {
  const { id } = workspace
  const me = useLoaded('me', (signal) => client.me(undefined, signal))
  const role = me.value.value?.role
  return role === 'owner' || role === 'member' ? <Used key={id} workspace={workspace} decides={role === 'owner'} /> : null
}

function Used({ workspace, decides }: { workspace: Workspace; decides: boolean }) {
  const { id } = workspace
  const days = useLoaded(`model-days ${id}`, (signal) => client.listModelUsageDays({ workspace: id, since: `${monthNow()}-01` }, signal))
  const budgets = useLoaded(`budgets ${id}`, (signal) => client.listModelBudgets(undefined, signal))
  const limit = budgets.value.value?.find(({ scope, subject }) => scope === 'workspace' && subject === id)
  const refusal = days.refusal.value ?? budgets.refusal.value
  if (refusal !== null) return <RefusalLine refusal={refusal} onRetry={() => { days.reload(); budgets.reload() }} />
  if (days.value.value === null || budgets.value.value === null) return null
  const titles = new Map((workspace.sessions ?? []).map((session): [string, string] => [session.id, session.title]))
  const rows = summed(days.value.value, ({ sessionId }) => titles.get(sessionId ?? '') ?? (sessionId === workspace.sessionId ? 'Main session' : 'A session that ended'))
  if (rows.length === 0 && limit === undefined && !decides) return null
  return (
    <Way title="Models, this month">
      {rows.length === 0 ? <p class="meta">Nothing through this server yet. A model with a key of the server is counted here.</p> : <UsageTable rows={rows} of="Session" />}
      {limit && <LimitLine limit={limit} />}
      {decides && <LimitForm label="Limit of this workspace" limit={limit ?? null} set={async (limits) => { await client.setModelBudget({ scope: 'workspace', subject: id, ...limits }); budgets.reload() }} />}
    </Way>
  )
}
