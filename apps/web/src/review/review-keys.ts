import type { Decider } from './decider.ts'

interface Around { /** The room's element. */ pane: HTMLElement | null; /** A question waits for y or n. */ asked: boolean; sheet: boolean }

/** a accept, r reject, c comment, e edit, u undo, w wide, n and p hunk, [ ] j k and arrows file. Never while somebody writes. */
export function listenToKeys(act: Decider, around: () => Around): () => void {
  const stop = new AbortController()
  const keys: Record<string, () => void> = {
    a: act.accept, r: act.reject, c: act.comment, e: act.edit, u: act.undo, w: act.widen,
    n: () => act.hunk(1), p: () => act.hunk(-1),
    ']': () => act.file(1), j: () => act.file(1), ArrowRight: () => act.file(1),
    '[': () => act.file(-1), k: () => act.file(-1), ArrowLeft: () => act.file(-1),
  }
  // Before the page's own keys: within this room a letter is the room's.
  document.addEventListener('keydown', (event) => {
    const work = keys[event.key]
    if (!work || !meant(event, around())) return
    event.preventDefault()
    // Held down it would decide about what nobody has seen yet.
    if (!event.repeat || !'aru'.includes(event.key)) work()
  }, { signal: stop.signal, capture: true })
  return () => stop.abort()
}

/** Outside of the room these belong to the page: its list, its composer, its question. */
const THE_PAGES = new Set(['c', 'j', 'k', 'n', 'ArrowLeft', 'ArrowRight'])

/** Whether a key is for the review, and not for a field, another room or the question that waits. */
function meant(event: KeyboardEvent, { pane, asked, sheet }: Around): boolean {
  if (sheet || pane === null || event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey) return false
  const at = event.target instanceof Element ? event.target : null
  if (at?.closest('textarea, input, select, [contenteditable], .terminal, dialog, [role="tablist"]')) return false
  // What is asked goes before what is reviewed.
  if (asked && event.key === 'n') return false
  if (at === null || !pane.contains(at)) return !THE_PAGES.has(event.key)
  return !(event.key.startsWith('Arrow') && at.closest('.diff.scrolls'))
}
