/** What telling people needs kept: their settings, their devices, what is to be told, and the answers a notification may give. */
import type { ApprovalId, Decision, OrgId, UserId, WorkspaceId } from '@berth/wire'
import type { NotifyMessage, PushDevice, Settings } from '@berth/wire/settings'

/** Secrets. */
export interface ChannelSecrets { readonly ntfyToken: string | null; readonly webhookSecret: string | null }
export interface OwnSettings {
  readonly settings: Settings
  readonly secrets: ChannelSecrets
  /** Since when a channel has the address it has: what happened before is not told to it. */
  readonly since: { readonly ntfy: number | null; readonly webhook: number | null }
}
export interface SettingsStore {
  /** What a person never changed is the default. */
  get(userId: UserId): Promise<OwnSettings>
  /** One after the other for each person. */
  change(userId: UserId, edit: (before: OwnSettings) => OwnSettings, now: number): Promise<OwnSettings>
}

/** A secret: whoever has it can write to the device. */
export interface PushSubscription { readonly endpoint: string; readonly keys: { readonly p256dh: string; readonly auth: string } }
export interface PushDeviceStore {
  list(userId: UserId): Promise<PushDevice[]>
  /** The same endpoint again replaces its row. */
  add(userId: UserId, device: { name: string; subscription: PushSubscription }, now: number): Promise<PushDevice>
  remove(userId: UserId, deviceId: string): Promise<boolean>
  subscription(deviceId: string): Promise<PushSubscription | null>
  /** `failing` null: it was told. */
  mark(deviceId: string, failing: string | null, now: number): Promise<void>
}

/** `push:<device>`, `ntfy` or `webhook`. */
export type Channel = `push:${string}` | 'ntfy' | 'webhook'
/** As it is kept: tokens are made when it is sent and stand in no row. */
export type KeptMessage = Omit<NotifyMessage, 'decide'>
export interface NewNotification {
  /** The same thing is told once to one channel. */
  readonly key: string
  readonly userId: UserId
  readonly channel: Channel
  readonly message: KeptMessage
  readonly dueAt: number
  /** Not to be told, and why: the row only keeps it from being told later. */
  readonly gaveUp?: string
}
export interface ClaimedNotification extends NewNotification { readonly id: string; readonly attempts: number; readonly createdAt: number }
export type SendOutcome =
  | { readonly do: 'sent' }
  /** Held, or to be tried again; `counts`: it was an attempt. */
  | { readonly do: 'later'; readonly at: number; readonly counts: boolean }
  | { readonly do: 'drop'; readonly why: string }

export interface NotificationStore {
  /** People who have a channel, each with all of theirs. */
  channels(): Promise<{ userId: UserId; channels: { channel: Channel; since: number }[] }[]>
  /** Written once for each key and channel. One that waits under the same tag is replaced by the newer one. */
  add(rows: readonly NewNotification[], now: number): Promise<number>
  /** How often one workspace was told of over the channel that heard most, since then. */
  toldSince(workspaceId: WorkspaceId, since: number): Promise<number>
  /** When somebody may be told changed: what was not tried yet is looked at again now. Reminders keep their time. */
  hasten(userId: UserId, now: number): Promise<void>
  /** Nobody needs to answer any more: what was not told yet is not told, and what was told is withdrawn. */
  settle(approvalId: ApprovalId, now: number): Promise<number>
  /** Due ones, each counted as tried and due again after `leaseMs` should this server die. */
  claim(options: { limit: number; leaseMs: number }, now: number): Promise<ClaimedNotification[]>
  finish(id: string, outcome: SendOutcome, now: number): Promise<void>
  nextDue(): Promise<number | null>
  /** Rows that are done with, and tokens, older than that. */
  prune(before: { done: number; tokens: number }): Promise<void>
}

/** One answer to one request with one content, once. Kept hashed. */
export interface DecisionTokenStore {
  mint(token: { approvalId: ApprovalId; contentHash: string; userId: UserId; behavior: Decision['behavior'] }, now: number): Promise<string>
  /** Null: unknown, used, or older than `notBefore`. Used up by being asked for. */
  redeem(token: string, notBefore: number, now: number): Promise<{ approvalId: ApprovalId; contentHash: string; behavior: Decision['behavior']; userId: UserId; userName: string; orgId: OrgId } | null>
}

export interface ServerKeyStore {
  /** Made once; of several servers that make it at once one wins. `secret` is a secret. */
  key(name: string, make: () => { publicKey: string; secret: string }, now: number): Promise<{ publicKey: string; secret: string }>
}
