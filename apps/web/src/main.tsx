import { hydrate, render } from 'preact'
import { App } from './app.tsx'
import { begin } from './begin.ts'
import { BOOT_ID, type Boot } from './boot.ts'
import { keepDrafts, openDrafts, takeTyped, typedEarly } from './session/composer.tsx'
import { TWO_PANES, wide } from './shell/detail.tsx'
import { menu } from './shell/menu.tsx'
import { bringParts, needsOf } from './shell/parts.ts'
import { sheet } from './shell/sheets.ts'
import { flush, lateStyle } from './shell/toast.tsx'
import { sayTyping } from './shell/typing.ts'
import { startLive } from './state/live.ts'
import { openOutbox } from './state/outbox.ts'
import { allRoutes, now, parseRoute, route, serverNow, wanted } from './state/session.ts'

/** When nothing else is to be done: what makes the next visit better, not this one. */
const LATER_MS = 4000

async function start(): Promise<void> {
  const root = document.getElementById('app')
  if (!root) return
  // Chosen in the settings of this device.
  const theme = chosenTheme()
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset['theme'] = theme
  // The style stops standing in for what the script does from here on.
  document.documentElement.classList.add('live')
  route.value = parseRoute(location.pathname)
  now.value = serverNow()
  openOutbox()
  const wishes = () => import('./shell/wishes-style.ts')
  if (matchMedia('(forced-colors: active), (prefers-contrast: more)').matches) void wishes().catch(() => undefined)
  const media = matchMedia(TWO_PANES)
  // What the server drew for wide screens is taken over first.
  if (!media.matches) wide.value = false
  const given = document.getElementById(BOOT_ID)?.textContent
  let early: () => void = () => {}
  if (given) {
    // The server wrote it, for this very script.
    const boot = JSON.parse(given) as Boot
    const needs = needsOf(route.value, boot).filter((need) => media.matches || !need.wide)
    if (needs.length > 0) await bringParts(needs.map(({ part }) => part))
    const [typed, here] = [typedEarly(), boot.workspaces.find(({ id }) => id === boot.stream?.id)]
    if (here) early = () => takeTyped(here, typed)
    begin(boot)
    hydrate(<App />, root)
  } else {
    root.textContent = ''
    render(<App />, root)
  }
  now.value = serverNow()
  wide.value = media.matches
  wanted.value = new URLSearchParams(location.search).get('approval')
  openDrafts()
  early()
  media.addEventListener('change', () => (wide.value = media.matches))
  startLive()
  // A phone that goes into a pocket may never come to the end of the five seconds.
  const leave = () => {
    flush()
    keepDrafts()
  }
  document.addEventListener('visibilitychange', () => { if (document.hidden) leave() })
  addEventListener('pagehide', leave)
  for (const name of ['focusin', 'focusout']) addEventListener(name, sayTyping)
  // Back leaves what it was opened over.
  addEventListener('popstate', () => (menu.value = sheet.value = null))
  const keys = () => there(() => import('./shell/keys.ts')).then(({ listenToKeys }) => listenToKeys())
  // A phone has none, most of the time.
  if (media.matches) void keys()
  setTimeout(() => {
    document.documentElement.classList.add('rested')
    // Each row has had its true height by then.
    requestAnimationFrame(() => requestAnimationFrame(() => document.documentElement.classList.add('settled')))
    void there(() => import('./offline/later.ts')).then(({ later }) => later(given === undefined))
    void there(() => Promise.all([allRoutes(), bringParts(['home', 'decision']), lateStyle(), wishes()]))
    if (!media.matches) void keys()
  }, given === undefined ? 0 : LATER_MS)
}

/** A browser may refuse what it keeps. */
function chosenTheme(): string | null {
  try {
    return localStorage.getItem('berth-theme')
  } catch {
    return null
  }
}

/** A server that is away just now has these parts when it is back: what waits to be sent hangs on one of them. */
async function there<T>(load: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await load()
    } catch {
      await new Promise((resolve) => setTimeout(resolve, LATER_MS))
    }
  }
}

void start()
