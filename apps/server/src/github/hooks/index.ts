/**
 * What GitHub tells by webhooks: taken in when the app's own secret signed it, once for each delivery, and passed on as
 * hints. What came while nobody listened is asked for (`catch-up.ts`).
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock, GitHubStore } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { OrgId } from '@berth/wire'
import { readLimited } from '../../http/body.ts'
import type { Log } from '../../http/respond.ts'
import { hintOf } from './hints.ts'
import type { Hint } from './hints.ts'

export interface HookedApp { readonly orgId: OrgId; readonly origin: string; readonly appId: number }
export type HintListener = (app: HookedApp, hint: Hint) => void
export interface Hooks {
  /** One request of GitHub's. */
  receive(request: Request): Promise<Response>
  /** A delivery whose sender is known. False: it was taken in before. */
  take(app: HookedApp, delivery: Delivery): Promise<boolean>
  /** Called for each hint, in the order of their coming; returns the remover. */
  onHint(listener: HintListener): () => void
}
export interface Delivery { readonly guid: string; readonly event: string; readonly payload: unknown }
export interface HooksDeps { readonly store: Pick<GitHubStore, 'withAppId' | 'key' | 'takeDelivery' | 'noteHook'>; readonly clock: Clock; readonly log: Log }

/** GitHub sends no more; what is larger than that says nothing we look at. */
const BODY_LIMIT_BYTES = 25 * 1024 * 1024
/** A body is held whole until its signature is known. */
const AT_ONCE = 8
/** Of one app. What is beyond is asked for later. */
const PER_MINUTE = 600
const MINUTE_MS = 60_000
const GUID = /^[0-9a-f-]{36}$/i
const EVENT = /^[a-z_]{1,60}$/
const SIGNATURE = /^sha256=[0-9a-f]{64}$/

export function createHooks({ store, clock, log }: HooksDeps): Hooks {
  const listeners = new Set<HintListener>()
  const pace = createPace(clock)
  let reading = 0
  let refusedAt = 0

  const refuse = (code: 'unauthorized' | 'bad_request', reason: string): never => {
    // Anybody may knock: a line a minute at most.
    if (clock.now() - refusedAt > MINUTE_MS) log(`github: a webhook was refused: ${reason}`)
    refusedAt = clock.now()
    throw new BerthError(code, reason)
  }
  async function take(app: HookedApp, { guid, event, payload }: Delivery): Promise<boolean> {
    const action = actionOf(payload)
    if (!(await store.takeDelivery({ orgId: app.orgId, origin: app.origin, guid, event, action }, clock.now()))) return false
    const hint = hintOf(event, action, payload)
    if (hint !== null) for (const listener of listeners) listener(app, hint)
    return true
  }
  async function received(request: Request): Promise<Response> {
    const { guid, event, signature, appId } = headOf(request) ?? refuse('bad_request', 'this is no webhook of a GitHub app')
    const bytes = await readLimited(request, BODY_LIMIT_BYTES)
    const app = (await signerOf(store, { appId, signature, bytes })) ?? refuse('unauthorized', 'the signature is not that of an app of this server')
    if (!pace(`${app.orgId} ${app.origin}`)) throw new BerthError('too_many', 'more webhooks than can be looked at', { hint: 'they are asked for later' })
    const fresh = await take(app, { guid, event, payload: parsed(bytes) ?? refuse('bad_request', 'the body is no JSON') })
    await store.noteHook(app, { heardAt: clock.now() })
    return Response.json({ taken: fresh }, { status: fresh ? 202 : 200 })
  }
  return {
    take,
    onHint(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async receive(request) {
      if (reading >= AT_ONCE) throw new BerthError('too_many', 'too many webhooks at once', { hint: 'send it again later' })
      reading++
      try {
        return await received(request)
      } finally {
        reading--
      }
    },
  }
}

function headOf({ method, headers }: Request): { guid: string; event: string; signature: string; appId: number } | null {
  const guid = headers.get('x-github-delivery') ?? ''
  const event = headers.get('x-github-event') ?? ''
  const signature = headers.get('x-hub-signature-256') ?? ''
  const appId = Number(headers.get('x-github-hook-installation-target-id'))
  const whole = method === 'POST' && GUID.test(guid) && EVENT.test(event) && SIGNATURE.test(signature) && Number.isSafeInteger(appId) && appId > 0
  return whole && headers.get('content-type')?.split(';')[0] === 'application/json' ? { guid: guid.toLowerCase(), event, signature, appId } : null
}

/** Numbers of apps are each GitHub's own: the secret tells which of them it is. */
async function signerOf(store: HooksDeps['store'], { appId, signature, bytes }: { appId: number; signature: string; bytes: Uint8Array }): Promise<HookedApp | null> {
  const given = Buffer.from(signature.slice('sha256='.length), 'hex')
  for (const { orgId, origin } of await store.withAppId(appId)) {
    const secret = (await store.key(orgId, origin))?.key.webhookSecret ?? null
    if (secret !== null && secret !== '' && timingSafeEqual(createHmac('sha256', secret).update(bytes).digest(), given)) return { orgId, origin, appId }
  }
  return null
}

/** So many in a minute for each name. */
function createPace(clock: Clock): (name: string) => boolean {
  const counted = new Map<string, { since: number; count: number }>()
  return (name) => {
    const now = clock.now()
    const present = counted.get(name)
    if (present === undefined || now - present.since >= MINUTE_MS) {
      counted.set(name, { since: now, count: 1 })
      return true
    }
    present.count += 1
    return present.count <= PER_MINUTE
  }
}

function actionOf(payload: unknown): string | null {
  const { action } = (payload ?? {}) as { action?: unknown }
  return typeof action === 'string' ? action.slice(0, 60) : null
}

function parsed(bytes: Uint8Array): object | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    return typeof value === 'object' ? value : null
  } catch {
    return null
  }
}
