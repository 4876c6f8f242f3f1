import { useId } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import type { Review } from '@berth/wire/review'
import { linkTo } from '../state/session.ts'
import { Icon } from '../ui/icon.tsx'
import { plural } from '../ui/words.ts'
import { Omitted } from './file-facts.tsx'
import { unsentOf, unsentWords } from './place.ts'
import { openUnits, type ReviewRoom } from './review-state.ts'

/** The last page of a review: what becomes of it. `toPull`: where its pull request is opened; null: it comes from nowhere. */
export function EndCard({ room, review, off, toPull, onCommit, onOpen }: { room: ReviewRoom; review: Review; off: boolean; toPull: string | null; onCommit: () => void; onOpen: () => void }) {
  const note = useSignal('')
  const field = useId()
  const unsent = unsentWords(unsentOf(review))
  const open = openUnits(review).length
  const all = open === 0 && review.omitted === 0
  const send = async () => {
    if (await room.send(note.value)) note.value = ''
  }
  return (
    <section class="end-card" aria-label="The end of the review">
      <header>
        <Icon name={all ? 'i-check' : 'st-ready'} class={all ? 'plus' : 's-ready'} />
        <h3>{open > 0 ? `${plural(open, 'change')} still open` : all ? 'Everything is decided' : 'What fits here is decided'}</h3>
        {open > 0 && <button type="button" class="btn quiet" onClick={onOpen}>Show the next</button>}
      </header>
      <Omitted of={review} />
      {unsent !== '' && (
        <form onSubmit={(event) => { event.preventDefault(); void send() }}>
          <label class="field" for={field}>
            <span>Anything else for the agent? <small>optional</small></span>
            <textarea id={field} rows={2} maxLength={8000} disabled={off} value={note.value} onInput={(event) => (note.value = event.currentTarget.value)} />
          </label>
          <button type="submit" class="btn main send" disabled={off || room.acting.value}><Icon name="i-send" />Send {unsent} to the agent</button>
          {review.busy && <p class="meta">A turn runs; it reads this when the turn ends.</p>}
        </form>
      )}
      <div class="end-acts">
        <button type="button" class={`btn ${unsent === '' ? 'main' : ''}`} disabled={off} onClick={onCommit}><Icon name="i-branch" />Commit …</button>
        {toPull !== null && <a class="btn" {...linkTo(toPull)}>Pull request …</a>}
      </div>
    </section>
  )
}
