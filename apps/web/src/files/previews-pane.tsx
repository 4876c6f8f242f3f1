import type { Workspace } from '@berth/wire'
import { client, now } from '../state/session.ts'
import { Icon } from '../ui/icon.tsx'
import { inert } from '../ui/inert.ts'
import { adoptStyle } from '../rooms/adopt-style.ts'
import { useLoaded } from '../rooms/loaded.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { when } from '../rooms/words.ts'
import { useEffect } from 'preact/hooks'
import '../rooms/sheet.tsx'
import css from './files.css' with { type: 'text' }

adoptStyle(css)

const LOOK_AGAIN_MS = 5000

/** What listens in the workspace. */
export function PreviewsPane({ workspace }: { workspace: Workspace }) {
  const ports = useLoaded(workspace.id, (signal) => client.listPorts({ id: workspace.id }, signal))
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) ports.reload()
    }, LOOK_AGAIN_MS)
    return () => clearInterval(timer)
  }, [workspace.id])
  const list = ports.value.value
  return (
    <div class="files">
      <RefusalLine refusal={ports.refusal.value} onRetry={ports.reload} />
      {list?.length === 0 && (
        <div class="empty">
          <h1>Nothing listens yet</h1>
          <p>Start a server in the workspace; its port appears here within seconds.</p>
        </div>
      )}
      <ul class="entries">
        {list?.map((port) => (
          <li key={port.port} class="port">
            <Icon name="i-globe" />
            <span class="grow"><b>:{port.port}</b> {port.process && inert(port.process)}<small>since {when(port.since, now.value)}</small></span>
            {port.url === null ? <span class="meta">open inside</span> : <a class="btn" href={port.url} target="_blank" rel="noreferrer">Open</a>}
          </li>
        ))}
      </ul>
      {list !== null && list.length > 0 && list.every((port) => port.url === null) && <p class="about none">Opening a preview from here comes later, on an address of its own. Until then it can be reached inside the workspace, from its terminal.</p>}
    </div>
  )
}
