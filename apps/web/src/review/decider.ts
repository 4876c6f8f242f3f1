/** What a person's tap or key does at the place where the review stands. */
import type { Signal } from '@preact/signals'
import type { Hunk, Review } from '@berth/wire/review'
import { plural } from '../ui/words.ts'
import type { LineAt } from './diff.tsx'
import type { HunkChoice, ReviewChoice } from './choice-sheets.tsx'
import { look } from './look.ts'
import { newText, AT_END, nextOpen, stepFile, stepHunk, unitsOfFile, type Unit } from './place.ts'
import { copy } from '../shell/copy.ts'
import { openUnits, type ReviewRoom } from './review-state.ts'
import { linesOf } from './rows.ts'

/** The sheet that is open over the review. */
export type Open =
  | { sheet: 'comment'; at: LineAt | null; hunk: Hunk; path: string } | { sheet: 'edit' | 'hunk'; hunk: Hunk; path: string }
  | { sheet: 'reject'; title: string; reject: (reason: string) => Promise<boolean> }
  | { sheet: 'review' | 'files' | 'commit' | 'checkpoints' }

export interface Decider {
  accept(): void
  reject(): void
  comment(): void
  edit(): void
  undo(): void
  /** The room takes the place of the conversation, or gives it back. */
  widen(): void
  hunk(by: 1 | -1): void
  file(by: 1 | -1): void
  choose(choice: HunkChoice, hunk: Hunk, path: string): void
  whole(choice: Extract<ReviewChoice, 'accept-all' | 'reject-all' | 'accept-file' | 'reject-file'>): void
}

interface At { review: Review; unit: Unit; hunk: Hunk | null; words: string }

export function decider({ room, open, off }: { room: ReviewRoom; open: Signal<Open | null>; off: () => boolean }): Decider {
  /** The hunk or file where one stands; null on the last page. */
  const here = (): At | null => {
    const review = room.review.value
    const { path, hunkId } = room.place.value
    const file = review?.files.find((candidate) => candidate.path === path)
    const unit = file && unitsOfFile(file).find((candidate) => candidate.hunkId === hunkId)
    if (!review || !file || !unit) return null
    const hunk = file.hunks.find((candidate) => candidate.hunkId === hunkId) ?? null
    return { review, unit, hunk, words: hunk ? linesOf(hunk).toLowerCase() : nameOf(file.path) }
  }
  const can = () => !off() && !room.acting.value
  const accept = (units: readonly Unit[], words: string) => void room.mark(units, 'accepted', { words: `Accepted ${words}` })
  const askReject = (units: readonly Unit[], what: string, words: string) => {
    open.value = { sheet: 'reject', title: `Reject ${what}?`, reject: (reason) => room.mark(units, 'rejected', { ...(reason === '' ? {} : { reason }), words: `Rejected ${words}` }) }
  }
  const at = (work: (at: At) => void) => () => {
    const place = here()
    if (place && can()) work(place)
  }
  const openHere = at(({ unit, words }) => accept([unit], words))
  const decider: Decider = {
    accept: () => {
      // On a hunk already accepted the key goes on, so that one key walks the whole review.
      const place = here()
      if (place?.unit.mark === 'accepted') room.place.value = nextOpen(place.review, room.place.value)
      else openHere()
    },
    reject: at(({ unit, words }) => {
      if (unit.mark === 'open' || unit.mark === 'accepted') askReject([unit], words, words)
    }),
    comment: at(({ unit, hunk }) => {
      if (hunk) open.value = { sheet: 'comment', at: null, hunk, path: unit.path }
    }),
    edit: at(({ unit, hunk }) => {
      if (hunk?.mark === 'open') open.value = { sheet: 'edit', hunk, path: unit.path }
    }),
    undo: () => {
      if (can()) room.undo()
    },
    widen: () => (look.value = { ...look.value, full: !look.value.full }),
    hunk: (by) => {
      if (room.review.value) room.place.value = stepHunk(room.review.value, room.place.value, by)
    },
    file: (by) => {
      if (room.review.value) room.place.value = stepFile(room.review.value, room.place.value, by)
    },
    choose(choice, hunk, path) {
      room.place.value = { path, hunkId: hunk.hunkId }
      const unit: Unit = { path, hunkId: hunk.hunkId, mark: hunk.mark, reason: hunk.reason }
      switch (choice) {
        case 'copy': return void copy(newText(hunk))
        case 'reopen': return void room.mark([unit], 'open', { words: `Open again: ${linesOf(hunk).toLowerCase()}` })
        case 'accept': return decider.accept()
        case 'reject': return decider.reject()
        case 'comment': return decider.comment()
        case 'edit': return decider.edit()
        case 'accept-file': case 'reject-file': return decider.whole(choice)
      }
    },
    whole(choice) {
      const review = room.review.value
      const { path } = room.place.value
      if (!review || !can()) return
      const inFile = choice === 'accept-file' || choice === 'reject-file'
      if (inFile && path === null) return
      const units = inFile ? [{ path: path ?? '', hunkId: null, mark: 'open' as const, reason: null }] : openUnits(review)
      const words = inFile ? nameOf(path ?? '') : plural(units.length, 'change')
      if (units.length === 0) return void (room.place.value = AT_END)
      if (choice === 'accept-all' || choice === 'accept-file') accept(units, words)
      else askReject(units, inFile ? words : 'everything that is open', words)
    },
  }
  return decider
}

function nameOf(path: string): string {
  return path.split('/').at(-1) ?? path
}
