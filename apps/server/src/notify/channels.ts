/** One message over one channel. What a channel refused is a value: the outbox decides what follows. */
import { createHash, createHmac } from 'node:crypto'
import type { ClaimedNotification, OwnSettings, PushSubscription } from '@berth/core'
import { BerthError } from '@berth/wire'
import { PUSH_DECISION_PATH } from '@berth/wire/settings'
import type { NotifyMessage } from '@berth/wire/settings'
import type { GuardedAnswer, GuardedFetch } from './guarded-fetch.ts'
import { encryptPush, PAYLOAD_LIMIT_BYTES, vapidAuthorization } from './web-push.ts'
import type { VapidKeys } from './web-push.ts'

export type Sent =
  | { readonly ok: true }
  /** `gone`: nobody listens there any more, or never will. */
  | { readonly ok: false; readonly gone: boolean; readonly why: string; readonly afterMs: number | null }

/** What a channel asks of the message: tokens are only made for one that may carry them. */
export interface ChannelSender {
  readonly mayDecide: boolean
  send(message: NotifyMessage): Promise<Sent>
}

export interface SenderDeps {
  readonly fetch: GuardedFetch
  readonly vapid: VapidKeys
  readonly contact: string
  readonly pageUrl: string
  now(): number
}

const PUSH_KEEP_SECONDS = 24 * 3600
const isUrgent = ({ reason, withdraw }: NotifyMessage): boolean => !withdraw && (reason === 'needs-you' || reason === 'reminder' || reason === 'failed')

function pushSender(deps: SenderDeps, { endpoint, keys }: PushSubscription): ChannelSender {
  return {
    mayDecide: true,
    send: (message) => attempt(deps.fetch, () => ({
      url: endpoint,
      headers: {
        authorization: vapidAuthorization(deps.vapid, endpoint, { contact: deps.contact, now: deps.now() }),
        'content-type': 'application/octet-stream', 'content-encoding': 'aes128gcm', ttl: String(PUSH_KEEP_SECONDS), urgency: isUrgent(message) ? 'high' : 'normal',
        // Of what a device that was off missed, it gets the newest of each card.
        topic: createHash('sha256').update(message.tag).digest('base64url').slice(0, 32),
      },
      body: encryptPush(new TextEncoder().encode(fitting(message)), keys),
    }), [404, 410])
  }
}

/** A body that is long in bytes is cut: the rest is a tap away. */
function fitting(message: NotifyMessage): string {
  let body = message.body
  for (;;) {
    const text = JSON.stringify({ ...message, body })
    if (Buffer.byteLength(text) <= PAYLOAD_LIMIT_BYTES || body === '') return text
    body = body.slice(0, Math.floor(body.length / 2)).toWellFormed()
  }
}

/** A topic that anybody may read must not carry answers: only one that asks for a token does. */
function ntfySender(deps: SenderDeps, { url, token }: { url: string; token: string | null }): ChannelSender {
  const target = new URL(url)
  const [topic = '', ...base] = target.pathname.split('/').filter(Boolean).toReversed()
  const root = `${target.origin}/${base.toReversed().join('/')}`
  const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` }
  return {
    mayDecide: token !== null,
    async send(message) {
      const sequence = message.tag.replace(/[^A-Za-z0-9_-]/g, '-').slice(0, 64)
      if (message.withdraw) {
        const taken = await attempt(deps.fetch, () => ({ url: `${root}${root.endsWith('/') ? '' : '/'}${topic}/${sequence}`, method: 'DELETE', headers, body: '' }), [])
        // An older ntfy cannot take one away; that is no reason to go on trying.
        return taken.ok || taken.afterMs === null ? { ok: true } : taken
      }
      const answer = (label: string, value: string) => ({ action: 'http', label, url: `${deps.pageUrl}${PUSH_DECISION_PATH}`, method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ token: value }), clear: true })
      return attempt(deps.fetch, () => ({
        url: root, headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify({
          topic, title: message.title, message: message.body || message.title, sequence_id: sequence, click: absolute(deps, message), priority: isUrgent(message) ? 4 : 3,
          ...(message.decide === null ? {} : { actions: [answer('Allow', message.decide.allow), answer('Deny', message.decide.deny)] }),
        }),
      }), [])
    },
  }
}

function webhookSender(deps: SenderDeps, { url, secret }: { url: string; secret: string | null }): ChannelSender {
  return {
    mayDecide: true,
    send: (message) => attempt(deps.fetch, () => {
      const body = JSON.stringify({ ...message, url: absolute(deps, message) })
      return { url, headers: { 'content-type': 'application/json', ...(secret === null ? {} : { 'berth-signature': signature(secret, body, deps.now()) }) }, body }
    }, [410]),
  }
}

function signature(secret: string, body: string, now: number): string {
  const at = Math.floor(now / 1000)
  return `t=${at},v1=${createHmac('sha256', secret).update(`${at}.${body}`).digest('hex')}`
}

const absolute = ({ pageUrl }: SenderDeps, { url }: NotifyMessage): string => `${pageUrl}${url}`

async function attempt(fetch: GuardedFetch, build: () => Parameters<GuardedFetch>[0], goneStatuses: readonly number[]): Promise<Sent> {
  try {
    return outcome(await fetch(build()), goneStatuses)
  } catch (error) {
    // What the address or the keys are, no later try changes.
    if (error instanceof BerthError && error.code !== 'network_unreachable') return { ok: false, gone: true, why: error.message, afterMs: null }
    return { ok: false, gone: false, why: error instanceof BerthError ? error.message : `no answer (${error instanceof Error ? error.name : 'unknown'})`, afterMs: null }
  }
}

/** The words of the other side are not repeated: they may hold what was sent. */
function outcome({ status, retryAfterMs }: GuardedAnswer, goneStatuses: readonly number[]): Sent {
  if (status >= 200 && status < 300) return { ok: true }
  const passing = status === 429 || status === 408 || status >= 500
  return { ok: false, gone: !passing && !REFUSED_FOR_NOW.has(status) || goneStatuses.includes(status), why: `HTTP ${status}`, afterMs: retryAfterMs }
}

/** A token that expired or a proxy in between: somebody may mend it within the day. */
const REFUSED_FOR_NOW = new Set([401, 403, 407])

/** Null: the channel is not there any more. */
export function senderFor(deps: SenderDeps, row: Pick<ClaimedNotification, 'channel'>, of: { own: OwnSettings; subscription: PushSubscription | null }): ChannelSender | null {
  const { notify } = of.own.settings
  if (row.channel === 'ntfy') return notify.ntfy === null ? null : ntfySender(deps, { url: notify.ntfy.url, token: of.own.secrets.ntfyToken })
  if (row.channel === 'webhook') return notify.webhook === null ? null : webhookSender(deps, { url: notify.webhook.url, secret: of.own.secrets.webhookSecret })
  return of.subscription === null ? null : pushSender(deps, of.subscription)
}
