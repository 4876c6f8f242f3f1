/**
 * One workspace's events as they come: the first at once, while the frame is still waited for, what follows on it at
 * most once per frame. A replay of thousands costs as many drawings as it takes frames to arrive, not as many as there
 * are events.
 */
import { signal, type ReadonlySignal } from '@preact/signals'
import type { EventBody, StoredEvent, WorkspaceId } from '@berth/wire'
import type { LiveItem } from '@berth/wire/live'
import { createPace, whenItRests } from './pace.ts'
import { client, serverNow, workspaceOf } from './session.ts'
import { isOf, sessionShown } from './sessions.ts'
import { emptyView, fold, type StreamView } from './stream-view.ts'

export interface Stream {
  readonly id: WorkspaceId
  readonly view: ReadonlySignal<StreamView>
  /** The same, once the page rests: for what stands around the rows, which is another after few events. */
  readonly rested: ReadonlySignal<StreamView>
  /** Text and output as they are written, by the id of the message or call they belong to. */
  readonly writing: ReadonlySignal<ReadonlyMap<string, Writing>>
  /** The latest thing worth saying aloud. */
  readonly news: ReadonlySignal<string>
  /** Older ones are stored and not here. */
  readonly hasOlder: ReadonlySignal<boolean>
  /** Something came and was drawn, and its frame has not begun. */
  isUnderWay(): boolean
  /** The seq after which nothing was taken yet. */
  cursor(): number
  take(events: readonly StoredEvent[]): void
  live(items: readonly LiveItem[]): void
  restart(floor: number): void
  /** Only what comes after it is read; the rest when somebody goes up. */
  startAt(seq: number): void
  /** What the page was given with itself: the events end at `after`, and begin somewhere. */
  begin(events: readonly StoredEvent[], after: number, whole?: boolean): void
  readOlder(): Promise<void>
  /** Another session is looked at. */
  again(): void
  events(): readonly StoredEvent[]
  close(): void
}
export interface Writing { readonly kind: 'agent' | 'thought' | 'output'; readonly text: string }

/** Events kept to be folded again when older ones are put before them. */
const KEPT_LIMIT = 4000
const OLDER_PAGE = 250
/** Of text that is being written: more than anybody reads before the message itself comes. */
const WRITING_LIMIT = 64 * 1024

export function createStream(id: WorkspaceId): Stream {
  const view = signal<StreamView>(emptyView)
  const rested = signal<StreamView>(emptyView)
  const writing = signal<ReadonlyMap<string, Writing>>(new Map())
  const news = signal('')
  const hasOlder = signal(false)
  const openedAt = serverNow()
  let kept: StoredEvent[] = []
  let after = 0
  let closed = false
  let waiting: StoredEvent[] = []
  let items: LiveItem[] = []
  let reading: Promise<void> | null = null
  const shown = () => sessionShown(workspaceOf(id))
  const ofShown = (events: readonly StoredEvent[]) => {
    const session = shown()
    return session ? events.filter((event) => isOf(event, session)) : events
  }
  const show = (next: StreamView) => (view.value = rested.value = next)
  const rest = () => { if (!closed) rested.value = view.peek() }
  const draw = () => {
    const events = ofShown(waiting)
    const came = waiting
    waiting = []
    if (came.length > 0) {
      kept = kept.concat(came)
      if (kept.length > KEPT_LIMIT) {
        kept = kept.slice(-KEPT_LIMIT)
        hasOlder.value = true
      }
      if (view.peek() === rested.peek()) whenItRests(rest)
      view.value = fold(view.peek(), events)
      const said = events.findLast((event) => event.at > openedAt && announcement(event.body as EventBody) !== null)
      if (said) news.value = announcement(said.body as EventBody) ?? ''
    }
    writing.value = write(writing.value, items, events)
    items = []
  }
  const { arm, isUnderWay } = createPace(draw, () => !closed && waiting.length + items.length > 0)
  return {
    id, view, rested, writing, news, hasOlder, isUnderWay,
    cursor: () => after,
    events: () => kept,
    take(events) {
      for (const event of events) {
        if (event.seq <= after) continue
        // The first that comes says where the kept ones begin.
        if (kept.length === 0 && waiting.length === 0 && event.seq > 1) hasOlder.value = true
        after = event.seq
        waiting.push(event)
      }
      if (waiting.length > 0) arm()
    },
    live(more) {
      const session = shown()
      items.push(...more.filter((item) => !session || item.sessionId === session.id))
      arm()
    },
    restart(floor) {
      kept = []
      waiting = []
      after = floor
      show(emptyView)
    },
    startAt(seq) {
      after = seq
      hasOlder.value = seq > 0
    },
    begin(events, at, whole = false) {
      kept = [...events]
      after = at
      show(fold(emptyView, ofShown(events)))
      hasOlder.value = !whole && (events[0]?.seq ?? 1) > 1
    },
    readOlder() {
      const first = kept[0]?.seq ?? after + 1
      if (first <= 1) hasOlder.value = false
      if (!hasOlder.value) return Promise.resolve()
      reading ??= older(id, first).then((events) => {
        hasOlder.value = (events[0]?.seq ?? 1) > 1 && events.length > 0
        kept = [...events, ...kept]
        show(fold(emptyView, ofShown(kept)))
      }, () => undefined).finally(() => (reading = null))
      return reading
    },
    again() {
      show(fold(emptyView, ofShown(kept)))
      writing.value = new Map()
    },
    close: () => (closed = true),
  }
}

async function older(id: WorkspaceId, before: number): Promise<StoredEvent[]> {
  const { events } = await client.listEvents({ id, after: Math.max(0, before - 1 - OLDER_PAGE), limit: OLDER_PAGE })
  return events.filter(({ seq }) => seq < before)
}

/** A part that does not follow what is here was missed: then the message itself is waited for. */
function write(before: ReadonlyMap<string, Writing>, items: readonly LiveItem[], events: readonly StoredEvent[]): ReadonlyMap<string, Writing> {
  if (items.length === 0 && before.size === 0) return before
  const next = new Map(before)
  for (const item of items) append(next, item)
  for (const { body } of events) finish(next, body as EventBody)
  return next
}

function append(writing: Map<string, Writing>, item: LiveItem): void {
  const key = item.kind === 'text' ? item.messageId : item.toolCallId
  const known = writing.get(key)?.text ?? ''
  if (item.at > known.length || item.at > WRITING_LIMIT) return
  writing.set(key, { kind: item.kind === 'text' ? item.role : 'output', text: known.slice(0, item.at) + item.append })
}

/** What is stored takes the place of what was written. */
function finish(writing: Map<string, Writing>, body: EventBody): void {
  if (body.type === 'message') writing.delete(body.messageId)
  if (body.type === 'tool' && body.status !== 'running' && body.status !== 'pending') writing.delete(body.toolCallId)
  if (body.type === 'turn.ended') writing.clear()
}

function announcement(body: EventBody): string | null {
  switch (body.type) {
    case 'approval.asked': return `Needs you: ${body.ask.title}`
    case 'approval.decided': return `${body.decision.behavior === 'allow' ? 'Allowed' : 'Denied'} by ${body.by.who}`
    case 'turn.ended': return body.outcome === 'done' ? 'Turn done' : body.outcome === 'interrupted' ? 'Turn interrupted' : 'Turn ended with an error'
    default: return null
  }
}
