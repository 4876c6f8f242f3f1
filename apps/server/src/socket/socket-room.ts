/**
 * All pages that are connected to this server, and what is told to them (contract: `live.ts` of the wire). What comes
 * from the store reaches the pages of every server; text as it is written reaches those of the server that holds the
 * machine's link, and elsewhere a page waits for the message: later, never wrong.
 */
import { reaches } from '@berth/core'
import type { Clock, Identity, Store } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { ApprovalId, UserId, Workspace, WorkspaceId } from '@berth/wire'
import type { Level } from '@berth/wire/access'
import type { LiveItem, Presence } from '@berth/wire/live'
import type { Attachment } from '../http/attach.ts'
import { startPeriodic } from '../loops/periodic.ts'
import { remembered } from '../remembered.ts'
import { createListing } from './listing.ts'
import type { Listing } from './listing.ts'
import { createOutlet } from './outlet.ts'
import { createPage, PAGE_CLOSE } from './page.ts'
import type { Page } from './page.ts'
import { createPresence } from './presence.ts'

export interface SocketRoomDeps {
  readonly store: Pick<Store, 'getWorkspace' | 'events' | 'approvals' | 'viewers'>
  readonly clock: Clock
  readonly log: (line: string) => void
  /** What this person sees. */
  list(identity: Identity): Promise<Workspace[]>
  /** Null: they see nothing of it. */
  level(identity: Identity, id: WorkspaceId): Promise<Level | null>
  view(id: WorkspaceId, needsYou: number): Promise<Workspace | null>
  /** How often credentials are asked after. Shorter in tests. */
  readonly credentialMs?: number
}
export interface Newcomer {
  readonly identity: Identity
  readonly client: Presence['client']
  /** Whether the credential it came with is still good. */
  valid(): Promise<boolean>
}
export interface SocketRoom {
  /** What the web server drives once the connection is a socket. Throws `too_many`. */
  attachment(newcomer: Newcomer): Attachment
  /** From a machine's link. */
  live(workspaceId: WorkspaceId, items: readonly LiveItem[]): void
  /** Something about this workspace has changed that no event says. */
  changed(workspaceId: WorkspaceId): void
  /** Is this very card in front of them now? Then they need no push for it. */
  isCardOnFocusedScreen(approvalId: ApprovalId, userId: UserId): boolean
  readonly pages: number
  /** Tells every page to come again, and lets go of them. */
  drain(): Promise<void>
}

const PAGES_LIMIT = 2000
const PAGES_PER_USER = 200
const CREDENTIAL_MS = 4000
/** What somebody may in a workspace is asked so often at most. */
const LEVEL_MS = 1000
const LEVELS_LIMIT = 10_000
const LOOK_AGAIN_MS = 30_000
/** Several moves of several people are told as one. */
const PRESENCE_MS = 50
/** Pages get this long to take the goodbye. */
const DRAIN_MS = 1000

export function createSocketRoom(deps: SocketRoomDeps): SocketRoom {
  const { store, clock, log } = deps
  const pages = new Map<Page, Newcomer>()
  let draining = false
  let emptied = (): void => {}
  const levels = remembered<Level | null>({ clock, ms: LEVEL_MS, limit: LEVELS_LIMIT })
  const levelOf = async (identity: Identity, id: WorkspaceId): Promise<Level | null> => levels.get(`${identity.userId} ${identity.orgId} ${id}`, () => deps.level(identity, id))
  const watchers = (id: WorkspaceId): Page[] => [...pages.keys()].filter((page) => page.watches(id))
  const told = createTold((id) => {
    const text = JSON.stringify({ type: 'presence', workspaceId: id, viewers: presence.of(id) })
    for (const page of watchers(id)) page.outlet.sendText(text)
  })
  const listing = createListing({
    log, list: deps.list, view: deps.view, now: () => clock.now(),
    waiting: (id) => store.approvals.list({ all: false, ...(id === null ? {} : { workspaceId: id }) }),
    approval: (id) => store.approvals.get(id),
    readers: () => [...pages.keys()].filter((page) => page.listing).map((page) => [page.outlet, page.identity] as const),
    isShown: (id) => [...pages.keys()].some((page) => page.listing || page.watches(id)),
    async audience(id) {
      const showing = [...pages.keys()].filter((page) => page.listing || page.watches(id))
      const seeing = await Promise.all(showing.map((page) => levelOf(page.identity, id)))
      return showing.filter((_, index) => seeing[index] !== null).map((page) => page.outlet)
    },
  })
  const presence = createPresence({
    viewers: store.viewers, log, now: () => clock.now(),
    changed(id) {
      told.soon(id)
      listing.changed(id)
    },
  })
  const stopListening = store.events.onAppend((id) => {
    for (const page of pages.keys()) page.ring(id)
    listing.changed(id)
  })
  const lookAt = async (page: Page): Promise<void> => {
    if (!(await pages.get(page)?.valid())) return page.outlet.close(PAGE_CLOSE.signedOut, 'signed out')
    for (const id of page.watched) if ((await levelOf(page.identity, id)) === null) page.refuse(id)
  }
  // What a page shows is by what its person may: it hears of that at once, and of what nobody said a little later.
  const stopHearing = store.events.onRights((userId) => {
    levels.forget()
    rightsChanged([...pages.keys()].filter((page) => userId === null || page.identity.userId === userId), { lookAt, listing, log })
  })
  const credentials = startPeriodic({
    name: 'credentials of pages', everyMs: deps.credentialMs ?? CREDENTIAL_MS, firstAfterMs: deps.credentialMs ?? CREDENTIAL_MS, log,
    async run() {
      for (const page of pages.keys()) await lookAt(page)
    },
  })
  const second = startPeriodic({ name: 'the list of pages', everyMs: LOOK_AGAIN_MS, firstAfterMs: LOOK_AGAIN_MS, log, run: async () => listing.lookAgain() })

  return {
    attachment(newcomer) {
      if (draining) throw new BerthError('server_unreachable', 'the server is going away', { hint: 'try again in a moment' })
      requireRoom([...pages.keys()], newcomer.identity.userId)
      let page: Page | null = null
      return {
        opened(socket) {
          const outlet = createOutlet(socket)
          const { identity, client } = newcomer
          page = createPage({ store: seenBy(store, (id) => levelOf(identity, id)), clock, log, outlet, presence, identity, client, acts: async (id) => reaches(await levelOf(identity, id), 'act'), wantsList: () => listing.send(outlet, identity), watching: told.soon })
          pages.set(page, newcomer)
          if (draining) farewell(page)
        },
        message: (_, data) => page?.said(data),
        drained: () => page?.outlet.drained(),
        closed() {
          if (page === null) return
          pages.delete(page)
          page.outlet.gone()
          listing.forget(page.outlet)
          page.ended()
          if (pages.size === 0) emptied()
        },
      }
    },
    live(workspaceId, items) {
      const readers = watchers(workspaceId)
      if (readers.length === 0 || items.length === 0) return
      const text = JSON.stringify({ type: 'live', workspaceId, items })
      for (const page of readers) page.outlet.sendIfQuick(text)
    },
    changed: (id) => listing.changed(id),
    isCardOnFocusedScreen: (approvalId, userId) => [...pages.keys()].some((page) => page.identity.userId === userId && page.focus() === approvalId),
    get pages() { return pages.size },
    async drain() {
      draining = true
      for (const stop of [stopListening, stopHearing]) stop()
      const empty = new Promise<void>((resolve) => { emptied = resolve })
      for (const page of pages.keys()) farewell(page)
      let hurry: ReturnType<typeof setTimeout> | undefined
      if (pages.size > 0) await Promise.race([empty, new Promise((resolve) => { hurry = setTimeout(resolve, DRAIN_MS) })])
      clearTimeout(hurry)
      for (const page of pages.keys()) page.ended()
      told.stop()
      await Promise.all([credentials.stop(), second.stop(), listing.stop(), presence.close()])
    },
  }
}

function requireRoom(pages: readonly Page[], userId: UserId): void {
  const mine = pages.filter((page) => page.identity.userId === userId).length
  if (pages.length >= PAGES_LIMIT || mine >= PAGES_PER_USER) throw new BerthError('too_many', 'too many pages are open', { hint: 'close some of them' })
}

function rightsChanged(pages: readonly Page[], { lookAt, listing, log }: { lookAt(page: Page): Promise<void>; listing: Pick<Listing, 'send'>; log: SocketRoomDeps['log'] }): void {
  for (const page of pages) {
    lookAt(page).catch((error: unknown) => log(`socket: ${String(error)}`))
    if (page.listing) listing.send(page.outlet, page.identity)
  }
}

/** What one person's page reads from. */
const seenBy = (store: SocketRoomDeps['store'], level: (id: WorkspaceId) => Promise<Level | null>): SocketRoomDeps['store'] => ({
  ...store, getWorkspace: async (id) => ((await level(id)) === null ? null : store.getWorkspace(id)),
})

function farewell({ outlet }: Page): void {
  outlet.send({ type: 'goaway' })
  outlet.close(PAGE_CLOSE.goingAway, 'the server is going away')
}

/** Says something about a workspace a moment later, once for all that happened until then. */
function createTold(tell: (id: WorkspaceId) => void): { soon(id: WorkspaceId): void; stop(): void } {
  const waiting = new Set<WorkspaceId>()
  let timer: ReturnType<typeof setTimeout> | null = null
  return {
    soon(id) {
      waiting.add(id)
      timer ??= setTimeout(() => {
        timer = null
        const ids = [...waiting]
        waiting.clear()
        for (const one of ids) tell(one)
      }, PRESENCE_MS)
    },
    stop() { if (timer !== null) clearTimeout(timer) },
  }
}
