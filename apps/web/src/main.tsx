import { render } from 'preact'
import { keepFresh, route, signedOut, trouble } from './state/session.ts'
import { ListRoute } from './routes/list.tsx'
import { SignedOut } from './routes/signed-out.tsx'
import { WorkspaceRoute } from './routes/workspace.tsx'

function App() {
  if (signedOut.value) return <SignedOut />
  const at = route.value
  return (
    <>
      {trouble.value && (
        <p class="trouble" role="alert">
          <b>{trouble.value.message}</b> {trouble.value.hint}
        </p>
      )}
      {at.at === 'list' ? <ListRoute /> : <WorkspaceRoute key={at.id} id={at.id} pane={at.pane} />}
    </>
  )
}

const root = document.getElementById('app')
if (root) {
  root.textContent = ''
  render(<App />, root)
  keepFresh()
}
