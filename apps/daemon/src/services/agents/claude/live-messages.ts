/**
 * Joins the agent's text as it is displayed with the same text as it is written down. The two come by different ways,
 * in either order, and share no id: an answer is displayed as one text, line by line, under an id of its own; the
 * transcript has a line for each of its blocks. Whoever looks replaces live text by the message of the same id, so a
 * message that ends live text is journaled under the live text's id.
 */
import type { SessionId } from '@berth/wire'
import type { LivePiece } from '../../../contracts.ts'
import type { Fact } from './transcript.ts'

export interface Displayed { readonly messageId: string; readonly delta: string; readonly final: boolean }
export interface LiveMessages {
  displayed(line: Displayed): void
  /** The fact under the id of the live text that it ends, if there is one. */
  named(fact: Fact): Fact
}

/** Answers that are displayed and not written down yet; there is one, and another while the file is read. */
const OPEN_LIMIT = 8
const TEXT_LIMIT = 512 * 1024
/** Written down before it was displayed: it is displayed within moments, or was never to be. */
const EARLY_MS = 10_000
const EARLY_LIMIT = 8
/** Longer ones were cut when they were written down, and are compared by their beginning. */
const WHOLE_LIMIT = 20_000
const COMPARED = 2000

interface Open { readonly id: string; text: string; /** So much of it is in stored messages. */ stored: number; sent: number; part: number; final: boolean }
interface Early { text: string; readonly at: number }

export function createLiveMessages(deps: { sessionId: SessionId; now: () => number; live: (piece: LivePiece) => void }): LiveMessages {
  const open = new Map<string, Open>()
  let early: Early[] = []

  const idOf = ({ id, part }: Open): string => (part === 0 ? id : `${id}.${part}`)
  const say = (one: Open, append: string, last: boolean): void => {
    if (append !== '' || last) deps.live({ kind: 'text', sessionId: deps.sessionId, messageId: idOf(one), role: 'agent', append, last })
  }

  /** The text of `one` up to here is in a stored message; what is left of it is another one. */
  function store(one: Open, units: number, named: boolean): void {
    if (one.sent > one.stored) say(one, '', true)
    // An id that nobody has seen is still free.
    if (named || one.sent > one.stored) one.part += 1
    one.stored += units
    one.sent = one.stored
    if (one.final && one.text.slice(one.stored).trim() === '') open.delete(one.id)
  }

  function send(one: Open): void {
    if (one.sent >= one.text.length) return
    const append = one.text.slice(one.sent)
    one.sent = one.text.length
    say(one, append, one.final)
  }

  /** True: what is displayed may be what was written down already, and is not shown. */
  function isStored(one: Open): boolean {
    for (;;) {
      const rest = one.text.slice(one.stored)
      const found = early.find(({ text }) => agree(rest, text) !== null)
      if (found === undefined) return false
      const units = agree(rest, found.text)
      if (units === null || units === 'more') return rest.trim() !== ''
      early = early.filter((candidate) => candidate !== found)
      store(one, units, false)
      if (one.text.slice(one.stored).trim() === '') return true
    }
  }

  function match(text: string): string | null {
    for (const one of open.values()) {
      const rest = one.text.slice(one.stored)
      const units = agree(rest, text)
      if (units === null) continue
      // Those before it are of answers that are over.
      for (const before of [...open.keys()].slice(0, [...open.keys()].indexOf(one.id))) open.delete(before)
      const id = idOf(one)
      // The display is behind: the rest of this message is not to be shown as another one.
      if (units === 'more') early.push({ text: text.trim().slice(rest.trim().length), at: deps.now() })
      store(one, units === 'more' ? rest.length : units, true)
      send(one)
      return id
    }
    return null
  }

  return {
    displayed({ messageId, delta, final }) {
      early = early.filter(({ at }) => deps.now() - at < EARLY_MS)
      const one: Open = open.get(messageId) ?? { id: messageId, text: '', stored: 0, sent: 0, part: 0, final: false }
      if (!open.has(messageId) && open.size >= OPEN_LIMIT) open.delete(open.keys().next().value ?? '')
      open.set(messageId, one)
      if (one.text.length + delta.length > TEXT_LIMIT) return
      one.text += delta
      one.final = final
      if (!isStored(one)) send(one)
      if (final && one.text.slice(one.stored).trim() === '') open.delete(messageId)
    },
    named(fact) {
      if (fact.kind !== 'event' || fact.body.type !== 'message' || fact.body.role !== 'agent') return fact
      const id = match(fact.body.text)
      if (id !== null) return { ...fact, body: { ...fact.body, messageId: id } }
      early = [...early, { text: fact.body.text, at: deps.now() }].slice(-EARLY_LIMIT)
      return fact
    },
  }
}

/**
 * How much of what is displayed the text takes up; `more`: all of it, and the text goes on. Null: they are not the
 * same, or nothing is displayed.
 */
function agree(displayed: string, text: string): number | 'more' | null {
  const [shown, wanted] = [displayed.trim(), text.trim()]
  if (shown === '' || wanted === '') return null
  if (wanted.length > WHOLE_LIMIT) {
    const compared = Math.min(COMPARED, shown.length)
    return shown.slice(0, compared) === wanted.slice(0, compared) ? displayed.length : null
  }
  if (shown.startsWith(wanted)) return displayed.length - displayed.trimStart().length + wanted.length
  return wanted.startsWith(shown) ? 'more' : null
}
