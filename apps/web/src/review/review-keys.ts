import type { Decider } from './decider.ts'

interface Around { /** The room's element. */ pane: HTMLElement | null; /** A question waits for y or n. */ asked: boolean; sheet: boolean }

/** a accept, r reject, c comment, e edit, u undo, n and p hunk, [ ] j k and arrows file. Never while somebody writes. */
export function listenToKeys(act: Decider, around: () => Around): () => void {
  const stop = new AbortController()
  const keys: Record<string, () => void> = {
    a: act.accept, r: act.reject, c: act.comment, e: act.edit, u: act.undo,
    n: () => act.hunk(1), p: () => act.hunk(-1),
    ']': () => act.file(1), j: () => act.file(1), ArrowRight: () => act.file(1),
    '[': () => act.file(-1), k: () => act.file(-1), ArrowLeft: () => act.file(-1),
  }
  document.addEventListener('keydown', (event) => {
    const work = keys[event.key]
    if (!work || !meant(event, around())) return
    event.preventDefault()
    work()
  }, { signal: stop.signal })
  return () => stop.abort()
}

/** Whether a key is for the review, and not for a field, another room or the question that waits. */
function meant(event: KeyboardEvent, { pane, asked, sheet }: Around): boolean {
  if (sheet || pane === null || event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey) return false
  const at = event.target instanceof Element ? event.target : null
  if (at?.closest('textarea, input, select, [contenteditable], .terminal, dialog, [role="tablist"]')) return false
  const arrow = event.key.startsWith('Arrow')
  if (at !== null && pane.contains(at)) return !(arrow && at.closest('.diff.scrolls'))
  // Elsewhere on the page n answers the question, and arrows scroll.
  return !arrow && !(asked && event.key === 'n')
}
