/** The branch that the code came from has moved: one tap brings what is new, or says why it cannot. */
import { useSignal } from '@preact/signals'
import type { Workspace } from '@berth/wire'
import { client, offlineSince } from '../state/session.ts'
import { say } from '../shell/toast.tsx'
import { inert } from '../ui/inert.ts'
import { plural } from '../ui/words.ts'
import { adoptStyle } from './adopt-style.ts'
import { refusalOf, type Refusal } from './loaded.ts'
import { RefusalLine } from './refusal-line.tsx'
import css from './rooms.css' with { type: 'text' }

adoptStyle(css)

export function OriginLine({ workspace }: { workspace: Workspace }) {
  const busy = useSignal(false)
  const refusal = useSignal<Refusal | null>(null)
  const { origin } = workspace
  if (!origin?.behind) return null
  const update = async (): Promise<void> => {
    busy.value = true
    refusal.value = null
    try {
      const { how, commits } = await client.updateFromOrigin({ id: workspace.id })
      say(how === 'none' ? 'It has all that is at its origin' : `${plural(commits, 'commit')} of the origin came${how === 'rebase' ? ', its own on top' : ''}`)
    } catch (error) {
      refusal.value = refusalOf(error)
    } finally {
      busy.value = false
    }
  }
  return (
    <>
      <div class="origin-line" role="status">
        <p>Behind <b>origin/{inert(origin.branch)}</b></p>
        <button type="button" class="btn" disabled={busy.value || offlineSince.value !== null} onClick={() => void update()}>{busy.value ? 'Updating…' : 'Update'}</button>
      </div>
      <RefusalLine refusal={refusal.value} onDismiss={() => (refusal.value = null)} />
    </>
  )
}
