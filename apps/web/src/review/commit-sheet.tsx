import { useId } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import type { Workspace } from '@berth/wire'
import { client } from '../state/session.ts'
import { Delta } from '../ui/delta.tsx'
import { Icon } from '../ui/icon.tsx'
import { plural } from '../ui/words.ts'
import { inert } from '../ui/inert.ts'
import { refusalOf, useLoaded, type Refusal } from '../rooms/loaded.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { Sheet } from '../rooms/sheet.tsx'

/** Longer first lines are cut by most tools that list commits. */
const SUBJECT_LETTERS = 72

/** With the message suggested: quick is one more tap. */
export function CommitSheet({ workspace, onClose, onDone }: { workspace: Workspace; onClose: () => void; onDone: (words: string) => void }) {
  const suggestion = useLoaded(workspace.id, async (signal) => {
    const suggested = await client.suggestCommit({ id: workspace.id }, signal)
    if (message.value === '') message.value = suggested.message
    return suggested
  })
  const message = useSignal('')
  const reviewedOnly = useSignal(false)
  const push = useSignal(false)
  const acting = useSignal(false)
  const refusal = useSignal<Refusal | null>(null)
  const done = useSignal<string | null>(null)
  const field = useId()
  const known = suggestion.value.value
  const commit = async () => {
    if (acting.value || done.value !== null || message.value.trim() === '') return
    acting.value = true
    try {
      const made = await client.commit({ id: workspace.id, message: message.value, reviewedOnly: reviewedOnly.value, push: push.value })
      const words = `Committed ${made.commit.slice(0, 7)} on ${made.branch}${made.pushed ? ', pushed' : ''}`
      refusal.value = null
      if (made.detail === null) onClose()
      else done.value = `${words}. ${made.detail}`
      onDone(words)
    } catch (error) {
      refusal.value = refusalOf(error)
    } finally {
      acting.value = false
    }
  }
  const off = known === null || known.files === 0 || acting.value || message.value.trim() === ''
  const subject = message.value.split('\n')[0]?.length ?? 0
  if (done.value !== null) return <Sheet title="Committed" onClose={onClose} foot={<button type="button" class="btn main" onClick={onClose}>Done</button>}><p class="outcome"><Icon name="i-check" />{inert(done.value)}</p></Sheet>
  return (
    <Sheet
      title="Commit" onClose={onClose} onSubmit={() => void commit()}
      foot={<button type="submit" class="btn main" disabled={off}>{acting.value ? 'One moment' : commitWord(known, push.value)}</button>}
    >
      <About known={known} loading={suggestion.loading.value} />
      <RefusalLine refusal={suggestion.refusal.value} onRetry={suggestion.reload} />
      <label class="field" for={field}>
        <span>Message {subject > SUBJECT_LETTERS && <small>first line: {subject} of {SUBJECT_LETTERS} letters</small>}</span>
        <textarea id={field} rows={5} maxLength={16_000} value={message.value} onInput={(event) => (message.value = event.currentTarget.value)} />
      </label>
      <label class="check-row">
        <input type="checkbox" checked={reviewedOnly.value} onChange={(event) => (reviewedOnly.value = event.currentTarget.checked)} />
        <span>Only what was accepted<small>The rest stays in the files, uncommitted</small></span>
      </label>
      <label class="check-row">
        <input type="checkbox" checked={push.value} disabled={known !== null && !known.canPush} onChange={(event) => (push.value = event.currentTarget.checked)} />
        <span>Push afterwards<small>{pushWords(known)}</small></span>
      </label>
      <RefusalLine refusal={refusal.value} />
    </Sheet>
  )
}

type Suggested = Awaited<ReturnType<typeof client.suggestCommit>>

function About({ known, loading }: { known: Suggested | null; loading: boolean }) {
  if (known === null) return loading ? <p class="meta about" role="status">Reading the changes to suggest a message</p> : null
  if (known.files === 0) return <p class="meta about">There is nothing to commit: the tree is as the last commit left it.</p>
  return <p class="meta about facts-row"><span><Icon name="i-branch" />{inert(known.branch ?? 'no branch')}</span><span>{plural(known.files, 'file')} <Delta added={known.added} removed={known.removed} /></span></p>
}

function commitWord(known: Suggested | null, push: boolean): string {
  if (push) return 'Commit and push'
  return known ? `Commit ${plural(known.files, 'file')}` : 'Commit'
}

function pushWords(known: Suggested | null): string {
  if (known?.whyNot) return inert(known.whyNot)
  return known?.branch ? `To ${inert(known.branch)} where the code came from` : 'To where the code came from'
}
