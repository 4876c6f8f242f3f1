import { hydrate, render } from 'preact'
import { App } from './app.tsx'
import { begin } from './begin.ts'
import { BOOT_ID, type Boot } from './boot.ts'
import { listenToKeys } from './shell/keys.ts'
import { TWO_PANES, wide } from './shell/detail.tsx'
import { flush } from './shell/toast.tsx'
import { startLive } from './state/live.ts'
import { openOutbox } from './state/outbox.ts'
import { now, parseRoute, route } from './state/session.ts'

/** When nothing else is to be done: what makes the next visit better, not this one. */
const LATER_MS = 4000

function start(): void {
  const root = document.getElementById('app')
  if (!root) return
  // Chosen in the settings of this device.
  const theme = localStorage.getItem('berth-theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset['theme'] = theme
  // The style stops standing in for what the script does from here on.
  document.documentElement.classList.add('live')
  route.value = parseRoute(location.pathname)
  now.value = Date.now()
  openOutbox()
  const given = document.getElementById(BOOT_ID)?.textContent
  if (given) {
    // The server wrote it, for this very script.
    begin(JSON.parse(given) as Boot)
    hydrate(<App />, root)
  } else {
    root.textContent = ''
    render(<App />, root)
  }
  now.value = Date.now()
  const media = matchMedia(TWO_PANES)
  wide.value = media.matches
  media.addEventListener('change', () => (wide.value = media.matches))
  listenToKeys()
  startLive()
  addEventListener('pagehide', flush)
  setTimeout(() => void import('./offline/later.ts').then(({ later }) => later(given === undefined)), given === undefined ? 0 : LATER_MS)
}

start()
