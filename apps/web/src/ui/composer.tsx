import { useSignal } from '@preact/signals'
import type { Workspace } from '@berth/wire'
import { workspaceCan } from '@berth/wire/workspace-can'
import { attempt, client } from '../state/session.ts'
import { Icon } from './icon.tsx'

/** Enter sends, Shift+Enter breaks the line, Escape leaves the field. */
export function Composer({ workspace }: { workspace: Workspace }) {
  const text = useSignal('')
  const sending = useSignal(false)
  const can = workspaceCan('send', workspace.phase)
  const busy = workspace.agentState === 'busy' || workspace.agentState === 'waiting'
  const send = async () => {
    const said = text.value.trim()
    if (said === '' || sending.value) return
    sending.value = true
    const answer = await attempt(() => client.sendMessage({ id: workspace.id, text: said }))
    sending.value = false
    // The text stays in the field when it was not taken.
    if (answer) text.value = ''
  }
  const onKeyDown = (event: KeyboardEvent & { currentTarget: HTMLTextAreaElement }) => {
    if (event.key === 'Escape') event.currentTarget.blur()
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    void send()
  }
  return (
    <form class="dock" onSubmit={(event) => { event.preventDefault(); void send() }}>
      <div class={`composer ${can ? '' : 'off'}`}>
        <textarea rows={1} aria-label="Message to the agent" placeholder={placeholder(workspace, can, busy)} disabled={!can} value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} onKeyDown={onKeyDown} />
        {busy && workspaceCan('interrupt', workspace.phase) && text.value.trim() === '' ? (
          <button type="button" class="icon go" aria-label="Stop the turn" onClick={() => void attempt(() => client.interrupt({ id: workspace.id }))}><Icon name="i-stop" /></button>
        ) : (
          <button type="submit" class="icon go" disabled={!can || sending.value || text.value.trim() === ''} aria-label="Send"><Icon name="i-send" /></button>
        )}
      </div>
    </form>
  )
}

function placeholder(workspace: Workspace, can: boolean, busy: boolean): string {
  if (!can) return workspace.phase === 'failed' ? 'Not possible: the workspace failed' : `Not possible while ${workspace.phase}`
  if (busy) return 'Queue or steer…'
  return workspace.phase === 'sleeping' || workspace.phase === 'stopped' ? 'Tell the agent; it wakes' : 'Tell the agent…'
}
