import type { Workspace } from '@berth/wire'
import { ago, duration, Icon, StateBadge, stateOf } from '../ui/icon.tsx'
import { go, now, workspaces } from '../state/session.ts'

/** Who needs me comes first; then what works, what sleeps, what failed. */
export function ListRoute() {
  const list = workspaces.value
  if (!list) return <p class="loading">Loading</p>
  if (list.length === 0) return <Empty />
  const calling = list.filter((workspace) => workspace.needsYou > 0)
  const rest = list.filter((workspace) => workspace.needsYou === 0)
  return (
    <main class="page">
      <header class="top">
        <svg class="mark" aria-hidden="true"><use href="#mark" /></svg>
        <h1>Berth</h1>
      </header>
      <Group title="Needs you" call items={calling} />
      <Group title="Workspaces" items={rest} />
    </main>
  )
}

function Group({ title, items, call = false }: { title: string; items: readonly Workspace[]; call?: boolean }) {
  if (items.length === 0) return null
  return (
    <section>
      <h2 class={`group ${call ? 'call' : ''}`}>
        {title} <span>{items.length}</span>
      </h2>
      {items.map((workspace) => <Row key={workspace.id} workspace={workspace} />)}
    </section>
  )
}

function Row({ workspace }: { workspace: Workspace }) {
  const path = `/w/${workspace.id}`
  return (
    <a
      class="item"
      href={path}
      onClick={(event) => {
        event.preventDefault()
        go(path)
      }}
    >
      <Icon name={stateOf(workspace).icon} class={stateOf(workspace).tone} />
      <div class="grow">
        <h3>{workspace.name}</h3>
        <p>{secondLine(workspace)}</p>
      </div>
      <div class="side">
        <StateBadge of={workspace} />
        <div>{ago(workspace.lastActiveAt, now.value)}</div>
      </div>
    </a>
  )
}

function secondLine(workspace: Workspace): string {
  if (workspace.error) return workspace.error.message
  const step = workspace.steps.find((candidate) => candidate.state === 'started')
  if (workspace.phase === 'provisioning' && step) return step.title
  const stops = workspace.idle.stopsAt
  const sleep = stops !== null && stops > now.value ? ` · sleeps in ${duration(stops - now.value)}` : ''
  return `${workspace.repository} · ${workspace.provider}${sleep}`
}

function Empty() {
  return (
    <main class="empty">
      <svg class="mark big" aria-hidden="true"><use href="#mark" /></svg>
      <h1>No workspace yet</h1>
      <p>In a repository, run:</p>
      <pre class="cmd">berth up . --prompt "fix the failing test"</pre>
    </main>
  )
}
