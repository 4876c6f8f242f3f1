/**
 * One page's connection: what it says, within limits, and what it watches. A page is hostile until it has shown
 * otherwise: what cannot be understood, or comes too fast, ends the connection.
 */
import type { Identity } from '@berth/core'
import type { ApprovalId, WorkspaceId } from '@berth/wire'
import { FromPage, SOCKET_MESSAGE_LIMIT, WATCH_LIMIT } from '@berth/wire/live'
import type { Presence } from '@berth/wire/live'
import type { Outlet } from './outlet.ts'
import type { Place, PresenceRoom, Viewer } from './presence.ts'
import { startWatch } from './watch.ts'
import type { Watch, WatchDeps } from './watch.ts'

export const PAGE_CLOSE = {
  /** The server goes away: connect again. */
  goingAway: 1001,
  unreadable: 1003,
  tooMuch: 1008,
  tooLarge: 1009,
  /** The credential is not good any more. */
  signedOut: 4401,
} as const

export interface Page {
  readonly identity: Identity
  readonly outlet: Outlet
  readonly listing: boolean
  /** The card on its screen, while the page shows signs of life. */
  focus(): ApprovalId | null
  /** It was let in to it. */
  watches(workspaceId: WorkspaceId): boolean
  readonly watched: readonly WorkspaceId[]
  /** It may see nothing of it any more. */
  refuse(workspaceId: WorkspaceId): void
  ring(workspaceId: WorkspaceId): void
  said(data: string | Uint8Array): void
  ended(): void
}
export interface PageDeps extends WatchDeps {
  readonly identity: Identity
  readonly client: Presence['client']
  readonly outlet: Outlet
  readonly presence: PresenceRoom
  /** Whether what this person types there is work. */
  acts(workspaceId: WorkspaceId): Promise<boolean>
  wantsList(): void
  /** It watches this one from now on: tell it who else does. */
  watching(workspaceId: WorkspaceId): void
}

/** `viewer`: null until it was let in. */
interface Watched { readonly watch: Watch; viewer: Viewer | null; place: Place }

/** More than a person can do: a scrolled diff reports its hunks, a grid opens its tiles at once. */
const BURST = 120
const PER_SECOND = 20
/** A phone in a pocket does not say that its screen is off: a focus counts for so long after the page's last word. */
const FOCUS_MS = 45_000

export function createPage(deps: PageDeps): Page {
  const { identity, outlet, clock } = deps
  const watched = new Map<WorkspaceId, Watched>()
  const pace = createPace(() => clock.now())
  let listing = false
  let focus: ApprovalId | null = null
  let heardAt = clock.now()

  function watch(message: FromPage & { type: 'watch' }): void {
    const { workspaceId, after, at, hunkId } = message
    const present = watched.get(workspaceId)
    if (present !== undefined) {
      present.place = { at, hunkId }
      return present.viewer?.move(present.place)
    }
    if (watched.size >= WATCH_LIMIT) return outlet.send({ type: 'refused', workspaceId, code: 'too_many', message: `a page watches at most ${WATCH_LIMIT} workspaces`, hint: 'unwatch one first' })
    const begun = (): void => {
      const now = watched.get(workspaceId)
      if (now === undefined || now.viewer !== null) return
      now.viewer = deps.presence.enter({ workspaceId, identity, client: deps.client, place: now.place })
      deps.watching(workspaceId)
    }
    watched.set(workspaceId, { watch: startWatch(deps, outlet, { workspaceId, after, begun, refused: () => unwatch(workspaceId) }), viewer: null, place: { at, hunkId } })
  }
  function unwatch(workspaceId: WorkspaceId): void {
    const present = watched.get(workspaceId)
    watched.delete(workspaceId)
    present?.watch.stop()
    present?.viewer?.leave()
  }

  function typed(workspaceId: WorkspaceId): void {
    const viewer = watched.get(workspaceId)?.viewer
    if (!viewer) return
    deps.acts(workspaceId).then((acts) => { if (acts) viewer.input() }, (error: unknown) => deps.log(`socket: ${String(error)}`))
  }

  function take(message: FromPage): void {
    switch (message.type) {
      case 'list':
        listing = true
        return deps.wantsList()
      case 'watch': return watch(message)
      case 'unwatch': return unwatch(message.workspaceId)
      case 'input': return typed(message.workspaceId)
      case 'focus':
        focus = message.approvalId
        return
      case 'ping': return outlet.send({ type: 'pong' })
    }
  }

  return {
    identity, outlet,
    get listing() { return listing },
    focus: () => (clock.now() - heardAt < FOCUS_MS ? focus : null),
    watches: (workspaceId) => (watched.get(workspaceId)?.viewer ?? null) !== null,
    get watched() { return [...watched.keys()] },
    refuse(workspaceId) {
      outlet.send({ type: 'refused', workspaceId, code: 'not_found', message: `there is no workspace ${workspaceId}`, hint: null })
      unwatch(workspaceId)
    },
    ring: (workspaceId) => watched.get(workspaceId)?.watch.ring(),
    said(data) {
      heardAt = clock.now()
      if (data.length > SOCKET_MESSAGE_LIMIT) return outlet.close(PAGE_CLOSE.tooLarge, 'a message is too large')
      if (!pace.allows()) return outlet.close(PAGE_CLOSE.tooMuch, 'too much at once')
      const message = typeof data === 'string' ? parse(data) : 'garbage'
      if (message === 'garbage') outlet.close(PAGE_CLOSE.unreadable, 'a message cannot be understood')
      else if (message !== null) take(message)
    },
    ended() {
      focus = null
      for (const workspaceId of watched.keys()) unwatch(workspaceId)
    },
  }
}

function createPace(now: () => number): { allows(): boolean } {
  let left = BURST
  let since = now()
  return {
    allows() {
      left = Math.min(BURST, left + ((now() - since) / 1000) * PER_SECOND)
      since = now()
      left -= 1
      return left >= 0
    },
  }
}

const KNOWN = new Set<string>(FromPage.options.map((option) => option.shape.type.value))

/** Null: a newer page's message that is not for us. */
function parse(text: string): FromPage | 'garbage' | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'garbage'
  }
  const message = FromPage.safeParse(value)
  if (message.success) return message.data
  const type = typeof value === 'object' && value !== null ? (value as { type?: unknown }).type : undefined
  return typeof type === 'string' && !KNOWN.has(type) ? null : 'garbage'
}
