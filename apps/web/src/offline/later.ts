/** What waits until the page stands: the person's phrases, the cache for reading offline, the service worker. */
import { effect, untracked } from '@preact/signals'
import type { Workspace } from '@berth/wire'
import { workspaceCan } from '@berth/wire/workspace-can'
import { beginStream, fresh, streamOf } from '../state/live.ts'
import { forgetUnsent, sendAll } from '../state/outbox.ts'
import { readPhrases } from '../state/phrases.ts'
import { approvals, client, offlineSince, route, serverNow, signedOut, workspaces } from '../state/session.ts'
import { say } from '../shell/toast.tsx'
import { begin } from '../begin.ts'
import { keepList, keepSession, readList, readSession } from './cache.ts'
import { keep } from '../rooms/keep.ts'
import { forgetDrafts } from '../session/composer.tsx'
import { forgetAll } from './forget.ts'

const KEEP_MS = 2000

export function later(withoutServer: boolean): void {
  void readPhrases()
  offerInstall()
  if (withoutServer) void fromCache().catch(() => undefined)
  let timer: ReturnType<typeof setTimeout> | undefined
  effect(() => {
    // An agent at work changes it all the time: kept now and then, not once it rests.
    if (known() === null || timer !== undefined) return
    timer = setTimeout(() => {
      timer = undefined
      untracked(keepNow)
    }, KEEP_MS)
  })
  effect(() => {
    if (offlineSince.value === null) void sendAll()
  })
  // Without a network none was installed; where there is one, this changes nothing.
  effect(() => {
    void offlineSince.value
    void register()
  })
  effect(() => {
    if (!signedOut.value) return
    untracked(forgetDrafts)
    void forgetAll().catch(() => undefined).then(forgetUnsent)
  })
  // Whoever goes from one session to another without a connection.
  effect(() => {
    const at = route.value
    if (offlineSince.value !== null && at.at === 'workspace' && streamOf(at.id).view.value.cards.length === 0) void readSession(at.id).then((kept) => {
      if (kept && offlineSince.value !== null && streamOf(at.id).view.value.cards.length === 0) beginStream(at.id, kept.events, kept.after)
    }, () => undefined)
  })
}

/** What is on the screen and true; whoever reads it in an effect hears of its changes. */
function known() {
  const at = route.value
  const list = workspaces.value
  const open = approvals.value
  if (offlineSince.value !== null || list === null || signedOut.value) return null
  const workspace = at.at === 'workspace' ? list.find(({ id }) => id === at.id) : undefined
  return { list, open, workspace, after: workspace ? streamOf(workspace.id).view.value.after : 0 }
}

function keepNow(): void {
  const now = known()
  if (now === null) return
  const { list, open, workspace, after } = now
  void keepList({ at: serverNow(), workspaces: list, approvals: open }).catch(() => undefined)
  if (workspace === undefined || after === 0) return
  void keepSession(workspace.id, { at: serverNow(), events: streamOf(workspace.id).events(), after }).catch(() => undefined)
  void keepChanges(workspace)
}

/** Its person asked the browser to spare the connection. */
const isSparing = () => (navigator as { connection?: { saveData?: boolean } }).connection?.saveData === true
const changesKept = new Map<string, string>()
/** Until its turn is over the tree may be another at any moment, and whoever is asked something may put it to sleep instead. */
const isUnderWay = ({ agentState }: Workspace) => agentState === 'busy' || agentState === 'waiting' || agentState === 'starting'
/** A phone shows a session without its changes; on the way they are to be there. */
async function keepChanges(workspace: Workspace): Promise<void> {
  if (!workspace.changes || isUnderWay(workspace) || !workspaceCan('diff', workspace.phase) || isSparing()) return
  const now = JSON.stringify([workspace.changes, workspace.tail])
  if (changesKept.get(workspace.id) === now) return
  changesKept.set(workspace.id, now)
  try {
    await keep(`review:${workspace.id}`, await client.getReview({ id: workspace.id }))
  } catch {
    // It sleeps, or its daemon is away: what was kept before stays.
  }
}

/** The shell came out of the cache: so does what it shows, until the server is heard. */
async function fromCache(): Promise<void> {
  const list = await readList()
  if (!list || workspaces.value !== null) return
  const at = route.value
  const session = at.at === 'workspace' ? await readSession(at.id) : null
  if (workspaces.value !== null) return
  offlineSince.value = list.at
  fresh.value = false
  begin({ now: serverNow(), workspaces: list.workspaces, approvals: list.approvals, stream: at.at === 'workspace' && session ? { id: at.id, events: session.events, after: session.after } : null })
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

/** A browser that changes its network gives up what it asks for at that moment. */
const REGISTER_AGAIN_MS = [4000, 20_000, 60_000]
interface WorkerPolicy { createScriptURL(url: string): unknown }
/** Scripts by name are a sink of trusted types; this policy knows one name, and is made once. */
let policy: WorkerPolicy | undefined
let isRegistering = false

async function register(): Promise<void> {
  // Without TLS there is no worker: no offline reading, no push; everything else is as it is.
  if (isRegistering || !('serviceWorker' in navigator)) return
  isRegistering = true
  for (const pauseMs of [0, ...REGISTER_AGAIN_MS]) {
    try {
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
      policy ??= (globalThis as { trustedTypes?: { createPolicy(name: string, rules: { createScriptURL(url: string): string }): WorkerPolicy } }).trustedTypes?.createPolicy('berth-worker', { createScriptURL: () => '/sw.js' })
      await navigator.serviceWorker.register((policy?.createScriptURL('/sw.js') ?? '/sw.js') as string)
      break
    } catch {
      // Nobody is told: it is tried with the next page too, and whenever the server is heard again.
    }
  }
  isRegistering = false
}
