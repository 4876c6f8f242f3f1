import { useSignal } from '@preact/signals'
import type { Workspace } from '@berth/wire'
import type { Checkpoint } from '@berth/wire/review'
import { attempt, client, now } from '../state/session.ts'
import { Icon } from '../ui/icon.tsx'
import { plural } from '../ui/words.ts'
import { inert } from '../ui/inert.ts'
import { refusalOf, useLoaded, type Refusal } from '../rooms/loaded.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { Sheet } from '../rooms/sheet.tsx'
import { when } from '../rooms/words.ts'

const CONVERSATION = { kept: 'The conversation is as it was.', rewound: 'The conversation went back too.', unsupported: 'This agent cannot take its conversation back; it is as it was.' } as const

/** States of the files that can be gone back to. `onRewound` gets the words and the way back. */
export function CheckpointsSheet({ workspace, off, onClose, onRewound }: { workspace: Workspace; off: boolean; onClose: () => void; onRewound: (words: string, undo: () => void) => void }) {
  const list = useLoaded(workspace.id, (signal) => client.listCheckpoints({ id: workspace.id }, signal))
  const chosen = useSignal<Checkpoint | null>(null)
  const conversation = useSignal(false)
  const acting = useSignal(false)
  const refusal = useSignal<Refusal | null>(null)
  const rewind = async () => {
    const to = chosen.value
    if (to === null || acting.value) return
    acting.value = true
    try {
      const done = await client.rewind({ id: workspace.id, commit: to.commit, conversation: conversation.value })
      // This sheet is closed by then.
      const undo = () => void attempt(() => client.rewind({ id: workspace.id, commit: done.before, conversation: done.conversation === 'rewound' })).then((back) => { if (back) onRewound('Back to where you were', () => {}) })
      onRewound(`${plural(done.files, 'file')} went back to ${when(to.at, now.value)}. ${CONVERSATION[done.conversation]}`, undo)
      onClose()
    } catch (error) {
      refusal.value = refusalOf(error)
    } finally {
      acting.value = false
    }
  }
  const to = chosen.value
  if (to)
    return (
      <Sheet
        title={`Go back to ${when(to.at, now.value)}?`} onClose={onClose} onSubmit={() => void rewind()}
        foot={<><button type="button" class="btn" onClick={() => (chosen.value = null)}>All checkpoints</button><button type="submit" class="btn danger-main" disabled={acting.value || off}>{acting.value ? 'One moment' : 'Go back'}</button></>}
      >
        <p class="about">The files become what they were: {inert(to.reason)}{to.turn === null ? '' : `, turn ${to.turn}`}. What stands now becomes a checkpoint first, so this can be undone.</p>
        {workspace.agentState === 'busy' && <p class="about warn"><Icon name="i-x" />A turn runs. The agent may write over what you go back to; stop it first.</p>}
        <label class="check-row">
          <input type="checkbox" checked={conversation.value} onChange={(event) => (conversation.value = event.currentTarget.checked)} />
          <span>The conversation too<small>Where the agent can; you are told when it cannot</small></span>
        </label>
        <RefusalLine refusal={refusal.value} />
      </Sheet>
    )
  return (
    <Sheet title="Checkpoints" onClose={onClose}>
      <RefusalLine refusal={list.refusal.value} onRetry={list.reload} />
      {list.value.value === null && list.loading.value && <p class="meta about" role="status">Reading the checkpoints</p>}
      {list.value.value?.length === 0 && <p class="about">None yet. One is made at the end of each turn, and before anything is taken out.</p>}
      <ol class="choices">
        {list.value.value?.map((checkpoint) => (
          <li key={checkpoint.commit}>
            <button type="button" class="choice" disabled={off} onClick={() => (chosen.value = checkpoint)}>
              <Icon name="i-history" />
              <span>{inert(checkpoint.reason)}<small>{[checkpoint.turn === null ? null : `turn ${checkpoint.turn}`, plural(checkpoint.files, 'file'), checkpoint.commit.slice(0, 7)].filter(Boolean).join(' · ')}</small></span>
              <time dateTime={new Date(checkpoint.at).toISOString()}>{when(checkpoint.at, now.value)}</time>
            </button>
          </li>
        ))}
      </ol>
    </Sheet>
  )
}
