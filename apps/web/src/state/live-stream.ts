/**
 * A workspace's events as they come, drawn at most once per frame: a replay of thousands costs as many drawings as it
 * takes frames to arrive, not as many as there are events.
 */
import { signal, type ReadonlySignal } from '@preact/signals'
import { follow } from '@berth/client'
import type { EventBody, StoredEvent, WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { attempt, endpoint } from './session.ts'
import { emptyView, fold, type StreamView } from './stream-view.ts'

export interface LiveStream {
  readonly view: ReadonlySignal<StreamView>
  readonly connection: ReadonlySignal<'connecting' | 'live' | 'retrying'>
  /** The latest thing worth saying aloud. */
  readonly news: ReadonlySignal<string>
  close(): void
}

/** A page that is not looked at gets no frames. */
const HIDDEN_FRAME_MS = 500
/** Servers end every stream now and then; only a longer silence is worth a word. */
const LOST_AFTER_MS = 1500

export function openLiveStream(id: WorkspaceId): LiveStream {
  const stop = new AbortController()
  const view = signal<StreamView>(emptyView)
  const connection = signal<'connecting' | 'live' | 'retrying'>('connecting')
  const news = signal('')
  const openedAt = Date.now()
  let waiting: StoredEvent[] = []
  const draw = () => {
    const events = waiting
    waiting = []
    if (stop.signal.aborted) return
    view.value = fold(view.value, events)
    const said = events.findLast((event) => event.at > openedAt && announcement(event.body as EventBody) !== null)
    if (said) news.value = announcement(said.body as EventBody) ?? ''
  }
  const take = (event: StoredEvent) => {
    if (waiting.push(event) > 1) return
    if (document.hidden) setTimeout(draw, HIDDEN_FRAME_MS)
    else requestAnimationFrame(draw)
  }
  let lost: ReturnType<typeof setTimeout> | undefined
  const onConnection = (state: 'live' | 'retrying') => {
    if (state === 'retrying') return void (lost ??= setTimeout(() => (connection.value = 'retrying'), LOST_AFTER_MS))
    clearTimeout(lost)
    lost = undefined
    connection.value = 'live'
  }
  const read = async () => {
    while (!stop.signal.aborted) {
      try {
        // The cursor is what was folded or waits to be; `follow` starts at the fold and repeats nothing itself.
        for await (const event of follow(endpoint, id, { after: waiting.at(-1)?.seq ?? view.value.after, signal: stop.signal, onConnection })) take(event)
      } catch (error) {
        if (!(error instanceof BerthError && error.code === 'cursor_gone')) throw error
        waiting = []
        view.value = emptyView
      }
    }
  }
  void attempt(read)
  const close = () => {
    clearTimeout(lost)
    stop.abort()
  }
  return { view, connection, news, close }
}

function announcement(body: EventBody): string | null {
  switch (body.type) {
    case 'approval.asked': return `Needs you: ${body.ask.title}`
    case 'approval.decided': return `${body.decision.behavior === 'allow' ? 'Allowed' : 'Denied'} by ${body.by.who}`
    case 'turn.ended': return body.outcome === 'done' ? 'Turn done' : body.outcome === 'interrupted' ? 'Turn interrupted' : 'Turn ended with an error'
    default: return null
  }
}
