import { render } from 'preact'
import { go, keepFresh, offlineSince, route, signedOut, trouble } from './state/session.ts'
import { ListRoute } from './routes/list.tsx'
import { SignedOut } from './routes/signed-out.tsx'
import { WorkspaceRoute } from './routes/workspace.tsx'

/** One layout, folded: a phone shows one pane, a wide screen keeps the list beside the workspace. */
function App() {
  if (signedOut.value) return <SignedOut />
  const at = route.value
  if (at.at === 'nowhere') return <Nowhere />
  return (
    <div class={`panes at-${at.at}`}>
      <Notices />
      {at.at === 'list' ? <main class="alone"><ListRoute /></main> : (
        <>
          <nav class="beside" aria-label="Workspaces"><ListRoute current={at.id} /></nav>
          <main class="open"><WorkspaceRoute key={at.id} id={at.id} pane={at.pane} /></main>
        </>
      )}
    </div>
  )
}

function Notices() {
  return (
    <div class="notices">
      {offlineSince.value !== null && <p class="offline" role="status">The server does not answer. You see it as of {new Date(offlineSince.value).toLocaleTimeString([], { timeStyle: 'short' })}.</p>}
      {trouble.value && (
        <p class="trouble" role="alert">
          <span class="grow"><b>{trouble.value.message}</b> {trouble.value.hint}</span>
          <button type="button" class="btn quiet" onClick={() => (trouble.value = null)}>Dismiss</button>
        </p>
      )}
    </div>
  )
}

function Nowhere() {
  return (
    <main class="empty">
      <h1>There is nothing at this address</h1>
      <a class="btn" href="/" onClick={(event) => { event.preventDefault(); go('/') }}>All workspaces</a>
    </main>
  )
}

const root = document.getElementById('app')
if (root) {
  root.textContent = ''
  render(<App />, root)
  keepFresh()
}

document.addEventListener('keydown', (event) => {
  // In a field or the terminal Escape is theirs.
  const free = !(event.target instanceof Element && event.target.closest('textarea, input, .terminal'))
  if (event.key === 'Escape' && trouble.value) trouble.value = null
  else if (event.key === 'Escape' && free && route.value.at === 'workspace') go('/')
})
