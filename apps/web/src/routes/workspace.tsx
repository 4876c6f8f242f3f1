import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { follow } from '@berth/client'
import type { Workspace, WorkspaceId } from '@berth/wire'
import { workspaceCan } from '@berth/wire/workspace-can'
import { Icon, StateBadge } from '../ui/icon.tsx'
import { Stream } from '../ui/stream.tsx'
import { TerminalPane } from '../ui/terminal.tsx'
import { attempt, client, endpoint, go, refresh, workspaces } from '../state/session.ts'
import { emptyView, fold, type StreamView } from '../state/stream-view.ts'

/** The terminal the agent runs in. */
const AGENT_TERMINAL = 'agent'

export function WorkspaceRoute({ id, pane }: { id: WorkspaceId; pane: 'stream' | 'terminal' }) {
  const workspace = workspaces.value?.find((candidate) => candidate.id === id)
  const view = useSignal<StreamView>(emptyView)
  useEffect(() => {
    const stop = new AbortController()
    void attempt(async () => {
      for await (const event of follow(endpoint, id, { after: 0, signal: stop.signal })) view.value = fold(view.value, [event])
    })
    return () => stop.abort()
  }, [id])
  useEffect(() => watch(id), [id])
  if (!workspace) return <p class="loading">{workspaces.value ? 'This workspace does not exist.' : 'Loading'}</p>
  return (
    <main class="page session">
      <header class="top">
        <a class="icon" href="/" aria-label="All workspaces" onClick={(event) => { event.preventDefault(); go('/') }}>
          <Icon name="i-back" />
        </a>
        <div class="grow">
          <h1>{workspace.name}</h1>
          <p class="meta"><StateBadge of={workspace} /> {workspace.repository}</p>
        </div>
        <Power workspace={workspace} />
      </header>
      <nav class="tabs" aria-label="Views">
        <Tab id={id} pane={pane} of="stream" label="Stream" />
        <Tab id={id} pane={pane} of="terminal" label="Terminal" />
      </nav>
      {pane === 'terminal' ? <TerminalPane workspace={workspace} terminalId={AGENT_TERMINAL} /> : <Stream view={view.value} />}
      {pane === 'stream' && <Say workspace={workspace} />}
    </main>
  )
}

function Tab({ id, pane, of, label }: { id: WorkspaceId; pane: string; of: string; label: string }) {
  const path = of === 'terminal' ? `/w/${id}/terminal` : `/w/${id}`
  return (
    <a href={path} aria-current={pane === of ? 'page' : undefined} onClick={(event) => { event.preventDefault(); go(path) }}>
      {label}
    </a>
  )
}

function Power({ workspace }: { workspace: Workspace }) {
  const change = (work: () => Promise<unknown>) => void attempt(work).then(refresh)
  if (workspace.wish.target === 'running' && workspaceCan('stop', workspace.phase) && workspace.phase !== 'failed')
    return <button type="button" class="btn sm" onClick={() => change(() => client.stopWorkspace({ id: workspace.id }))}>Stop</button>
  if (workspaceCan('start', workspace.phase)) return <button type="button" class="btn sm" onClick={() => change(() => client.startWorkspace({ id: workspace.id }))}>Start</button>
  return null
}

function Say({ workspace }: { workspace: Workspace }) {
  const text = useSignal('')
  const send = async () => {
    const said = text.value.trim()
    if (said === '') return
    const answer = await attempt(() => client.sendMessage({ id: workspace.id, text: said }))
    // The text stays in the field when it was not taken.
    if (answer) text.value = ''
  }
  const can = workspaceCan('send', workspace.phase)
  return (
    <form class="dock" onSubmit={(event) => { event.preventDefault(); void send() }}>
      {workspace.agentState === 'busy' && (
        <button type="button" class="btn quiet" onClick={() => void attempt(() => client.interrupt({ id: workspace.id }))}>
          <Icon name="i-stop" /> Stop the turn
        </button>
      )}
      <textarea
        rows={1}
        aria-label="Message to the agent"
        placeholder={can ? 'Tell the agent' : `Not possible while ${workspace.phase}`}
        disabled={!can}
        value={text.value}
        onInput={(event) => (text.value = event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && !event.shiftKey) {
            event.preventDefault()
            void send()
          }
        }}
      />
      <button type="submit" class="btn main" disabled={!can} aria-label="Send"><Icon name="i-send" /></button>
    </form>
  )
}

/** Says to the server that somebody looks; `input` only when a person did something (a page that is merely open is not activity). */
function watch(id: WorkspaceId): () => void {
  const stop = new AbortController()
  let input = false
  const touched = () => (input = true)
  for (const name of ['keydown', 'pointerdown', 'wheel'] as const) addEventListener(name, touched, { signal: stop.signal, passive: true })
  void (async () => {
    const viewer = await attempt(() => client.joinViewer({ id, client: 'web' }))
    if (!viewer) return
    while (!stop.signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, viewer.heartbeatMs))
      if (stop.signal.aborted) break
      await client.heartbeatViewer({ viewerId: viewer.viewerId, input }).catch(() => null)
      input = false
    }
    await client.leaveViewer({ viewerId: viewer.viewerId }).catch(() => null)
  })()
  return () => stop.abort()
}
