/** Telling people: watches what happens, writes what is to be told, sends what is due. */
import type { Store } from '@berth/core'
import { deadlines } from '@berth/core'
import type { UserId, WorkspaceId } from '@berth/wire'
import { createBell } from '../loops/bell.ts'
import { createGuardedFetch } from './guarded-fetch.ts'
import type { GuardedFetch } from './guarded-fetch.ts'
import { createOutbox } from './outbox.ts'
import type { Outbox, OutboxDeps } from './outbox.ts'
import type { SenderDeps } from './channels.ts'
import { createWatcher } from './watch.ts'
import { makeVapidKeys } from './web-push.ts'
import { messageOf } from '../thrown.ts'

export interface NotifyDeps extends Pick<OutboxDeps, 'clock' | 'log' | 'isCardOnFocusedScreen'> {
  readonly store: Store
  readonly pageUrl: string
  /** Addresses may lead into private networks. */
  readonly allowPrivate: boolean
  /** Whom a push service may write to: `mailto:` or https. */
  readonly contact: string | null
  readonly fetch?: GuardedFetch
}
export interface Notifying {
  publicKey(): Promise<string>
  readonly allowPrivate: boolean
  /** Somebody's channels or settings changed. */
  changed(): void
  test: Outbox['test']
  stop(): Promise<void>
}

/** Channels that another server was given, and rows that it wrote, are found within this. */
const LOOK_EVERY_MS = 60_000
const DATABASE_AWAY_MS = 2000
const SOONEST_MS = 20
/** An agent at work appends many events a second; they are looked at together. */
const GATHER_MS = 50
const PRUNE_EVERY_MS = 6 * 3600_000
const KEEP_ROWS_MS = 7 * 24 * 3600_000

function takeAll<T>(from: Set<T>): T[] {
  const taken = [...from]
  from.clear()
  return taken
}

export function startNotifying(deps: NotifyDeps): Notifying {
  const { store, clock, log } = deps
  const bell = createBell()
  const fetch = deps.fetch ?? createGuardedFetch({ allowPrivate: deps.allowPrivate })
  const vapid = () => store.serverKeys.key('vapid', makeVapidKeys, clock.now())
  const contact = deps.contact ?? (deps.pageUrl.startsWith('https:') ? deps.pageUrl : 'mailto:nobody@example.org')
  const senders = async (): Promise<SenderDeps> => ({ fetch, vapid: await vapid(), contact, pageUrl: deps.pageUrl, now: () => clock.now() })
  const outbox = createOutbox({ store, clock, log, senders, isCardOnFocusedScreen: deps.isCardOnFocusedScreen })
  const watcher = createWatcher({ store, clock, present: async (id) => (await store.viewers.count(id, clock.now() - deadlines.viewerGone)) > 0 })

  const moved = new Set<WorkspaceId>()
  let gathering: ReturnType<typeof setTimeout> | null = null
  let refreshDue = true
  let refreshedAt = 0
  let prunedAt = clock.now()
  let stopping = false
  const remove = store.events.onAppend((id) => {
    if (!watcher.listening) return
    moved.add(id)
    gathering ??= setTimeout(() => {
      gathering = null
      bell.ring()
    }, GATHER_MS)
  })

  /** One that fails costs the others nothing, and is looked at again. */
  const lookAt = async (ids: readonly WorkspaceId[]): Promise<Error | null> => {
    let failed: Error | null = null
    for (const id of ids) await watcher.look(id).catch((error: unknown) => {
      moved.add(id)
      failed = error instanceof Error ? error : new Error(String(error))
    })
    return failed
  }

  /** How long nothing is to be done. */
  const pass = async (): Promise<number> => {
    if (refreshDue || clock.now() - refreshedAt >= LOOK_EVERY_MS) {
      // Before: what changes while it is read is read again.
      refreshDue = false
      refreshedAt = clock.now()
      await watcher.refresh()
    }
    // Taken out first: what is appended while we look is looked at again.
    const failed = await lookAt(takeAll(moved))
    await outbox.pass()
    if (failed !== null) throw failed
    if (clock.now() - prunedAt >= PRUNE_EVERY_MS) {
      prunedAt = clock.now()
      await store.notifications.prune({ done: prunedAt - KEEP_ROWS_MS, tokens: prunedAt - deadlines.hookTimeout })
    }
    const next = await store.notifications.nextDue()
    return next === null ? LOOK_EVERY_MS : Math.min(LOOK_EVERY_MS, Math.max(SOONEST_MS, next - clock.now()))
  }

  const loop = async () => {
    let away = false
    while (!stopping) {
      let pauseMs = DATABASE_AWAY_MS
      try {
        pauseMs = await pass()
        away = false
      } catch (error) {
        refreshDue = true
        if (!away && !stopping) log(`notifications pause: ${messageOf(error)}`)
        away = true
      }
      if (!stopping) await bell.wait(pauseMs)
    }
  }
  const looping = loop()
  return {
    allowPrivate: deps.allowPrivate,
    publicKey: async () => (await vapid()).publicKey,
    changed() {
      refreshDue = true
      bell.ring()
    },
    test: (userId: UserId) => outbox.test(userId),
    async stop() {
      stopping = true
      remove()
      if (gathering !== null) clearTimeout(gathering)
      bell.ring()
      await looping
    },
  }
}
