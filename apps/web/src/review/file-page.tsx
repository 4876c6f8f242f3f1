import { useEffect, useRef } from 'preact/hooks'
import type { Signal } from '@preact/signals'
import type { Review, ReviewFile } from '@berth/wire/review'
import { Delta } from '../ui/delta.tsx'
import { Icon } from '../ui/icon.tsx'
import { plural } from '../ui/words.ts'
import { inert } from '../ui/inert.ts'
import { languageOf } from '../rooms/highlight.ts'
import { PathName } from '../rooms/shown.tsx'
import type { Decider, Open } from './decider.ts'
import { EndCard } from './end-card.tsx'
import { FileFacts, withoutLines } from './file-facts.tsx'
import { HunkCard, MarkTag } from './hunk-card.tsx'
import { AT_END, nextOpen, stepFile, toFile } from './place.ts'
import type { ReviewRoom } from './review-state.ts'

interface FilePageProps { room: ReviewRoom; review: Review; file: ReviewFile | null; off: boolean; two: boolean; wrap: boolean; act: Decider; open: Signal<Open | null>; toPull: string | null }

/** One file at a time; after the last one comes the end of the review. */
export function FilePage(props: FilePageProps) {
  const { room, review, file, off, act, open, toPull } = props
  const scroll = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (scroll.current) scroll.current.scrollTop = 0
  }, [file?.path])
  if (review.files.length === 0) return <Settled off={off} onCommit={() => (open.value = { sheet: 'commit' })} />
  const index = file ? review.files.indexOf(file) : review.files.length
  const next = review.files[index + 1]
  return (
    <>
      <div class="file-bar">
        <button type="button" class="file-name" aria-label={file ? `${file.path}, file ${index + 1} of ${review.files.length}; all files` : 'Finish the review; all files'} onClick={() => (open.value = { sheet: 'files' })}>
          {file ? <PathName path={file.path} /> : <b>Finish the review</b>}
          <Icon name="i-down" />
        </button>
        {file && <Delta added={file.added} removed={file.removed} />}
        <button type="button" class="icon" aria-label="Previous file" disabled={index === 0} onClick={() => act.file(-1)}><Icon name="i-back" /></button>
        <button type="button" class="icon" aria-label={next ? 'Next file' : 'Finish the review'} disabled={file === null} onClick={() => act.file(1)}><Icon name="i-next" /></button>
      </div>
      <div class="review-scroll" ref={scroll} tabIndex={-1}>
        {file ? <Hunks {...props} file={file} /> : <EndCard room={room} review={review} off={off} toPull={toPull} onCommit={() => (open.value = { sheet: 'commit' })} onOpen={() => (room.place.value = nextOpen(review, AT_END))} />}
        {file && (
          <button type="button" class="next-file" onClick={() => (room.place.value = next ? toFile(review, index + 1) : stepFile(review, room.place.value, 1))}>
            <span>{next ? <>Next: <PathName path={next.path} />{next.hunks.length > 0 && `· ${plural(next.hunks.length, 'hunk')}`}</> : 'Finish the review'}</span>
            <Icon name="i-next" />
          </button>
        )}
      </div>
    </>
  )
}

function Hunks({ room, review, file, off, two, wrap, act, open }: FilePageProps & { file: ReviewFile }) {
  const language = languageOf(file.path)
  const comments = review.comments.filter((comment) => comment.path === file.path)
  if (file.huge && file.hunks.length === 0)
    return (
      <div class="whole-file">
        <FileFacts file={file} />
        <Large room={room} file={file} off={off} />
        <Decided room={room} file={file} off={off} />
      </div>
    )
  if (file.hunks.length === 0)
    return (
      <div class={`whole-file ${file.mark === 'open' ? 'on' : ''}`}>
        <FileFacts file={file} />
        <p>{withoutLines(file)}</p>
        <Decided room={room} file={file} off={off} />
      </div>
    )
  return (
    <>
      <FileFacts file={file} />
      {file.huge && file.mark !== 'open' && <div class="whole-file"><Decided room={room} file={file} off={off} /></div>}
      {file.hunks.map((hunk) => (
        <HunkCard
          key={hunk.hunkId} hunk={hunk} language={language} two={two} wrap={wrap} comments={comments.filter((comment) => within(hunk, comment))}
          current={room.place.value.hunkId === (file.huge ? null : hunk.hunkId)}
          onFocus={() => (room.place.value = { path: file.path, hunkId: file.huge ? null : hunk.hunkId })}
          onMenu={file.huge ? null : () => (open.value = { sheet: 'hunk', hunk, path: file.path })}
          onLine={off ? null : (at) => (open.value = { sheet: 'comment', at, hunk, path: file.path })}
          onUncomment={off ? null : (commentId) => void room.uncomment(commentId)}
        />
      ))}
      <div class="file-acts">
        <button type="button" class="btn quiet" disabled={off} onClick={() => act.whole('reject-file')}>Reject the file</button>
        <button type="button" class="btn quiet" disabled={off} onClick={() => act.whole('accept-file')}>Accept the file</button>
      </div>
    </>
  )
}

interface OfFile { room: ReviewRoom; file: ReviewFile; off: boolean }

function Large({ room, file, off }: OfFile) {
  const lines = plural(file.added + file.removed, 'changed line')
  // What was accepted or taken out does not differ any more: there is nothing to read.
  if (file.mark === 'accepted' || file.mark === 'rejected') return <p>{lines}.</p>
  if (room.tooLarge(file.path)) return <p>{lines}, more than can be shown here. Accept or reject it as a whole, or read it in the terminal.</p>
  return (
    <>
      <p>{lines}. It is read when you ask for it, and decided as a whole.</p>
      <button type="button" class="btn" disabled={off || room.acting.value} onClick={() => void room.loadHuge(file.path)}>{room.acting.value ? 'Reading' : 'Load this file'}</button>
    </>
  )
}

/** What was decided about a whole file, and the way back. */
function Decided({ room, file, off }: OfFile) {
  if (file.mark === 'open') return null
  return (
    <>
      <MarkTag mark={file.mark} />
      {file.reason && <p class="reason"><span>Why</span> {inert(file.reason)}</p>}
      <button type="button" class="btn quiet" disabled={off} onClick={() => void room.mark([{ path: file.path, hunkId: null }], 'open', { words: 'Open again' })}><Icon name="i-undo" />Take the decision back</button>
    </>
  )
}

function within(hunk: ReviewFile['hunks'][number], { side, line }: { side: 'old' | 'new'; line: number }): boolean {
  const [start, length] = side === 'old' ? [hunk.oldStart, hunk.oldLines] : [hunk.newStart, hunk.newLines]
  return line >= start && line < start + length
}

function Settled({ off, onCommit }: { off: boolean; onCommit: () => void }) {
  return (
    <div class="empty">
      <h1>Nothing to review</h1>
      <p>The files are as you last accepted them. What the agent changes next appears here.</p>
      <button type="button" class="btn" disabled={off} onClick={onCommit}><Icon name="i-branch" />Commit …</button>
    </div>
  )
}
