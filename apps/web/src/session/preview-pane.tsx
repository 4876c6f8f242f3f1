/** What listens in the workspace. */
import { useEffect } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import { request } from '@berth/client'
import { BerthError } from '@berth/wire/error'
import { API_PREFIX } from '@berth/wire/routes'
import type { Workspace } from '@berth/wire'
import { workspaceCan } from '@berth/wire/workspace-can'
import { endpoint, now } from '../state/session.ts'
import { Skeleton } from '../shell/lazy.tsx'
import { ago, Icon } from '../ui/icon.tsx'
import { inert } from '../ui/inert.ts'

interface Port { readonly port: number; readonly process: string | null; readonly since: number; readonly url: string | null }
const AGAIN_MS = 5000

export function PreviewPane({ workspace }: { workspace: Workspace }) {
  const ports = useSignal<readonly Port[] | null>(null)
  const refusal = useSignal('')
  const can = workspaceCan('attach', workspace.phase)
  useEffect(() => {
    if (!can) return
    const stop = new AbortController()
    const read = async () => {
      try {
        ports.value = (await (await request(endpoint, `${API_PREFIX}/workspaces/${workspace.id}/ports`, { signal: stop.signal })).json()) as Port[]
        refusal.value = ''
      } catch (error) {
        if (!stop.signal.aborted) refusal.value = error instanceof BerthError ? error.message : String(error)
      }
    }
    void read()
    const timer = setInterval(() => { if (!document.hidden) void read() }, AGAIN_MS)
    return () => {
      clearInterval(timer)
      stop.abort()
    }
  }, [workspace.id, can])
  if (!can) return <div class="empty"><p>Nothing listens: the workspace does not run.</p></div>
  if (refusal.value !== '') return <div class="empty" role="alert"><p>{refusal.value}</p></div>
  if (ports.value === null) return <Skeleton name="Previews" />
  if (ports.value.length === 0) return <div class="empty"><h1>Nothing listens</h1><p>When a program in the workspace opens a port, it appears here by itself.</p></div>
  return (
    <ul class="ports">
      {ports.value.map(({ port, process, since, url }) => (
        <li key={port}>
          <Icon name="i-globe" />
          <span class="grow"><b>:{port}</b> {process && <span>{inert(process)}</span>}<span class="meta">open {ago(since, now.value)}</span></span>
          {url ? <a class="btn" href={url} target="_blank" rel="noreferrer">Open</a> : <code class="meta">berth attach {workspace.name}</code>}
        </li>
      ))}
    </ul>
  )
}
