/**
 * Text as the agent writes it, on its way to whoever looks: masked, numbered by offsets, a few times a frame and never
 * more. It is of this moment only: what finds no link or a slow one is gone, and the viewer, who sees by the offset
 * that something is missing, waits for the stored message.
 */
import { LIVE_ITEMS_LIMIT } from '@berth/wire/daemon'
import type { LiveItem } from '@berth/wire/live'
import type { LivePiece } from '../contracts.ts'
import { createHoldBack } from '../journal/held-back.ts'
import type { HoldBack } from '../journal/held-back.ts'
import { createMasker } from '../journal/mask.ts'
import type { Masker } from '../journal/mask.ts'

export interface LiveText {
  add(piece: LivePiece): void
  close(): void
}
export interface LiveTextDeps {
  /** Values that may not be shown. Grows. */
  readonly secrets: ReadonlySet<string>
  /** Leaves them out when there is no link, or a slow one. */
  send(items: LiveItem[]): void
  readonly paceMs?: number
}

/** One frame of a screen. */
const PACE_MS = 16
/** As the wire allows for one item. */
const APPEND_LIMIT = 16 * 1024
/** Of one message; a longer one is read from the store. */
const TEXT_LIMIT = 256 * 1024
/** Messages and calls under way at once. */
const STREAMS_LIMIT = 32

interface Stream {
  readonly head: HeadOf<LiveItem>
  /** Not masked yet: it may be the beginning of a secret. */
  held: string
  /** Masked, waiting for the next frame, and where it begins. */
  ready: string
  readyAt: number
  /** `done`: nothing follows. `full`: what follows is read from the store. */
  state: 'open' | 'full' | 'done'
}
interface Rules { readonly mask: Masker; readonly hold: HoldBack }
type HeadOf<T> = T extends LiveItem ? Omit<T, 'at' | 'append'> : never

export function createLiveText(deps: LiveTextDeps): LiveText {
  const streams = new Map<string, Stream>()
  const paceMs = deps.paceMs ?? PACE_MS
  let rules: Rules & { size: number } | null = null
  let timer: ReturnType<typeof setTimeout> | null = null
  let sentAt = Number.NEGATIVE_INFINITY

  /** Made again when a secret is learned, which is seldom. */
  const current = (): NonNullable<typeof rules> => {
    if (rules?.size !== deps.secrets.size) rules = { size: deps.secrets.size, mask: createMasker(deps.secrets), hold: createHoldBack(deps.secrets) }
    return rules
  }

  function streamOf(piece: LivePiece): Stream {
    const { append: _append, last: _last, ...head } = piece
    const key = piece.kind === 'text' ? `text ${piece.messageId}` : `output ${piece.toolCallId}`
    const found = streams.get(key)
    if (found !== undefined) return found
    // The oldest goes; should it say more, its offsets begin anew, which no viewer takes for what it has.
    if (streams.size >= STREAMS_LIMIT) streams.delete(streams.keys().next().value ?? '')
    const made: Stream = { head, held: '', ready: '', readyAt: 0, state: 'open' }
    streams.set(key, made)
    return made
  }

  function flush(): void {
    if (timer !== null) clearTimeout(timer)
    timer = null
    sentAt = performance.now()
    const items: LiveItem[] = []
    for (const [key, stream] of streams) {
      for (let at = 0; at < stream.ready.length && items.length < LIVE_ITEMS_LIMIT; at += APPEND_LIMIT) items.push({ ...stream.head, at: stream.readyAt + at, append: stream.ready.slice(at, at + APPEND_LIMIT) })
      stream.readyAt += stream.ready.length
      stream.ready = ''
      if (stream.state === 'done') streams.delete(key)
    }
    if (items.length > 0) deps.send(items)
  }

  return {
    add(piece) {
      const stream = streamOf(piece)
      if (stream.state === 'open') {
        const { held, shown } = cutSafely(stream.held + piece.append, piece.last, current())
        stream.held = held
        stream.ready += shown
        if (stream.readyAt + stream.ready.length > TEXT_LIMIT) stream.state = 'full'
      }
      if (piece.last) stream.state = 'done'
      const waitMs = sentAt + paceMs - performance.now()
      if (waitMs <= 0) flush()
      else timer ??= setTimeout(flush, waitMs)
    },
    close() {
      if (timer !== null) clearTimeout(timer)
      streams.clear()
    },
  }
}

/** Cut where the rest can neither begin nor end a secret of what is shown. */
function cutSafely(text: string, last: boolean, { mask, hold }: Rules): { held: string; shown: string } {
  const whole = String(mask(text))
  if (last) return { held: '', shown: whole }
  let cut = text.length - hold(text)
  let shown = String(mask(text.slice(0, cut)))
  // A secret that is whole already may reach over the cut.
  while (cut > 0 && !whole.startsWith(shown)) {
    cut -= 1
    shown = String(mask(text.slice(0, cut)))
  }
  return { held: text.slice(cut), shown }
}
