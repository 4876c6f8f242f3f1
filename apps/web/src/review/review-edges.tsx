/** What stands above and below the changes: how far one is, and what the thumb can do. */
import type { Review, ReviewFile } from '@berth/wire/review'
import { Delta } from '../ui/delta.tsx'
import { Icon } from '../ui/icon.tsx'
import { plural } from '../ui/words.ts'
import { inert } from '../ui/inert.ts'
import { takesTaps } from '../state/taps.ts'
import type { Decider } from './decider.ts'
import { look } from './look.ts'
import { totalsOf, unitsOf, unitsOfFile, unsentOf, unsentWords, type Unit } from './place.ts'
import type { ReviewRoom } from './review-state.ts'
import { linesOf } from './rows.ts'

/** More marks than this are a pattern, not a count. */
const BARS = 40

export function Progress({ room, review, off, act, onMenu, onCheckpoints }: { room: ReviewRoom; review: Review; off: boolean; act: Decider; onMenu: () => void; onCheckpoints: () => void }) {
  const { decided, total } = review.progress
  return (
    <header class="progress">
      <div class="progress-line">
        <h2>{review.files.length === 0 ? 'No changes' : <>{plural(review.files.length + review.omitted, 'file')} <Delta {...totalsOf(review.files)} /></>}</h2>
        <p>{review.files.length === 0 ? '' : total === 0 ? 'nothing to decide' : <><b>{decided} of {review.omitted > 0 && 'the first '}{total}</b> decided</>}</p>
        <button type="button" class="icon" aria-label="Take the last decision back" disabled={off || !room.canUndo.value} onClick={room.undo}><Icon name="i-undo" /></button>
        <button type="button" class="icon widen" aria-label="Wide: the conversation makes room (w)" aria-pressed={look.value.full} onClick={act.widen}><svg class="i" viewBox="0 0 20 20" aria-hidden="true"><path d="M3.5 4.5h13v11h-13zM10 4.5v11" stroke="currentColor" stroke-width="1.5" stroke-linejoin="round" /></svg></button>
        <button type="button" class="icon only-wide" aria-label="Checkpoints" onClick={onCheckpoints}><Icon name="i-history" /></button>
        <button type="button" class="icon" aria-label="More about the review" onClick={onMenu}><Icon name="i-more" /></button>
      </div>
      {total > 0 && <Bars units={unitsOf(review)} room={room} />}
    </header>
  )
}

const CLASS = { open: '', accepted: 'ok', queued: 'no', rejected: 'no' } as const

/** The words beside it say the same; here it is a picture. */
function Bars({ units, room }: { units: readonly Unit[]; room: ReviewRoom }) {
  const { path, hunkId } = room.place.value
  const now = (unit: Unit) => unit.path === path && unit.hunkId === hunkId
  if (units.length <= BARS) return <div class="bars" aria-hidden="true">{units.map((unit, at) => <i key={at} class={`${CLASS[unit.mark]} ${now(unit) ? 'now' : ''}`} />)}</div>
  const share = (kind: string) => units.filter((unit) => CLASS[unit.mark] === kind).length
  return <div class="bars" aria-hidden="true">{(['ok', 'no', ''] as const).map((kind) => share(kind) > 0 && <i key={kind} class={kind} style={{ flexGrow: share(kind) }} />)}</div>
}

interface DockProps { room: ReviewRoom; review: Review; file: ReviewFile | null; off: boolean; act: Decider; onCommit: () => void }

export function Dock({ room, review, file, off, act, onCommit }: DockProps) {
  const unit = file ? unitsOfFile(file).find((candidate) => candidate.hunkId === room.place.value.hunkId) : undefined
  const hunk = file?.hunks.find((candidate) => candidate.hunkId === unit?.hunkId) ?? null
  return (
    <footer class="review-dock">
      <p class="review-said" role="status"><Saying room={room} review={review} at={hunk ? linesOf(hunk) : file ? 'The whole file' : ''} /></p>
      {unit && <Acts unit={unit} commentable={hunk !== null} closed={off || room.acting.value || !takesTaps.value} act={act} onCommit={onCommit} />}
    </footer>
  )
}

function Saying({ room, review, at }: { room: ReviewRoom; review: Review; at: string }) {
  const said = room.said.value
  if (said) return <><span>{inert(said.text)}</span>{said.undo && <button type="button" class="btn quiet" onClick={said.undo}>Undo</button>}</>
  const unsent = unsentWords(unsentOf(review), ', ')
  return <><span>{at}</span>{unsent !== '' && <span>Not told yet: {unsent}</span>}</>
}

function Acts({ unit, commentable, closed, act, onCommit }: { unit: Unit; commentable: boolean; closed: boolean; act: Decider; onCommit: () => void }) {
  const accepted = unit.mark === 'accepted'
  return (
    <div class="review-acts">
      <button type="button" class="btn danger" disabled={closed || unit.mark === 'rejected' || unit.mark === 'queued'} onClick={act.reject}><Icon name="i-x" />Reject<kbd>R</kbd></button>
      <button type="button" class="btn" disabled={closed || !commentable} onClick={act.comment}><Icon name="i-comment" />Comment<kbd>C</kbd></button>
      <button type="button" class="btn main" disabled={closed} onClick={act.accept}><Icon name={accepted ? 'i-next' : 'i-check'} />{accepted ? 'Next' : 'Accept'}<kbd>A</kbd></button>
      <button type="button" class="btn only-wide commit" disabled={closed} onClick={onCommit}>Commit …</button>
    </div>
  )
}
