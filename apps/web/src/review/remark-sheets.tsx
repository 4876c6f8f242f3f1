/** What a person writes about a change: a comment, a reason, another version. */
import { useId } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import type { Hunk } from '@berth/wire/review'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { Sheet } from '../rooms/sheet.tsx'
import { PathName, Shown } from '../rooms/shown.tsx'
import { inert } from '../ui/inert.ts'
import { lineAt, type LineAt } from './diff.tsx'
import { newText } from './place.ts'
import type { ReviewRoom } from './review-state.ts'
import { linesOf, rowsOf } from './rows.ts'

interface SheetOf { room: ReviewRoom; path: string; hunk: Hunk; onClose: () => void }

export function CommentSheet({ room, path, hunk, at, onClose }: SheetOf & { at: LineAt | null }) {
  const field = useId()
  const choice = useId()
  const lines = rowsOf(hunk, null).map(lineAt)
  const changed = rowsOf(hunk, null).findIndex((row) => row.sign !== ' ')
  const first = at ? lines.findIndex((line) => line.side === at.side && line.line === at.line) : changed
  const chosen = useSignal(Math.max(0, first))
  const text = useSignal('')
  const line = lines[chosen.value]
  const save = async () => {
    if (line && text.value.trim() !== '' && await room.comment({ path, ...line }, text.value.trim())) onClose()
  }
  return (
    <Sheet title="Comment" onClose={onClose} onSubmit={() => void save()} foot={<Save room={room} word="Add comment" off={text.value.trim() === ''} />}>
      <p class="meta about"><PathName path={path} /></p>
      <label class="field" for={choice}>
        <span>Line</span>
        <select id={choice} value={String(chosen.value)} onChange={(event) => (chosen.value = Number(event.currentTarget.value))}>
          {lines.map((option, index) => <option key={index} value={String(index)}>{option.line}{option.side === 'old' ? ' (before)' : ''}  {inert(option.quote.trim().slice(0, 60))}</option>)}
        </select>
      </label>
      {line && line.quote.trim() !== '' && <pre class="quote"><Shown text={line.quote.slice(0, 400)} /></pre>}
      <label class="field" for={field}>
        <span>What should the agent know?</span>
        <textarea id={field} rows={4} maxLength={8000} autofocus value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} />
      </label>
      <RefusalLine refusal={room.refusal.value} />
    </Sheet>
  )
}

export function RejectSheet({ room, title, onReject, onClose }: { room: ReviewRoom; title: string; onReject: (reason: string) => Promise<boolean>; onClose: () => void }) {
  const field = useId()
  const text = useSignal('')
  const busy = room.review.value?.busy === true
  const reject = async () => {
    if (await onReject(text.value.trim())) onClose()
  }
  return (
    <Sheet title={<Shown text={title} />} onClose={onClose} onSubmit={() => void reject()} foot={<Save room={room} word="Reject" danger off={false} />}>
      <p class="meta about">{busy ? 'A turn runs: it is taken out when the turn ends.' : 'It is taken out of the files now; a checkpoint is made first.'}</p>
      <label class="field" for={field}>
        <span>Why <small>optional, the agent reads it</small></span>
        <textarea id={field} rows={3} maxLength={4000} autofocus value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} />
      </label>
      <RefusalLine refusal={room.refusal.value} />
    </Sheet>
  )
}

export function EditSheet({ room, path, hunk, onClose }: SheetOf) {
  const field = useId()
  const text = useSignal(newText(hunk))
  const removed = hunk.lines.filter((line) => line.startsWith('-'))
  const save = async () => {
    if (await room.edit({ path, hunkId: hunk.hunkId }, text.value)) onClose()
  }
  return (
    <Sheet wide title={`Edit ${linesOf(hunk).toLowerCase()}`} onClose={onClose} onSubmit={() => void save()} foot={<Save room={room} word="Keep my version" off={false} />}>
      <p class="meta about"><PathName path={path} /></p>
      {removed.length > 0 && (
        <details class="before"><summary>What stood here before</summary><pre class="quote"><Shown text={removed.map((line) => line.slice(1)).join('\n')} /></pre></details>
      )}
      <label class="field" for={field}>
        <span>The new lines <small>yours replace the agent’s, and are accepted</small></span>
        <textarea id={field} class="code-field" rows={Math.min(18, Math.max(5, text.value.split('\n').length + 1))} maxLength={60_000} spellcheck={false} autocapitalize="off" autocomplete="off" autofocus value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} />
      </label>
      <RefusalLine refusal={room.refusal.value} />
    </Sheet>
  )
}

function Save({ room, word, off, danger = false }: { room: ReviewRoom; word: string; off: boolean; danger?: boolean }) {
  return <button type="submit" class={`btn ${danger ? 'danger-main' : 'main'}`} disabled={off || room.acting.value}>{room.acting.value ? 'One moment' : word}</button>
}
