/** What waits until the page stands: the person's phrases, the cache for reading offline, the service worker. */
import { effect } from '@preact/signals'
import { streamOf } from '../state/live.ts'
import { sendAll } from '../state/outbox.ts'
import { readPhrases } from '../state/phrases.ts'
import { approvals, offlineSince, route, workspaces } from '../state/session.ts'
import { say } from '../shell/toast.tsx'
import { begin } from '../begin.ts'
import { keepList, keepSession, readList, readSession } from './cache.ts'

const KEEP_MS = 2000

export function later(withoutServer: boolean): void {
  void readPhrases()
  offerInstall()
  void register()
  if (withoutServer) void fromCache().catch(() => undefined)
  let timer: ReturnType<typeof setTimeout> | undefined
  effect(() => {
    // What is read here is what a change of is kept.
    const at = route.value
    const known = workspaces.value
    const open = approvals.value
    const view = at.at === 'workspace' && known?.some(({ id }) => id === at.id) ? streamOf(at.id).view.value : null
    if (offlineSince.value !== null || known === null) return
    clearTimeout(timer)
    timer = setTimeout(() => {
      void keepList({ at: Date.now(), workspaces: known, approvals: open }).catch(() => undefined)
      if (at.at === 'workspace' && view && view.after > 0) void keepSession(at.id, { at: Date.now(), events: streamOf(at.id).events(), after: view.after }).catch(() => undefined)
    }, KEEP_MS)
  })
  effect(() => {
    if (offlineSince.value === null) void sendAll()
  })
}

/** The shell came out of the cache: so does what it shows, until the server is heard. */
export async function fromCache(): Promise<void> {
  const list = await readList()
  if (!list || workspaces.value !== null) return
  const at = route.value
  const session = at.at === 'workspace' ? await readSession(at.id) : null
  if (workspaces.value !== null) return
  offlineSince.value = list.at
  begin({ now: Date.now(), workspaces: list.workspaces, approvals: list.approvals, stream: at.at === 'workspace' && session ? { id: at.id, events: session.events, after: session.after } : null })
}

const OFFERED = 'berth.install-offered'
interface InstallEvent extends Event { prompt(): Promise<unknown> }

/** Once a device: the browser says that this page could be an app. */
function offerInstall(): void {
  addEventListener('beforeinstallprompt', (event) => {
    event.preventDefault()
    try {
      if (localStorage.getItem(OFFERED) !== null) return
      localStorage.setItem(OFFERED, String(Date.now()))
    } catch {
      return
    }
    // Chromium's own event; only it sends one of this name.
    say('Berth can stand on the home screen of this device', () => void (event as InstallEvent).prompt(), 'Install')
  })
}

async function register(): Promise<void> {
  if (!('serviceWorker' in navigator)) return
  try {
    // Scripts by name are a sink of trusted types; this policy knows one name.
    const policy = (globalThis as { trustedTypes?: { createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): unknown } } }).trustedTypes?.createPolicy('berth-worker', { createScriptURL: () => '/sw.js' })
    await navigator.serviceWorker.register((policy?.createScriptURL('/sw.js') ?? '/sw.js') as string)
  } catch {
    // Without TLS there is no worker: no offline reading, no push; everything else is as it is.
  }
}
