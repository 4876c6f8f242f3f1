/** Everything is tied to one line; the newest stands at the bottom and stays in sight while the reader is there. */
import { effect, useSignal } from '@preact/signals'
import type { RefObject } from 'preact'
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import type { Workspace } from '@berth/wire'
import { wake } from '../shell/actions.ts'
import { Lazy } from '../shell/lazy.tsx'
import { now, offlineSince } from '../state/session.ts'
import { useSteady } from '../state/steady.ts'
import type { Stream } from '../state/stream.ts'
import type { PlanEntry } from '../state/stream-view.ts'
import { Icon } from '../ui/icon.tsx'
import { isOnItsWay, stateOf } from '../ui/state.tsx'
import { elapsed, priceNow } from '../ui/words.ts'
import { inert } from '../ui/inert.ts'
import { Prose } from '../ui/prose.tsx'
import { drawRows, hiddenIn } from './rows.tsx'

/** Rows on the page at first, and how many more each time the reader goes up. */
export const WINDOW = 80
const MORE = 50
/** So near to an end counts as being there. */
const NEAR_PX = 80
/** A place that moves under a drawing moves with it, unless a hand moved it within so long. */
const MOVES_MS = 1000

/** A browser that holds on to the end by itself needs no script for each row that comes. */
const holdsOn = typeof CSS !== 'undefined' && CSS.supports('overflow-anchor', 'auto')

export function StreamPane({ workspace, stream }: { workspace: Workspace; stream: Stream }) {
  const box = useRef<HTMLDivElement>(null)
  const atEnd = useSignal(true)
  const shown = useSignal(WINDOW)
  /** How far from the end the reader was, so that what is put above moves nothing under them. */
  const fromEnd = useRef<number | null>(null)
  /** Where the page last put the reader, or saw them, and when they last moved something. */
  const lastTop = useRef(0)
  const movedAt = useRef(0)
  const toEnd = () => {
    const element = box.current
    if (!element) return
    const end = element.scrollHeight - element.clientHeight
    // A browser that holds on to the end is there already.
    if (Math.abs(end - element.scrollTop) >= 1) element.scrollTop = end
    lastTop.current = element.scrollTop
  }
  const stay = () => { if (atEnd.peek()) toEnd() }
  useLayoutEffect(() => {
    // The dock below that grows and shrinks, rows that get their true height when they are seen: the end stays the end.
    // Told of it after the layout and before the frame; asking where the end is any earlier costs a second layout.
    const rows = box.current?.firstElementChild
    const observer = new ResizeObserver(() => {
      stay()
      // From here on the browser holds on to the end by itself; it holds on to nothing where nothing could be scrolled yet.
      if (holdsOn && rows && (box.current?.scrollTop ?? 0) > 0) observer.unobserve(rows)
    })
    for (const element of [box.current, rows]) if (element) observer.observe(element)
    return () => observer.disconnect()
  }, [stream])
  useLayoutEffect(() => {
    const moved = () => { movedAt.current = performance.now() }
    for (const name of ['wheel', 'touchmove', 'pointerdown', 'keydown'] as const) box.current?.addEventListener(name, moved, { passive: true })
  }, [])
  useEffect(() => effect(() => {
    if (stream.rested.value) stay()
  }), [stream])
  const goUp = async () => {
    const element = box.current
    const hidden = hiddenIn(stream)
    if (!element || (hidden === 0 && !stream.hasOlder.value)) return
    if (hidden < MORE && stream.hasOlder.value) await stream.readOlder()
    fromEnd.current = element.scrollHeight - element.scrollTop
    shown.value += MORE
  }
  const onScroll = () => {
    const element = box.current
    if (!element) return
    const near = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX
    // Rows that leave move the place too, and those that come then the end from it: only who goes up themselves leaves the end.
    const byHand = !stream.isUnderWay() || performance.now() - movedAt.current < MOVES_MS
    if (near || (element.scrollTop < lastTop.current && byHand)) atEnd.value = near
    if (atEnd.peek() && !near) toEnd()
    lastTop.current = element.scrollTop
    if (atEnd.value && shown.peek() > WINDOW * 3) shown.value = WINDOW
    if (element.scrollTop < NEAR_PX && fromEnd.current === null) void goUp()
  }
  return (
    <div class="scrolled">
      {/* The log itself is silent: every changed card would be read out. What matters is said by the status line. */}
      <div class="scroll" ref={box} onScroll={onScroll} tabIndex={0} role="log" aria-live="off" aria-label="What happened">
        <div class={`stream ${shown.value > WINDOW ? 'long' : ''} ${workspace.error ? 'failing' : ''} ${isMending(workspace) ? 'mending' : ''}`}>
          <Rows workspace={workspace} stream={stream} shown={shown.value} box={box} fromEnd={fromEnd} goUp={goUp} />
          <div class="end" />
        </div>
      </div>
      <p class="unseen" role="status">{inert(stream.news.value)}</p>
      {!atEnd.value && <button type="button" class="btn jump" onClick={toEnd}><Icon name="i-down" /> Latest</button>}
    </div>
  )
}

interface RowsProps { readonly workspace: Workspace; readonly stream: Stream; readonly shown: number; readonly box: RefObject<HTMLDivElement | null>; readonly fromEnd: RefObject<number | null>; goUp(): Promise<void> }

/** All that each event may change, and nothing else. */
function Rows({ workspace, stream, shown, box, fromEnd, goUp }: RowsProps) {
  const view = stream.view.value
  const thinking = isThinking(workspace, stream)
  const { nodes, count, hidden, tied } = drawRows({ view, workspace, stream, shown, thinking })
  useLayoutEffect(() => {
    const element = box.current
    if (!element || fromEnd.current === null) return
    element.scrollTop = element.scrollHeight - fromEnd.current
    fromEnd.current = null
  }, [view, shown])
  // What fills no screen has nothing to go up in: the rest is read at once.
  useEffect(() => {
    const element = box.current
    if (stream.hasOlder.value && count > 0 && element && element.scrollHeight <= element.clientHeight) void stream.readOlder()
  }, [Math.min(count, WINDOW), stream.hasOlder.value])
  const around = useMemo(() => <Around workspace={workspace} stream={stream} />, [workspace, stream])
  return (
    <>
      {(hidden > 0 || stream.hasOlder.value) && <button type="button" class="btn quiet older" onClick={() => void goUp()}>Earlier</button>}
      {nodes}
      {count === 0 && offlineSince.value !== null && <p class="meta">This session was not read on this device, so nothing of it is kept here.</p>}
      {around}
      {thinking && <Thinking since={view.turnStartedAt} tied={tied} />}
    </>
  )
}

/** Its card stands there, and says why; while it is built again, or the agent mends it, the notice of that does. */
const isMending = (workspace: Workspace): boolean => !!workspace.recovery && !workspace.error && !isOnItsWay(workspace) && stateOf(workspace).name !== 'working'
const recovery = async () => (await import('./recovery-card.tsx')).RecoveryCard

/** Below the rows. */
function Around({ workspace, stream }: { workspace: Workspace; stream: Stream }) {
  return (
    <>
      <Writings stream={stream} />
      {workspace.error && <Failure workspace={workspace} />}
      {isMending(workspace) && <Lazy load={recovery} props={{ workspace }} name="Its recovery" />}
      {stateOf(workspace).word === 'Asleep' && <p class="notice asleep"><Icon name="st-sleeping" /><span><b>Asleep.</b> {workspace.cost ? priceNow(workspace, true) : '$0.00 an hour'}, and the work is kept. {workspace.phase === 'stopped' ? 'So is what you say, until somebody wakes it.' : 'A message wakes it.'}</span></p>}
    </>
  )
}

/** Text as it is written, until the message itself is here. */
function Writings({ stream }: { stream: Stream }) {
  return <>{[...stream.writing.value].map(([key, { kind, text }]) => (kind === 'output' ? null : <Prose key={key} text={text} class={`text writing ${kind === 'thought' ? 'dim' : ''}`} />))}</>
}

/** Between calls something must say that work goes on. */
function isThinking(workspace: Workspace, stream: Stream): boolean {
  const last = stream.view.value.cards.at(-1)
  return stateOf(workspace).name === 'working' && stream.writing.value.size === 0 && last?.kind !== 'turn' && !(last?.kind === 'tool' && last.status === 'running')
}

function Thinking({ since, tied }: { since: number | null; tied: boolean }) {
  return <p class={`tool live thinking ${tied ? 'up' : ''}`}><Icon name="st-working" /><b>Thinking</b><Since at={since} /></p>
}

function Since({ at }: { at: number | null }) {
  return at === null ? null : <span class="result">{elapsed(now.value - at)}</span>
}

/** The agent's list, above where one speaks: what it does now, and how far it is. */
export function Plan({ stream }: { stream: Stream }) {
  const entries = useSteady(() => stream.rested.value.plan, [stream])
  const done = entries.filter(({ status }) => status === 'completed').length
  if (entries.length === 0 || done === entries.length) return null
  const current = entries.find(({ status }) => status === 'in_progress') ?? entries.find(({ status }) => status === 'pending')
  return (
    <details class="plan-strip">
      <summary>
        <span class="meta">{done} of {entries.length}</span>
        <span class="grow cut">{inert(current?.text ?? '')}</span>
        <Icon name="i-down" class="fold" />
      </summary>
      <ol><PlanEntries entries={entries} /></ol>
    </details>
  )
}

export function PlanEntries({ entries }: { entries: readonly PlanEntry[] }) {
  return <>{entries.map(({ text, status }, index) => <li key={index} class={status}><Icon name={status === 'completed' ? 'i-check' : status === 'in_progress' ? 'st-working' : 'st-idle'} /><span>{inert(text)}<span class="unseen">, {status.replace('_', ' ')}</span></span></li>)}</>
}

function Failure({ workspace }: { workspace: Workspace }) {
  const step = workspace.steps.find((candidate) => candidate.step === workspace.step)
  return (
    <section class="failure" aria-label="Why it failed">
      <h3><Icon name="i-x" /> {step ? `Failed: ${inert(step.title.toLowerCase())}` : 'Failed'}</h3>
      <pre class="out" tabIndex={0}>{inert(workspace.error?.message ?? '')}</pre>
      {workspace.error?.hint && <p>{inert(workspace.error.hint)}</p>}
      {workspace.phase === 'failed' && <button type="button" class="btn" onClick={() => void wake(workspace)}>Try again</button>}
    </section>
  )
}
