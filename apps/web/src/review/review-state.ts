/** One open review: what was read, where one is, and what a person does with it. */
import { signal, type ReadonlySignal, type Signal } from '@preact/signals'
import type { WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import type { Review, ReviewComment } from '@berth/wire/review'
import { workspaceCan } from '@berth/wire/workspace-can'
import { keep, kept } from '../rooms/keep.ts'
import { refusalOf, type Refusal } from '../rooms/loaded.ts'
import { client, serverNow, signedOut, workspaceOf } from '../state/session.ts'
import { holdTaps } from '../state/taps.ts'
import { AT_END, goneWords, nextOpen, settle, unitsOf, type Place, type Unit } from './place.ts'

const UNDO_MS = 5000
/** Of one request; the rest follows in the next. */
const MARKS_AT_ONCE = 5000

interface Said { readonly text: string; readonly undo: (() => void) | null }
type Mark = 'open' | 'accepted' | 'rejected'
export interface ReviewRoom {
  readonly review: ReadonlySignal<Review | null>
  /** When what is shown was read, while it cannot be read anew; null when it is what the server says now. */
  readonly asOf: ReadonlySignal<number | null>
  readonly refusal: Signal<Refusal | null>
  readonly acting: ReadonlySignal<boolean>
  readonly place: Signal<Place>
  readonly said: Signal<Said | null>
  /** Can be taken back by the header's arrow. */
  readonly canUndo: ReadonlySignal<boolean>
  read(): Promise<void>
  loadHuge(path: string): Promise<void>
  /** It was asked for, and is more than can be shown. */
  tooLarge(path: string): boolean
  mark(units: readonly Pick<Unit, 'path' | 'hunkId'>[], mark: Mark, rest: { reason?: string; words: string }): Promise<boolean>
  undo(): void
  edit(at: { path: string; hunkId: string }, text: string): Promise<boolean>
  comment(at: Pick<ReviewComment, 'path' | 'side' | 'line' | 'quote'>, text: string): Promise<boolean>
  uncomment(commentId: string): Promise<boolean>
  send(note: string): Promise<boolean>
  say(text: string, undo?: () => void): void
  close(): void
}

export function openReview(id: WorkspaceId): ReviewRoom {
  const review = signal<Review | null>(null)
  const asOf = signal<number | null>(null)
  const refusal = signal<Refusal | null>(null)
  const acting = signal(false)
  const place = signal<Place>(AT_END)
  const said = signal<Said | null>(null)
  const stop = new AbortController()
  let begun = false
  /** What was asked for before a person did something is older than the answer to that. */
  let acts = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  /** Huge files that were asked for stay open over a fresh reading, with the tree in which they were read. */
  const opened: Opened = new Map()

  const show = (next: Review) => {
    const files = next.files.map((file) => {
      const read = file.huge && file.hunks.length === 0 ? opened.get(file.path) : undefined
      return read ? { ...file, hunks: read.hunks.map((hunk) => ({ ...hunk, mark: file.mark })) } : file
    })
    review.value = { ...next, files }
    place.value = settle(review.value, place.value, begun)
    begun = true
  }
  const fresh = (next: Review) => {
    show(next)
    asOf.value = null
    void keep(`review:${id}`, next)
  }
  const say = (text: string, undo?: () => void) => {
    said.value = { text, undo: undo ?? null }
    clearTimeout(timer)
    timer = setTimeout(() => (said.value = null), UNDO_MS)
  }
  const act = async (work: () => Promise<unknown>): Promise<boolean> => {
    if (acting.value) return false
    acting.value = true
    acts += 1
    try {
      await work()
      refusal.value = null
      return true
    } catch (error) {
      refusal.value = refusalOf(error)
      if (refusal.value.code === 'unauthorized') signedOut.value = true
      return false
    } finally {
      acting.value = false
    }
  }
  const read = async () => {
    const before = acts
    try {
      requireMachine(id)
      const next = await client.getReview({ id }, stop.signal)
      if (!acting.value && acts === before) fresh(next)
      refusal.value = null
    } catch (error) {
      if (stop.signal.aborted) return
      refusal.value = refusalOf(error)
      if (refusal.value.code === 'unauthorized') signedOut.value = true
      const last = await kept<Review>(`review:${id}`)
      if (last && review.value === null) show(last.value)
      if (asOf.value === null) asOf.value = last?.at ?? serverNow()
    }
  }
  return {
    review, asOf, refusal, acting, place, said, read, say,
    tooLarge: (path) => opened.get(path)?.hunks.length === 0,
    async loadHuge(path) {
      await act(async () => {
        const { tree, files } = await client.getReview({ id, only: path })
        const file = files.find((candidate) => candidate.path === path)
        if (!file || !review.value) return
        opened.set(path, { tree, hunks: file.hunks })
        show(review.value)
      })
    },
    ...marking({ id, review, opened, place, act, fresh, say }),
    ...remarks({ id, review, act, fresh, say }),
    close() {
      stop.abort()
      clearTimeout(timer)
    },
  }
}

/** In the server's words, without asking it: it would only be an error in the browser's log. */
function requireMachine(id: WorkspaceId): void {
  const workspace = workspaceOf(id)
  if (workspace && !workspaceCan('diff', workspace.phase)) throw new BerthError('workspace_not_running', `${workspace.name} is ${workspace.phase}`)
}

type Opened = Map<string, { readonly tree: string; readonly hunks: Review['files'][number]['hunks'] }>
interface MarkDeps extends RemarkDeps { opened: Opened; place: Signal<Place>; say(text: string, undo?: () => void): void }

function marking({ id, review, opened, place, act, fresh, say }: MarkDeps): Pick<ReviewRoom, 'mark' | 'undo' | 'canUndo'> {
  const canUndo = signal(false)
  const past: { units: readonly Pick<Unit, 'path' | 'hunkId'>[]; words: string }[] = []
  const send = async (units: readonly Pick<Unit, 'path' | 'hunkId'>[], mark: Mark, reason?: string): Promise<{ gone: string[]; because: string | null }> => {
    const gone: string[] = []
    let because: string | null = null
    // A huge file is decided as it was when it was read, which may be a while ago.
    const [first] = units
    const read = units.length === 1 && first?.hunkId === null ? opened.get(first.path) : undefined
    for (let at = 0; at < units.length; at += MARKS_AT_ONCE) {
      const marks = units.slice(at, at + MARKS_AT_ONCE).map(({ path, hunkId }) => ({ path, mark, ...(hunkId === null ? {} : { hunkId }), ...(reason ? { reason } : {}) }))
      const answer = await client.markHunks({ id, tree: read?.tree ?? review.value?.tree ?? '', marks })
      if (read && answer.gone.length > 0) opened.delete(first?.path ?? '')
      fresh(answer.review)
      gone.push(...answer.gone)
      because = answer.because ?? because
    }
    return { gone, because }
  }
  const undo = () => {
    const last = past.at(-1)
    if (!last) return
    // While something else is under way, or where it is refused, nothing is forgotten.
    void act(async () => {
      await send(last.units, 'open')
      past.pop()
      canUndo.value = past.length > 0
      const [first] = last.units
      if (first) place.value = { path: first.path, hunkId: first.hunkId }
      say(`Taken back: ${last.words}`)
    })
  }
  return {
    canUndo, undo,
    mark: (units, mark, { reason, words }) => act(async () => {
      const { gone, because } = await send(units, mark, reason)
      const undone = goneWords(gone, because)
      if (undone) return say(undone)
      if (mark === 'open') return say(words)
      past.push({ units, words })
      canUndo.value = true
      say(words, undo)
      holdTaps()
      // A single decision leads to the next one; a whole file or turn may have left nothing open.
      if (review.value) place.value = nextOpen(review.value, place.value)
    }),
  }
}

interface RemarkDeps { id: WorkspaceId; review: ReadonlySignal<Review | null>; act(work: () => Promise<unknown>): Promise<boolean>; fresh(review: Review): void; say(text: string): void }

function remarks({ id, review, act, fresh, say }: RemarkDeps): Pick<ReviewRoom, 'edit' | 'comment' | 'uncomment' | 'send'> {
  return {
    edit: (at, text) => act(async () => {
      if (!review.value) return
      fresh(await client.editHunk({ id, tree: review.value.tree, path: at.path, hunkId: at.hunkId, text }))
      say('Your version stands, and is accepted')
    }),
    comment: (at, text) => act(async () => {
      await client.addComment({ id, path: at.path, side: at.side, line: at.line, quote: at.quote, text })
      fresh(await client.getReview({ id }))
    }),
    uncomment: (commentId) => act(async () => {
      await client.removeComment({ id, commentId })
      fresh(await client.getReview({ id }))
    }),
    send: (note) => act(async () => {
      const answer = await client.sendReview({ id, ...(note.trim() === '' ? {} : { note: note.trim() }) })
      fresh(await client.getReview({ id }))
      say(answer.sent === 0 ? 'There was nothing to tell' : `Told the agent: ${answer.sent} ${answer.sent === 1 ? 'remark' : 'remarks'}`)
    }),
  }
}

export function openUnits(review: Review, path?: string): Unit[] {
  return unitsOf(review).filter((unit) => unit.mark === 'open' && (path === undefined || unit.path === path))
}
