/**
 * The page's service worker: the shell for starting without a connection, the last answers about changes for reading
 * them there, and notifications with their answers. Bundled into one plain script.
 */
import type { NotifyMessage } from '@berth/wire/settings'
import { forgetAll, SEEN } from './offline/forget.ts'

/** Filled in by the build: a name that changes with the files, and the files. */
declare const SHELL_VERSION: string
declare const SHELL_FILES: readonly string[]

interface Extendable extends Event { waitUntil(work: Promise<unknown>): void }
interface Fetching extends Extendable { readonly request: Request; respondWith(answer: Promise<Response>): void }
interface Pushed extends Extendable { readonly data: { json(): unknown } | null }
interface Clicked extends Extendable { readonly action: string; readonly notification: Notification & { readonly data: NotifyMessage } }
interface WindowClient { readonly url: string; focus(): Promise<unknown>; navigate(url: string): Promise<unknown> }
interface Worker {
  addEventListener(name: 'install' | 'activate', listener: (event: Extendable) => void): void
  addEventListener(name: 'fetch', listener: (event: Fetching) => void): void
  addEventListener(name: 'push', listener: (event: Pushed) => void): void
  addEventListener(name: 'notificationclick', listener: (event: Clicked) => void): void
  skipWaiting(): Promise<void>
  readonly location: Location
  readonly clients: { claim(): Promise<void>; matchAll(options: { type: 'window'; includeUncontrolled: boolean }): Promise<WindowClient[]>; openWindow(url: string): Promise<unknown> }
  readonly registration: { showNotification(title: string, options: NotificationOptions & { actions?: { action: string; title: string }[]; renotify?: boolean }): Promise<void>; getNotifications(filter: { tag: string }): Promise<Notification[]> }
}
// The library of the page's types describes windows; this is what a worker has.
const worker = self as unknown as Worker

const SHELL = `berth-shell-${SHELL_VERSION}`
/** Answers about changes and files, the oldest go first. */
const SEEN_LIMIT = 60
/** The review is none of them: its room keeps it, and says from when it is. */
const SEEN_PATHS = /^\/api\/v1\/workspaces\/[^/]+\/(?:diff|files|files\/content|checkpoints|ports)$/
/** A phone that has bars and no network: what was kept is there sooner. */
const PAGE_WITHIN_MS = 6000
const SHELL_PAGE = '/shell'
/** Browsers let an installation take minutes; a tunnel that takes longer than this is left to the next page. */
const AGAIN_AFTER_MS = [200, 1000, 4000, 15_000]
const DECISION_PATH = '/api/v1/push/decision'

worker.addEventListener('install', (event) => event.waitUntil(install()))

async function install(): Promise<void> {
  const cache = await caches.open(SHELL)
  await Promise.all(SHELL_FILES.map((path) => keep(cache, path)))
  // The last of them: a shell that has its page is whole.
  await keep(cache, SHELL_PAGE)
  await worker.skipWaiting()
}

/** Without one of its files there is no new worker at all, and a browser that changes its network gives up all that it asks for at that moment. */
async function keep(cache: Cache, path: string): Promise<void> {
  for (const pauseMs of AGAIN_AFTER_MS) {
    try {
      return await cache.add(path)
    } catch {
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
  await cache.add(path)
}

worker.addEventListener('activate', (event) => event.waitUntil((async () => {
  const before = (await caches.keys()).filter((name) => name.startsWith('berth-shell-') && name !== SHELL)
  // A page in another tab may be of the version before, whose rooms the server has no more. One that never became whole had no page.
  const had = await Promise.all(before.map(async (name) => (await (await caches.open(name)).match(SHELL_PAGE)) !== undefined))
  const last = before.findLast((_, index) => had[index])
  for (const name of before) if (name !== last) await caches.delete(name)
  await worker.clients.claim()
})()))

worker.addEventListener('fetch', (event) => {
  const { request } = event
  const url = new URL(request.url)
  if (request.method !== 'GET' || url.origin !== worker.location.origin) return
  if (request.mode === 'navigate' && !url.pathname.startsWith('/api/') && !url.pathname.startsWith('/sign-in')) event.respondWith(page(request))
  else if (url.pathname.startsWith('/assets/')) event.respondWith(caches.match(request).then((cached) => cached ?? fetch(request)))
  else if (SEEN_PATHS.test(url.pathname)) event.respondWith(seen(request))
})

/** What the server draws; without it the shell, which draws what this device kept. */
async function page(request: Request): Promise<Response> {
  const shell = async () => (await caches.open(SHELL)).match(SHELL_PAGE)
  const network = fromServer(request).then(signedIn).catch(async () => (await shell()) ?? Response.error())
  const slow = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), PAGE_WITHIN_MS)).then(shell)
  return (await Promise.race([network, slow])) ?? network
}

/** The server's own answer to who is not, or no longer, signed in. */
async function signedIn(response: Response): Promise<Response> {
  if (response.status === 401) await forgetAll().catch(() => undefined)
  return response
}

/** Throws where only a tunnel or proxy answers, and the server behind it does not. */
async function fromServer(request: Request): Promise<Response> {
  const response = await fetch(request)
  if ([502, 503, 504].includes(response.status) || response.status >= 520) throw new TypeError(`HTTP ${response.status}`)
  return response
}

/** The network's answer, kept; without a network the one that was kept. */
async function seen(request: Request): Promise<Response> {
  const cache = await caches.open(SEEN)
  try {
    const response = await fromServer(request)
    if (response.ok) {
      await cache.put(request, response.clone())
      const keys = await cache.keys()
      for (const old of keys.slice(0, Math.max(0, keys.length - SEEN_LIMIT))) await cache.delete(old)
    }
    return response
  } catch (error) {
    const kept = await cache.match(request)
    if (kept) return kept
    throw error
  }
}

worker.addEventListener('push', (event) => {
  // The server wrote and sealed it.
  const message = event.data?.json() as NotifyMessage | undefined
  if (message) event.waitUntil(message.withdraw ? withdraw(message.tag) : show(message))
})

async function withdraw(tag: string): Promise<void> {
  for (const notification of await worker.registration.getNotifications({ tag })) notification.close()
}

async function show(message: NotifyMessage): Promise<void> {
  const actions = message.decide ? [{ action: 'deny', title: 'Deny' }, { action: 'allow', title: 'Allow' }] : []
  await worker.registration.showNotification(message.title, {
    body: message.body, tag: message.tag, data: message, icon: '/icon-192.png', badge: '/badge-96.png',
    renotify: message.reason === 'needs-you' || message.reason === 'reminder', requireInteraction: message.reason === 'needs-you', actions,
  })
}

worker.addEventListener('notificationclick', (event) => {
  const { action, notification } = event
  notification.close()
  const { decide, url } = notification.data
  const token = action === 'allow' ? decide?.allow : action === 'deny' ? decide?.deny : undefined
  event.waitUntil(token === undefined ? look(url) : answer(token, notification.data))
})

/** An answer that was not taken must not look as if it was. */
async function answer(token: string, { url, tag }: NotifyMessage): Promise<void> {
  const response = await fetch(DECISION_PATH, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ token }) }).catch(() => null)
  if (response?.ok) return
  await worker.registration.showNotification(response?.status === 409 ? 'Answered already' : 'Not answered', { body: response === null ? 'The server was not reached. Open Berth to answer.' : 'Open Berth to see what happened.', tag, data: { url, decide: null }, icon: '/icon-192.png' })
}

async function look(path: string): Promise<void> {
  const url = new URL(path, worker.location.origin).href
  const open = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true })
  const here = open.find((client) => client.url === url) ?? open[0]
  if (!here) return void (await worker.clients.openWindow(url))
  await here.focus()
  if (here.url !== url) await here.navigate(url).catch(() => worker.clients.openWindow(url))
}
