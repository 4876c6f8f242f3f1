/**
 * Deliveries that did not arrive: the server was away, or GitHub could not reach it. GitHub keeps a list of all; those that
 * were never taken in are asked for again, and what still does not arrive is read from the list itself, so that a server
 * behind a wall hears of everything, only later.
 */
import type { Clock, GitHubStore } from '@berth/core'
import { BerthError } from '@berth/wire'
import { z } from 'zod'
import type { Log } from '../../http/respond.ts'
import { appToken } from '../github-api.ts'
import type { GitHubApi } from '../github-api.ts'
import type { HookedApp, Hooks } from './index.ts'

export interface CatchUpDeps {
  readonly store: Pick<GitHubStore, 'all' | 'key' | 'hook' | 'noteHook' | 'untaken' | 'forgetDeliveries'>
  readonly api: GitHubApi
  readonly hooks: Pick<Hooks, 'take'>
  readonly clock: Clock
  readonly log: Log
}
export interface CatchUp {
  round(): Promise<void>
  /** Nothing that happened at that GitHub is older than a few minutes and unknown here. */
  current(app: Omit<HookedApp, 'appId'>): boolean
}

/** How long GitHub keeps them. */
const KEPT_MS = 3 * 24 * 3600_000
const FORGET_AFTER_MS = 2 * KEPT_MS
/** A delivery may stand in the list later than its time says. */
const OVERLAP_MS = 5 * 60_000
const PAGE = 100
const PAGES_LIMIT = 20
/** Of one round: the rest is the next one's. */
const AGAIN_LIMIT = 200
const CURRENT_FOR_MS = 10 * 60_000
const Listed = z.array(z.object({ id: z.union([z.number(), z.string().regex(/^\d{1,20}$/)]), guid: z.string(), delivered_at: z.string(), redelivery: z.boolean(), event: z.string() }))
type Item = z.infer<typeof Listed>[number]
const Whole = z.object({ event: z.string(), request: z.object({ payload: z.unknown() }) })

export function createCatchUp(deps: CatchUpDeps): CatchUp {
  const { store, clock, log } = deps
  const caughtUp = new Map<string, number>()
  const nameOf = ({ orgId, origin }: Omit<HookedApp, 'appId'>): string => `${orgId} ${origin}`

  return {
    current: (app) => clock.now() - (caughtUp.get(nameOf(app)) ?? -Infinity) < CURRENT_FOR_MS,
    async round() {
      for (const app of await store.all()) {
        try {
          if (await catchUpWith(deps, app)) caughtUp.set(nameOf(app), clock.now())
        } catch (error) {
          log(`github: deliveries of ${app.origin} were not looked at: ${error instanceof BerthError ? error.message : String(error)}`)
        }
      }
      await store.forgetDeliveries(clock.now() - FORGET_AFTER_MS)
    },
  }
}

/** False: there is more than one round takes, or no webhooks are sent. */
async function catchUpWith({ store, api, hooks, clock, log }: CatchUpDeps, app: HookedApp): Promise<boolean> {
  const kept = await store.key(app.orgId, app.origin)
  if (kept === null || kept.key.webhookSecret === null) return false
  const began = clock.now()
  const { caughtUpTo } = await store.hook(app)
  const since = Math.max((caughtUpTo ?? 0) - OVERLAP_MS, began - KEPT_MS)
  const credential = appToken({ appId: app.appId, privateKey: kept.key.privateKey }, began)
  const { items, whole } = await listSince({ api, credential, origin: app.origin }, since)
  const missed = new Set(await store.untaken(app, [...new Set(items.map(({ guid }) => guid.toLowerCase()))]))
  // The oldest first, each by its newest attempt.
  const newest = new Map<string, Item>()
  for (const item of items) if (missed.has(item.guid.toLowerCase()) && !newest.has(item.guid)) newest.set(item.guid, item)
  const due = [...newest.values()].reverse()
  for (const item of due.slice(0, AGAIN_LIMIT)) {
    const path = `/app/hook/deliveries/${item.id}`
    if (!item.redelivery && (await api.ask({ origin: app.origin, method: 'POST', path: `${path}/attempts`, credential, answer: z.unknown() })).ok) continue
    const read = await api.ask({ origin: app.origin, path, credential, answer: Whole })
    if (read.ok) await hooks.take(app, { guid: item.guid.toLowerCase(), event: read.value.event, payload: read.value.request.payload })
  }
  if (due.length > 0) log(`github: ${due.length} deliveries of ${app.origin} had not arrived`)
  // Those that were asked for again are looked for once more: they may still not arrive.
  const again = due.slice(0, AGAIN_LIMIT).some(({ redelivery }) => !redelivery)
  if (!whole || due.length > AGAIN_LIMIT || again) return false
  await store.noteHook(app, { caughtUpTo: began })
  return true
}

/** Newest first. */
async function listSince({ api, credential, origin }: { api: GitHubApi; credential: string; origin: string }, since: number): Promise<{ items: Item[]; whole: boolean }> {
  const items: Item[] = []
  let cursor: string | null = null
  for (let page = 0; page < PAGES_LIMIT; page++) {
    const answer: Awaited<ReturnType<typeof api.ask<Item[]>>> = await api.ask({ origin, path: `/app/hook/deliveries?per_page=${PAGE}${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`, credential, answer: Listed })
    if (!answer.ok) throw new BerthError('forbidden', answer.message)
    const recent = answer.value.filter(({ delivered_at: at }) => Date.parse(at) >= since)
    items.push(...recent)
    cursor = answer.next
    if (cursor === null || recent.length < answer.value.length) return { items, whole: true }
  }
  return { items, whole: false }
}
