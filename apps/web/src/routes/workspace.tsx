import { useEffect, useMemo } from 'preact/hooks'
import type { Workspace, WorkspaceId } from '@berth/wire'
import { workspaceCan } from '@berth/wire/workspace-can'
import { Composer } from '../ui/composer.tsx'
import { duration, Icon, StateBadge, stateOf } from '../ui/icon.tsx'
import { inert } from '../ui/inert.ts'
import { Stream } from '../ui/stream.tsx'
import { TerminalPane } from '../ui/terminal.tsx'
import { attempt, client, go, now, pathTo, refresh, workspaces } from '../state/session.ts'
import { openLiveStream, type LiveStream } from '../state/live-stream.ts'
import { watch } from '../state/watch.ts'

/** The terminal the agent runs in. */
const AGENT_TERMINAL = 'agent'

export function WorkspaceRoute({ id, pane }: { id: WorkspaceId; pane: 'stream' | 'terminal' }) {
  const workspace = workspaces.value?.find((candidate) => candidate.id === id)
  // The component is keyed by the workspace: another one is another stream.
  const live = useMemo(() => openLiveStream(id), [])
  useEffect(() => live.close, [])
  useEffect(() => watch(id), [])
  useEffect(() => {
    if (workspace) document.title = `${workspace.name} · Berth`
    return () => (document.title = 'Berth')
  }, [workspace?.name])
  if (!workspace) return workspaces.value ? <Gone /> : <p class="loading">Loading</p>
  return (
    <div class="session">
      <header class="top">
        <a class="icon back" href="/" aria-label="All workspaces" onClick={(event) => { event.preventDefault(); go('/') }}>
          <Icon name="i-back" />
        </a>
        <div class="grow">
          <h1 title={workspace.name}>{workspace.name}</h1>
          <p class="meta" title={workspace.repository}>{workspace.repository}</p>
        </div>
        <Power workspace={workspace} />
      </header>
      <Facts workspace={workspace} live={live} />
      <nav class="tabs" aria-label="Views">
        <Tab id={id} pane={pane} of="stream" label="Stream" />
        <Tab id={id} pane={pane} of="terminal" label="Terminal" />
      </nav>
      {pane === 'terminal' ? <TerminalPane workspace={workspace} terminalId={AGENT_TERMINAL} /> : <StreamPane workspace={workspace} live={live} />}
    </div>
  )
}

/** Reads the stream's signals, so that an event draws this pane and nothing around it. */
function StreamPane({ workspace, live }: { workspace: Workspace; live: LiveStream }) {
  return (
    <>
      <Stream view={live.view.value} news={live.news.value}>{workspace.error && <Failure workspace={workspace} />}</Stream>
      <Composer workspace={workspace} />
    </>
  )
}

function Failure({ workspace }: { workspace: Workspace }) {
  const retry = () => void attempt(() => client.startWorkspace({ id: workspace.id })).then(refresh)
  const step = workspace.steps.find((candidate) => candidate.step === workspace.step)
  return (
    <section class="failure" aria-label="Why it failed">
      <h3><Icon name="i-x" /> {step ? `Failed: ${step.title.toLowerCase()}` : 'Failed'}</h3>
      <pre class="out" tabIndex={0}>{inert(workspace.error?.message ?? '')}</pre>
      {workspace.error?.hint && <p>{workspace.error.hint}</p>}
      {workspace.phase === 'failed' && <button type="button" class="btn" onClick={retry}>Try again</button>}
    </section>
  )
}

function Gone() {
  return (
    <div class="empty">
      <h1>This workspace does not exist</h1>
      <p>It was deleted, or the address is not complete.</p>
      <a class="btn" href="/" onClick={(event) => { event.preventDefault(); go('/') }}>All workspaces</a>
    </div>
  )
}

/** The same strip on every session; what does not fit unfolds. */
function Facts({ workspace, live }: { workspace: Workspace; live: LiveStream }) {
  const { stopsAt, reasons } = workspace.idle
  const lost = live.connection.value === 'retrying'
  return (
    <details class="facts">
      <summary>
        {lost ? <span class="state s-offline"><Icon name="st-offline" />Connecting again</span> : <StateBadge of={workspace} />}
        {stopsAt !== null && stopsAt > now.value && stateOf(workspace).tone === 's-idle' && <span class="wide">sleeps in {duration(stopsAt - now.value)}</span>}
        <span class="wide">{workspace.provider}</span>
        <span class={workspace.isolation === 'none' ? 'risk' : 'wide'}>{workspace.isolation === 'none' ? 'not isolated' : workspace.isolation}</span>
        {workspace.exposures.length > 0 && <span class="wide">{workspace.exposures.length} {workspace.exposures.length === 1 ? 'key' : 'keys'} in reach</span>}
        <span class="grow" />
        <span class="viewers"><Icon name="i-screen" /> {workspace.viewers}<span class="unseen"> looking</span></span>
        <Icon name="i-down" class="fold" />
      </summary>
      <dl>
        <Fact name="Code" value={`${workspace.repository}${workspace.branch ? `, ${workspace.branch}` : ''}`} />
        <Fact name="Machine" value={[workspace.provider, workspace.isolation === 'none' ? 'the agent runs with your rights' : workspace.isolation, workspace.image].filter(Boolean).join(', ')} />
        <Fact name="Agent" value={`${workspace.agent}, approvals: ${workspace.approvalMode}`} />
        {workspace.exposures.map(({ name, warning }) => <Fact key={name} name={name} value={warning} />)}
        <Fact name="Stays on" value={reasons.length > 0 ? reasons.map(({ detail }) => detail).join('; ') : stopsAt !== null && stopsAt > now.value ? `sleeps in ${duration(stopsAt - now.value)}` : ''} />
        <Fact name="Status" value={workspace.statusMessage ?? ''} />
      </dl>
    </details>
  )
}

function Fact({ name, value }: { name: string; value: string }) {
  return value === '' ? null : <div><dt>{name}</dt><dd>{inert(value)}</dd></div>
}

function Tab({ id, pane, of, label }: { id: WorkspaceId; pane: string; of: 'stream' | 'terminal'; label: string }) {
  const path = pathTo(id, of)
  return (
    <a href={path} aria-current={pane === of ? 'page' : undefined} onClick={(event) => { event.preventDefault(); go(path) }}>
      {label}
    </a>
  )
}

function Power({ workspace }: { workspace: Workspace }) {
  const change = (work: () => Promise<unknown>) => void attempt(work).then(refresh)
  if (workspace.wish.target === 'running' && workspaceCan('stop', workspace.phase) && workspace.phase !== 'failed')
    return <button type="button" class="btn quiet" onClick={() => change(() => client.stopWorkspace({ id: workspace.id }))}>Stop</button>
  if (workspace.wish.target === 'stopped' && workspace.phase !== 'failed' && workspaceCan('start', workspace.phase)) return <button type="button" class="btn quiet" onClick={() => change(() => client.startWorkspace({ id: workspace.id }))}>Start</button>
  return null
}
