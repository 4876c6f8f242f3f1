import { useEffect } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import type { Workspace } from '@berth/wire'
import type { Preview } from '@berth/wire/previews'
import { copy } from '../shell/copy.ts'
import { client } from '../state/session.ts'
import { Icon } from '../ui/icon.tsx'
import { inert } from '../ui/inert.ts'
import { adoptStyle } from '../rooms/adopt-style.ts'
import { useLoaded } from '../rooms/loaded.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import '../rooms/sheet.tsx'
import { PreviewSheet } from './preview-sheet.tsx'
import css from './files.css' with { type: 'text' }

adoptStyle(css)

const LOOK_AGAIN_MS = 5000
export const ACCESS_WORDS: Readonly<Record<Preview['access'], string>> = { private: 'Only who is signed in', link: 'Who has the link', public: 'Everybody' }

/** The ports of the workspace, and where to open them. */
export function PreviewsPane({ workspace }: { workspace: Workspace }) {
  const previews = useLoaded(workspace.id, (signal) => client.listPreviews({ id: workspace.id }, signal))
  const chosen = useSignal<number | null>(null)
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) previews.reload()
    }, LOOK_AGAIN_MS)
    return () => clearInterval(timer)
  }, [workspace.id])
  const list = previews.value.value
  const about = list?.find(({ port }) => port === chosen.value)
  return (
    <div class="files previews">
      <RefusalLine refusal={previews.refusal.value} onRetry={previews.reload} />
      {list?.length === 0 && (
        <div class="empty">
          <h1>Nothing listens yet</h1>
          <p>Start a server in the workspace; its port appears here within seconds.</p>
        </div>
      )}
      <ul class="ports">
        {list?.map((preview) => <PortRow key={preview.port} preview={preview} onMore={() => (chosen.value = preview.port)} />)}
      </ul>
      {about && <PreviewSheet workspace={workspace} preview={about} onChange={previews.reload} onClose={() => (chosen.value = null)} />}
    </div>
  )
}

function PortRow({ preview, onMore }: { preview: Preview; onMore: () => void }) {
  const { port, label, process, listening, access, url } = preview
  const state = [label, process, listening ? null : 'nothing listens'].filter((word): word is string => word !== null && word !== '')
  return (
    <li class="port">
      <Icon name="i-globe" />
      <span class="grow">
        <b>:{port}</b> {state.length > 0 && inert(state.join(', '))}
        <small class={access === 'public' ? 'warns' : ''}>{ACCESS_WORDS[access]}</small>
      </span>
      <button type="button" class="icon" aria-label={`Copy the address of port ${port}`} onClick={() => void copy(url)}><Icon name="i-read" /></button>
      <button type="button" class="icon" aria-label={`More about port ${port}`} onClick={onMore}><Icon name="i-more" /></button>
      <a class="btn" href={url} target="_blank" rel="noreferrer" aria-label={`Open port ${port}`}>Open</a>
    </li>
  )
}
