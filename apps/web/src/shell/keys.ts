/** The whole page by keyboard. A key means something only outside of fields; in a dialog the dialog has them. */
import { ordered } from '../inbox/order.ts'
import { go, pathTo, route, trouble, workspaces } from '../state/session.ts'
import { lazySheet, sheet } from './sheets.ts'
import { menu } from './menu.tsx'

const GO_WITHIN_MS = 1200

export function listenToKeys(): void {
  let goingSince = 0
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.isComposing) return
    const command = event.metaKey || event.ctrlKey
    if (command && event.key.toLowerCase() === 'k') {
      event.preventDefault()
      return openPalette()
    }
    if (event.altKey && /^Digit[1-9]$/.test(event.code)) return openNth(Number(event.code.slice(5)) - 1, event)
    if (command || event.altKey || isTaken(event)) return
    const going = Date.now() - goingSince < GO_WITHIN_MS
    goingSince = event.key === 'g' ? Date.now() : 0
    const act = going ? GOING[event.key] : KEYS[event.key]
    if (act?.() === true) event.preventDefault()
  })
}

/** Another one over it would leave this one open for the keys when it is closed. */
function openPalette(): void {
  if (sheet.value === null) lazySheet('palette')
}

/** In a field, a dialog or a terminal the keys are theirs. One that is held down walks the list, and answers nothing. */
function isTaken({ target, repeat, key }: KeyboardEvent): boolean {
  if (repeat && key !== 'j' && key !== 'k') return true
  if (sheet.value || menu.value) return true
  return target instanceof Element && target.closest('textarea, input, select, .terminal, dialog, [contenteditable]') !== null
}

function openNth(index: number, event: KeyboardEvent): void {
  const workspace = ordered(workspaces.value ?? [])[index]
  if (!workspace) return
  event.preventDefault()
  go(pathTo(workspace.id))
}

/** True: the key was ours. */
type Act = () => boolean
const to = (pane: Parameters<typeof pathTo>[1]): Act => () => {
  const at = route.value
  if (at.at === 'workspace') go(pathTo(at.id, pane))
  return at.at === 'workspace'
}
const GOING: Readonly<Record<string, Act>> = {
  r: to('changes'), t: to('terminal'), f: to('files'), c: to('chat'), s: to('status'), p: to('preview'),
  i: () => { go('/'); return true },
  l: () => { go('/grid'); return true },
  n: () => { go('/new'); return true },
  ',': () => { go('/settings'); return true },
}

const KEYS: Readonly<Record<string, Act>> = {
  '?': () => { lazySheet('keys'); return true },
  '/': () => { lazySheet('palette'); return true },
  n: () => answer('.deny'),
  y: () => answer('.allow'),
  c: () => focus('.composer textarea'),
  '.': () => press(seen('.top button[aria-haspopup]')[0]),
  j: () => step(1),
  k: () => step(-1),
  Escape: leave,
}

function focus(selector: string): boolean {
  const element = document.querySelector<HTMLElement>(selector)
  element?.focus()
  return element !== null
}

const seen = (selector: string) => [...document.querySelectorAll<HTMLButtonElement>(selector)].filter((candidate) => candidate.offsetParent !== null)

/** The question that has the focus. Among several that have it not, the first gets it: a key answers none that is not meant. */
function answer(selector: string): boolean {
  const own = document.activeElement?.closest('.ask')
  const found = seen(`.ask ${selector}`)
  if (own) return press(found.find((candidate) => own.contains(candidate)))
  if (found.length < 2) return press(found[0])
  found[0]?.focus()
  return true
}

/** One that must be held only gets the focus: a key is no hold. */
function press(button: HTMLButtonElement | undefined): boolean {
  if (!button || button.disabled) return false
  if (button.classList.contains('hold') || button.type === 'submit') button.focus()
  else button.click()
  return true
}

/** Down and up the list; the row that has the focus is the current one. */
function step(by: number): boolean {
  // A room with a list of its own answers j and k itself.
  if (document.activeElement?.closest('.room')) return false
  const rows = [...document.querySelectorAll<HTMLElement>('.item, .ask a.head, .tile')].filter((row) => row.offsetParent !== null)
  const at = rows.findIndex((row) => row === document.activeElement || row.getAttribute('aria-current') === 'page')
  const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))]
  next?.focus()
  return next !== undefined
}

/** Closes what is open on the way out: the refusal, the room, the workspace. */
function leave(): boolean {
  const at = route.value
  if (trouble.value) trouble.value = null
  else if (at.at === 'workspace' && at.pane !== 'chat') go(pathTo(at.id))
  else if (at.at !== 'list') go('/')
  else return false
  return true
}
