/** Git's truth since the last review, decided hunk by hunk: by thumb, by mouse, by keyboard. */
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import type { Workspace } from '@berth/wire'
import type { Hunk, Review, ReviewFile } from '@berth/wire/review'
import { wake } from '../shell/actions.ts'
import { may } from '../state/may.ts'
import { now, offlineSince, pathTo, route, workspaceOf } from '../state/session.ts'
import { Icon } from '../ui/icon.tsx'
import { stateOf } from '../ui/state.tsx'
import { inert } from '../ui/inert.ts'
import { adoptStyle } from '../rooms/adopt-style.ts'
import { OriginLine } from '../rooms/origin-line.tsx'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { when } from '../rooms/words.ts'
import { CheckpointsSheet } from './checkpoints-sheet.tsx'
import { FilesSheet, HunkSheet, ReviewSheet, type HunkChoice, type ReviewChoice } from './choice-sheets.tsx'
import { CommitSheet } from './commit-sheet.tsx'
import { decider, type Decider, type Open } from './decider.ts'
import { FilePage } from './file-page.tsx'
import { listenToFingers } from './gestures.ts'
import { look, ownPx } from './look.ts'
import { AT_END, toFile } from './place.ts'
import { CommentSheet, EditSheet, RejectSheet } from './remark-sheets.tsx'
import { openReview, type ReviewRoom } from './review-state.ts'
import { Dock, Progress } from './review-edges.tsx'
import { listenToKeys } from './review-keys.ts'
import css from './review.css' with { type: 'text' }

adoptStyle(css)

/** A running turn changes the tree all the time; it is read again at most this often. */
const READ_AGAIN_MS = 3000
/** Two columns of code need this much. */
const TWO_COLUMNS_PX = 780

export function ReviewPane({ workspace }: { workspace: Workspace }) {
  const room = useMemo(() => openReview(workspace.id), [workspace.id])
  const box = useRef<HTMLDivElement>(null)
  const open = useSignal<Open | null>(null)
  const wide = useSignal(false)
  useEffect(() => room.close, [room])
  useReadAgain(room, workspace)
  const review = room.review.value
  const off = offlineSince.value !== null || room.asOf.value !== null || !may(workspace)
  const act = decider({ room, open, off: () => offlineSince.value !== null || room.asOf.value !== null || !may(workspaceOf(workspace.id)) })
  useEffect(() => listenToKeys(act, () => ({ pane: box.current, asked: workspace.needsYou > 0, sheet: open.value !== null })), [room, workspace.needsYou])
  useEffect(() => {
    const element = box.current
    if (!element) return
    // Who came here to review can begin with a key.
    if (document.activeElement === document.body && route.value.at === 'workspace' && route.value.pane === 'changes') element.focus({ preventScroll: true })
    const observer = new ResizeObserver(([entry]) => (wide.value = (entry?.contentRect.width ?? 0) >= TWO_COLUMNS_PX))
    observer.observe(element)
    const fingers = listenToFingers(element, {
      swipe: (to) => act.file(to === 'next' ? 1 : -1),
      size: () => look.value.fontPx ?? ownPx(),
      resize: (fontPx) => (look.value = { ...look.value, fontPx }),
    })
    return () => {
      observer.disconnect()
      fingers()
    }
  }, [room])
  const { columns, wrap, fontPx, full } = look.value
  // A question is never hidden by a review.
  useWidened(box, full && workspace.needsYou === 0)
  const two = wide.value && columns !== 'one'
  const file = review?.files.find((candidate) => candidate.path === room.place.value.path) ?? null
  return (
    <div class="review" ref={box} tabIndex={-1} data-sized={fontPx !== null || undefined} style={fontPx === null ? undefined : { '--diff-px': `${fontPx}px` }}>
      <OriginLine workspace={workspace} />
      {review === null ? <Before room={room} workspace={workspace} /> : (
        <>
          <Progress room={room} review={review} off={off} act={act} onMenu={() => (open.value = { sheet: 'review' })} onCheckpoints={() => (open.value = { sheet: 'checkpoints' })} />
          <Stale room={room} workspace={workspace} />
          <FilePage room={room} review={review} file={file} off={off} two={two} wrap={wrap} act={act} open={open} toPull={toPullOf(workspace)} />
          <RefusalLine refusal={open.value === null && room.asOf.value === null ? room.refusal.value : null} onDismiss={() => (room.refusal.value = null)} />
          {review.files.length > 0 && <Dock room={room} review={review} file={file} off={off} act={act} onCommit={() => (open.value = { sheet: 'commit' })} />}
        </>
      )}
      {review && open.value && <Sheets workspace={workspace} room={room} review={review} file={file} off={off} wide={wide.value} act={act} open={open.value} onClose={() => (open.value = null)} onOpen={(next) => (open.value = next)} />}
    </div>
  )
}

/** The conversation beside it makes room for two columns; leaving the room gives it back. */
function useWidened(box: { readonly current: HTMLElement | null }, full: boolean): void {
  useEffect(() => {
    const session = box.current?.closest('.session')
    session?.toggleAttribute('data-widened', full)
    return () => session?.removeAttribute('data-widened')
  }, [full])
}

/** At once, at the end of a turn, and while it runs now and then: the events of the workspace say that something happened. */
function useReadAgain(room: ReviewRoom, workspace: Workspace): void {
  const last = useRef(0)
  useEffect(() => {
    const stop = new AbortController()
    const read = () => {
      // Up to megabytes, which nobody reads in a pocket.
      if (document.hidden) return document.addEventListener('visibilitychange', read, { once: true, signal: stop.signal })
      last.current = Date.now()
      void room.read()
    }
    const timer = setTimeout(read, Math.max(0, last.current + READ_AGAIN_MS - Date.now()))
    return () => {
      clearTimeout(timer)
      stop.abort()
    }
  }, [room, workspaceOf(workspace.id)?.tail, workspace.agentState, workspace.phase, offlineSince.value === null])
}

/** Its pull request stands among what is known of it. */
const toPullOf = ({ id, origin }: Workspace) => (origin ? pathTo(id, 'status') : null)

function Before({ room, workspace }: { room: ReviewRoom; workspace: Workspace }) {
  const refusal = room.refusal.value
  if (refusal === null) return <div class="review-loading" role="status" aria-label="Reading what changed"><i /><i /><i /></div>
  const { name } = stateOf(workspace)
  const word = WITHOUT_FILES[name]
  if (word) return <div class="empty"><h1>Nothing to review now</h1><p>{word}</p>{name === 'sleeping' && <WakeOrRetry room={room} workspace={workspace} />}</div>
  return (
    <div class="empty">
      <h1>Nothing to show yet</h1>
      <p><b>{inert(refusal.message)}</b>{refusal.hint && <><br />{inert(refusal.hint)}</>}</p>
      <WakeOrRetry room={room} workspace={workspace} />
    </div>
  )
}

/** The machine says no more than this page knows already. */
const WITHOUT_FILES: Partial<Record<ReturnType<typeof stateOf>['name'], string>> = {
  starting: 'The machine is on its way. What the agent changes appears here.',
  failed: 'The workspace failed, so its files cannot be read.',
  sleeping: 'The machine sleeps, and its files with it.',
}

/** What is read here without the machine or the server is an old truth: readable, but nothing can be decided by it. */
function Stale({ room, workspace }: { room: ReviewRoom; workspace: Workspace }) {
  const at = room.asOf.value ?? offlineSince.value
  if (at === null) return null
  const why = offlineSince.value !== null ? 'The server does not answer.' : (room.refusal.value?.message ?? 'It cannot be read now.')
  return (
    <div class="stale" role="status">
      <Icon name="st-offline" />
      <p>As of {when(at, now.value)}. {inert(why)} You can read; deciding waits.</p>
      {offlineSince.value === null && <WakeOrRetry room={room} workspace={workspace} />}
    </div>
  )
}

function WakeOrRetry({ room, workspace }: { room: ReviewRoom; workspace: Workspace }) {
  const asleep = workspace.phase === 'sleeping' || workspace.phase === 'stopped'
  if (asleep) return <button type="button" class="btn" onClick={() => void wake(workspace)}>Wake it</button>
  return <button type="button" class="btn" onClick={() => void room.read()}>Try again</button>
}

interface SheetsProps { workspace: Workspace; room: ReviewRoom; review: Review; file: ReviewFile | null; off: boolean; wide: boolean; act: Decider; open: Open; onClose: () => void; onOpen: (open: Open | null) => void }

function Sheets({ workspace, room, review, file, off, wide, act, open, onClose, onOpen }: SheetsProps) {
  const onHunk = (hunk: Hunk, path: string) => (choice: HunkChoice) => {
    onClose()
    act.choose(choice, hunk, path)
  }
  const onReview = (choice: ReviewChoice) => {
    onClose()
    if (choice === 'commit' || choice === 'checkpoints') onOpen({ sheet: choice })
    else if (choice === 'end') room.place.value = AT_END
    else act.whole(choice)
  }
  switch (open.sheet) {
    case 'comment': return <CommentSheet room={room} path={open.path} hunk={open.hunk} at={open.at} onClose={onClose} />
    case 'edit': return <EditSheet room={room} path={open.path} hunk={open.hunk} onClose={onClose} />
    case 'hunk': return <HunkSheet hunk={open.hunk} off={off} onChoose={onHunk(open.hunk, open.path)} onClose={onClose} />
    case 'reject': return <RejectSheet room={room} title={open.title} onReject={open.reject} onClose={onClose} />
    case 'review': return <ReviewSheet review={review} file={file} off={off} roomForTwo={wide} onChoose={onReview} onClose={onClose} />
    case 'files': return <FilesSheet review={review} path={file?.path ?? null} onClose={onClose} onChoose={(index) => { onClose(); room.place.value = toFile(review, index) }} />
    case 'commit': return <CommitSheet workspace={workspace} onClose={onClose} onDone={(words) => { room.say(words); void room.read() }} />
    case 'checkpoints': return <CheckpointsSheet workspace={workspace} off={off} onClose={onClose} onRewound={(words, undo) => { room.say(words, undo); void room.read() }} />
  }
}

