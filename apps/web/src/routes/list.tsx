import type { Workspace, WorkspaceId } from '@berth/wire'
import { ApprovalCard } from '../ui/approval-card.tsx'
import { ago, duration, Icon, stateOf } from '../ui/icon.tsx'
import { approvals, go, now, pathTo, workspaces } from '../state/session.ts'

/** Who needs me comes first; then what works, what rests. `current`: shown beside that workspace. */
export function ListRoute({ current = null }: { current?: WorkspaceId | null }) {
  const list = workspaces.value
  if (!list) return <p class="loading">Loading</p>
  if (list.length === 0 && current === null) return <Empty />
  const calling = list.filter((workspace) => stateOf(workspace).tone === 's-needs')
  const working = list.filter((workspace) => !calling.includes(workspace) && ACTIVE.includes(stateOf(workspace).tone))
  const resting = list.filter((workspace) => !calling.includes(workspace) && !working.includes(workspace))
  return (
    <div class="list">
      <header class="brand">
        <svg class="mark" aria-hidden="true"><use href="#mark" /></svg>
        {current === null ? <h1>Berth</h1> : <a href="/" onClick={(event) => { event.preventDefault(); go('/') }}>Berth</a>}
      </header>
      <Group title="Needs you" call items={calling} current={current} />
      <Group title="Under way" items={working} current={current} />
      <Group title="Resting" items={resting} current={current} />
    </div>
  )
}

const ACTIVE = ['s-working', 's-starting']

function Group({ title, items, call = false, current }: { title: string; items: readonly Workspace[]; call?: boolean; current: WorkspaceId | null }) {
  if (items.length === 0) return null
  return (
    <section aria-label={title}>
      <h2 class={`group ${call ? 'call' : ''}`}>
        {title} <span>{items.length}</span>
      </h2>
      {items.map((workspace) => <Entry key={workspace.id} workspace={workspace} current={current} />)}
    </section>
  )
}

/** The decision is inside the card: no tap to find out what is asked. Beside the open workspace the row is enough. */
function Entry({ workspace, current }: { workspace: Workspace; current: WorkspaceId | null }) {
  const asked = current === null ? approvals.value.filter((approval) => approval.workspaceId === workspace.id) : []
  if (asked.length === 0) return <Row workspace={workspace} current={current === workspace.id} />
  return <>{asked.map((approval) => <ApprovalCard key={approval.approvalId} card={{ ask: approval, state: approval.state, behavior: null, by: null }} place={{ ...workspace, askedAt: approval.askedAt }} />)}</>
}

function Row({ workspace, current }: { workspace: Workspace; current: boolean }) {
  const { icon, tone, word } = stateOf(workspace)
  return (
    <a class="item" href={pathTo(workspace.id)} aria-current={current ? 'page' : undefined} onClick={(event) => { event.preventDefault(); go(pathTo(workspace.id)) }}>
      <Icon name={icon} class={tone} />
      <div class="grow">
        <h3 title={workspace.name}>{workspace.name}</h3>
        <p class={workspace.error ? 'cause' : ''}><b class={tone}>{word}</b>{secondLine(workspace)}</p>
      </div>
      <span class="side">{ago(workspace.lastActiveAt, now.value)}</span>
    </a>
  )
}

function secondLine(workspace: Workspace): string {
  if (workspace.error) return `, ${workspace.error.message}`
  const step = workspace.steps.findIndex((candidate) => candidate.state === 'started')
  if ((workspace.phase === 'provisioning' || workspace.phase === 'starting') && step >= 0) return `, ${workspace.steps[step]?.title ?? ''}, step ${step + 1} of ${workspace.steps.length}`
  const stops = workspace.idle.stopsAt
  const sleep = stateOf(workspace).tone === 's-idle' && stops !== null && stops > now.value ? `, sleeps in ${duration(stops - now.value)}` : ''
  return `${sleep} · ${workspace.repository}`
}

function Empty() {
  return (
    <div class="empty">
      <svg class="mark big" aria-hidden="true"><use href="#mark" /></svg>
      <h1>No workspace yet</h1>
      <p>In a repository, run:</p>
      <pre class="cmd" tabIndex={0}>berth up . --prompt "fix the failing test"</pre>
      <p class="meta">It appears here by itself.</p>
    </div>
  )
}
