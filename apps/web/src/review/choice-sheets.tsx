/** Sheets to choose from: a hunk's actions, the review's, and its files. */
import type { ComponentChildren } from 'preact'
import type { Hunk, Review, ReviewFile } from '@berth/wire/review'
import { Delta } from '../ui/delta.tsx'
import { Icon } from '../ui/icon.tsx'
import { plural } from '../ui/words.ts'
import { Sheet } from '../rooms/sheet.tsx'
import { PathName } from '../rooms/shown.tsx'
import { Omitted } from './file-facts.tsx'
import { FONT_PX } from './gestures.ts'
import { MARKS } from './hunk-card.tsx'
import { look, ownPx } from './look.ts'
import { unitsOfFile } from './place.ts'
import { linesOf } from './rows.ts'

function Choice({ icon, children, note, danger = false, disabled = false, onClick }: { icon: string; children: ComponentChildren; note?: ComponentChildren; danger?: boolean; disabled?: boolean; onClick: () => void }) {
  return (
    <button type="button" class={`choice ${danger ? 'danger' : ''}`} disabled={disabled} onClick={onClick}>
      <Icon name={icon} />
      <span>{children}{note && <small>{note}</small>}</span>
    </button>
  )
}

export type HunkChoice = 'edit' | 'comment' | 'reopen' | 'accept' | 'reject' | 'accept-file' | 'reject-file' | 'copy'

export function HunkSheet({ hunk, off, onChoose, onClose }: { hunk: Hunk; off: boolean; onChoose: (choice: HunkChoice) => void; onClose: () => void }) {
  return (
    <Sheet title={linesOf(hunk)} onClose={onClose}>
      <div class="choices">
        {hunk.mark !== 'open' && <Choice icon="i-undo" disabled={off} note={`It is ${MARKS[hunk.mark].word.toLowerCase()}`} onClick={() => onChoose('reopen')}>Take the decision back</Choice>}
        {hunk.mark !== 'accepted' && <Choice icon="i-check" disabled={off} onClick={() => onChoose('accept')}>Accept</Choice>}
        {hunk.mark === 'open' && <Choice icon="i-x" danger disabled={off} onClick={() => onChoose('reject')}>Reject with a reason</Choice>}
        <Choice icon="i-comment" disabled={off} onClick={() => onChoose('comment')}>Comment on a line</Choice>
        {hunk.mark === 'open' && <Choice icon="i-edit" disabled={off} note="Your lines replace the agent’s" onClick={() => onChoose('edit')}>Edit by hand</Choice>}
        <Choice icon="i-read" onClick={() => onChoose('copy')}>Copy the new lines</Choice>
      </div>
      <div class="choices">
        <Choice icon="i-check" disabled={off} onClick={() => onChoose('accept-file')}>Accept the whole file</Choice>
        <Choice icon="i-x" danger disabled={off} onClick={() => onChoose('reject-file')}>Reject the whole file</Choice>
      </div>
    </Sheet>
  )
}

export type ReviewChoice = 'accept-all' | 'reject-all' | 'accept-file' | 'reject-file' | 'checkpoints' | 'commit' | 'end'

export function ReviewSheet({ review, file, off, roomForTwo, onChoose, onClose }: { review: Review; file: ReviewFile | null; off: boolean; roomForTwo: boolean; onChoose: (choice: ReviewChoice) => void; onClose: () => void }) {
  const open = review.files.flatMap(unitsOfFile).filter((unit) => unit.mark === 'open').length
  const { columns, wrap, fontPx } = look.value
  const size = fontPx ?? ownPx()
  const set = (change: Partial<typeof look.value>) => (look.value = { ...look.value, ...change })
  return (
    <Sheet title="Review" onClose={onClose}>
      <div class="look-choices">
        <span id="look-size">Letters</span>
        <div class="segments" role="group" aria-labelledby="look-size">
          <button type="button" aria-label="A−, smaller" disabled={size <= FONT_PX.least} onClick={() => set({ fontPx: Math.max(FONT_PX.least, size - 1) })}>A−</button>
          <button type="button" aria-pressed={fontPx === null} onClick={() => set({ fontPx: null })}>{size} px</button>
          <button type="button" aria-label="A+, larger" disabled={size >= FONT_PX.most} onClick={() => set({ fontPx: Math.min(FONT_PX.most, size + 1) })}>A+</button>
        </div>
        <span id="look-wrap">Long lines</span>
        <div class="segments" role="group" aria-labelledby="look-wrap">
          <button type="button" aria-pressed={wrap} onClick={() => set({ wrap: true })}>Wrap</button>
          <button type="button" aria-pressed={!wrap} onClick={() => set({ wrap: false })}>Scroll</button>
        </div>
        {roomForTwo && <><span id="look-columns">Columns</span>
        <div class="segments" role="group" aria-labelledby="look-columns">
          <button type="button" aria-pressed={columns === 'fits'} onClick={() => set({ columns: 'fits' })}>As fits</button>
          <button type="button" aria-pressed={columns === 'one'} onClick={() => set({ columns: 'one' })}>One</button>
          <button type="button" aria-pressed={columns === 'two'} onClick={() => set({ columns: 'two' })}>Side by side</button>
        </div></>}
      </div>
      <div class="choices">
        {file && <Choice icon="i-check" disabled={off} onClick={() => onChoose('accept-file')}>Accept this file</Choice>}
        {file && <Choice icon="i-x" danger disabled={off} onClick={() => onChoose('reject-file')}>Reject this file</Choice>}
        <Choice icon="i-check" disabled={off || open === 0} note={open === 0 ? 'Nothing is open' : `${plural(open, 'open change')} in ${plural(review.files.length, 'file')}`} onClick={() => onChoose('accept-all')}>Accept everything that is open</Choice>
        <Choice icon="i-x" danger disabled={off || open === 0} onClick={() => onChoose('reject-all')}>Reject everything that is open</Choice>
      </div>
      <div class="choices">
        <Choice icon="i-history" onClick={() => onChoose('checkpoints')}>Checkpoints and rewind</Choice>
        <Choice icon="i-branch" disabled={off} onClick={() => onChoose('commit')}>Commit</Choice>
        <Choice icon="i-next" onClick={() => onChoose('end')}>Finish the review</Choice>
      </div>
    </Sheet>
  )
}

export function FilesSheet({ review, path, onChoose, onClose }: { review: Review; path: string | null; onChoose: (index: number) => void; onClose: () => void }) {
  return (
    <Sheet title={plural(review.files.length + review.omitted, 'file')} onClose={onClose}>
      <div class="choices">
        {review.files.map((file, index) => {
          const units = unitsOfFile(file)
          const decided = units.filter((unit) => unit.mark !== 'open').length
          return (
            <button key={file.path} type="button" class="choice file-choice" aria-current={file.path === path ? 'true' : undefined} onClick={() => onChoose(index)}>
              <PathName path={file.path} />
              <Delta added={file.added} removed={file.removed} />
              <small>{file.huge && file.hunks.length === 0 ? 'large, loads on tap' : `${decided} of ${units.length} decided`}</small>
            </button>
          )
        })}
      </div>
      <Omitted of={review} />
    </Sheet>
  )
}
