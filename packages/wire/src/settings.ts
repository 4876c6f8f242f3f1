/** What belongs to a person on every device: their words, and what they want to be told, where and when. */
import { oc } from '@orpc/contract'
import { z } from 'zod'

/** Why a person is told. A permission cannot be switched off for all channels at once without saying so (`needs-you`). */
export const NotifyReason = z.enum(['needs-you', 'turn-done', 'failed', 'stopped', 'reminder'])
export type NotifyReason = z.infer<typeof NotifyReason>

export const NotifySettings = z.object({
  reasons: z.record(NotifyReason, z.boolean()),
  /** Minutes since midnight where the person is, `zone` an IANA name; null: never quiet. `needs-you` is held back too, and told at its end. */
  quiet: z.object({ fromMinute: z.number().int().min(0).max(1439), toMinute: z.number().int().min(0).max(1439), zone: z.string().max(64) }).nullable(),
  /** Told again when nobody answered for so long. 0: never. */
  reminderMs: z.number().int().min(0).max(24 * 3600_000),
  /** A topic URL of an ntfy server. The token is kept sealed and never given back. */
  ntfy: z.object({ url: z.url().max(512), hasToken: z.boolean() }).nullable(),
  /** Gets POST of a NotifyMessage, signed: `Berth-Signature: t=<s>,v1=<hex hmac-sha256 of "t.body">`. */
  webhook: z.object({ url: z.url().max(512), hasSecret: z.boolean() }).nullable(),
})
export type NotifySettings = z.infer<typeof NotifySettings>

export const Settings = z.object({
  /** Chips above the composer, in order. */
  phrases: z.array(z.string().min(1).max(200)).max(12),
  notify: NotifySettings,
})
export type Settings = z.infer<typeof Settings>
export { DEFAULT_PHRASES } from './phrases.ts'

/** What a notification holds. `decide`: one-time tokens, each for one answer to one request with this content. */
export const NotifyMessage = z.object({
  /** `ending`: a repository that the server keeps is about to go; that is told whatever is switched off. */
  reason: z.enum([...NotifyReason.options, 'ending']), title: z.string().max(120), body: z.string().max(500),
  /** One card on a device: a later one with the same tag takes its place. */
  tag: z.string().max(100), url: z.string().max(512),
  workspaceId: z.string(), approvalId: z.string().nullable(),
  decide: z.object({ allow: z.string(), deny: z.string() }).nullable(),
  /** The request was answered: take the card away. */
  withdraw: z.boolean(),
})
export type NotifyMessage = z.infer<typeof NotifyMessage>

export const PushDevice = z.object({ id: z.string(), name: z.string(), addedAt: z.number(), lastSentAt: z.number().nullable(), failing: z.string().nullable() })
export type PushDevice = z.infer<typeof PushDevice>

const tag = { tags: ['settings'] }
const Empty = z.object({})
/** Spread into `api`. */
export const settingsApi = {
  getSettings: oc.route({ method: 'GET', path: '/settings', summary: 'My settings', ...tag }).output(Settings),
  /** Fields given replace; secrets (`ntfyToken`, `webhookSecret`) are written only, null takes one away. */
  changeSettings: oc.route({ method: 'PATCH', path: '/settings', summary: 'Change my settings', ...tag })
    .input(z.object({ phrases: Settings.shape.phrases.optional(), notify: NotifySettings.partial().optional(), ntfyToken: z.string().max(500).nullable().optional(), webhookSecret: z.string().max(500).nullable().optional() })).output(Settings),
  /** Base64url of the uncompressed P-256 point, for `pushManager.subscribe`. */
  pushKey: oc.route({ method: 'GET', path: '/push/key', summary: 'The key of this server for web push', ...tag }).output(z.object({ publicKey: z.string() })),
  listPushDevices: oc.route({ method: 'GET', path: '/push/devices', summary: 'Devices that are told', ...tag }).output(z.array(PushDevice)),
  addPushDevice: oc.route({ method: 'POST', path: '/push/devices', summary: 'Tell this device', ...tag })
    .input(z.object({ name: z.string().min(1).max(80), subscription: z.object({ endpoint: z.url().max(2048), keys: z.object({ p256dh: z.string().max(200), auth: z.string().max(100) }) }) })).output(PushDevice),
  removePushDevice: oc.route({ method: 'DELETE', path: '/push/devices/{deviceId}', summary: 'No longer tell a device', ...tag }).input(z.object({ deviceId: z.string().max(64) })).output(z.object({ removed: z.boolean() })),
  testNotification: oc.route({ method: 'POST', path: '/push/test', summary: 'Send one to every channel', ...tag }).input(Empty).output(z.array(z.object({ channel: z.string(), ok: z.boolean(), detail: z.string().nullable() }))),
  /** Repositories this server has seen, and local ones it was shown: for the form of a new workspace. */
  listRepositories: oc.route({ method: 'GET', path: '/repositories', summary: 'Repositories to choose from', ...tag }).input(z.object({ query: z.string().max(200).default('') })).output(z.array(z.object({ url: z.string(), label: z.string(), branches: z.array(z.string()), lastUsedAt: z.number() }))),
}
/**
 * POST, JSON {token}: the answer given in a notification. No cookie is needed: the token is the credential, for one
 * answer to one request, once. 200 the approval's state · 403 unknown, used, foreign or stale · 409 somebody was first.
 */
export const PUSH_DECISION_PATH = '/api/v1/push/decision'
