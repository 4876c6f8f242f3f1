import { useSignal } from '@preact/signals'
import type { Workspace } from '@berth/wire'
import type { Preview } from '@berth/wire/previews'
import { copy } from '../shell/copy.ts'
import { may } from '../state/may.ts'
import { client } from '../state/session.ts'
import { Icon } from '../ui/icon.tsx'
import { refusalOf, type Refusal } from '../rooms/loaded.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { Sheet } from '../rooms/sheet.tsx'

const CHOICES = [['private', 'Private'], ['link', 'Link'], ['public', 'Public']] as const
const ABOUT: Readonly<Record<Preview['access'], string>> = {
  private: 'Only browsers that are signed in here open it.',
  link: 'Whoever has the link opens it too, until a newer one is made or it ends.',
  public: 'Everybody who knows the address opens it, without signing in, and sees what your server shows.',
}

/** Who may open a port, and the link that opens it. */
export function PreviewSheet({ workspace, preview, onChange, onClose }: { workspace: Workspace; preview: Preview; onChange: () => void; onClose: () => void }) {
  const { id } = workspace
  const { port, access, url } = preview
  const link = useSignal<{ url: string; expiresAt: number | null } | null>(null)
  const acting = useSignal(false)
  const refusal = useSignal<Refusal | null>(null)
  const act = async (work: () => Promise<unknown>) => {
    acting.value = true
    refusal.value = null
    try {
      await work()
      onChange()
    } catch (error) {
      refusal.value = refusalOf(error)
    } finally {
      acting.value = false
    }
  }
  const share = () => act(async () => { link.value = await client.sharePreview({ id, port }) })
  const choose = (next: Preview['access']) => {
    if (next === 'link') return share()
    link.value = null
    return act(() => client.setPreview({ id, port, access: next }))
  }
  return (
    <Sheet title={`Port ${port}`} onClose={onClose}>
      <RefusalLine refusal={refusal.value} onDismiss={() => (refusal.value = null)} />
      <p class="address">{url}</p>
      <div class="who">
        <span id="who-opens">Who may open it</span>
        <div class="segments" role="group" aria-labelledby="who-opens">
          {CHOICES.map(([value, words]) => <button key={value} type="button" aria-pressed={access === value} disabled={acting.value || !may(workspace, 'own')} onClick={() => { if (access !== value) void choose(value) }}>{words}</button>)}
        </div>
      </div>
      <p class={access === 'public' ? 'meta warns' : 'meta'} role="status">{ABOUT[access]}</p>
      {link.value && (
        <div class="share-link">
          <p class="address">{link.value.url}</p>
          <p class="meta">It is shown once. {link.value.expiresAt !== null && `It ends on ${new Date(link.value.expiresAt).toLocaleDateString()}.`}</p>
        </div>
      )}
      <div class="choices">
        {link.value && <button type="button" class="choice" onClick={() => void copy(link.value?.url ?? '')}><Icon name="i-read" /><span>Copy the link</span></button>}
        <button type="button" class="choice" disabled={acting.value || !may(workspace, 'own')} onClick={() => void share()}><Icon name="i-plus" /><span>{access === 'link' ? 'Make a new link' : 'Make a link to share'}<small>{access === 'link' ? 'The one before ends' : 'It opens this port alone'}</small></span></button>
        <button type="button" class="choice" onClick={() => void copy(url)}><Icon name="i-read" /><span>Copy the address</span></button>
      </div>
      <label class="check-row">
        <input type="checkbox" checked={preview.wake === true} disabled={acting.value || !may(workspace, 'own')} onChange={(event) => { const wake = event.currentTarget.checked; void act(() => client.setPreview({ id, port, wake })) }} />
        <span>Start the workspace when somebody visits<small>A stopped one; otherwise the visit shows a button</small></span>
      </label>
    </Sheet>
  )
}
