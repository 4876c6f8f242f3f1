/** A person's own words, and where they want to be told what. */
import { isZone } from '@berth/core'
import type { Clock, OwnSettings, Store } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { UserId } from '@berth/wire'
import type { NotifySettings, PushDevice, settingsApi, Settings } from '@berth/wire/settings'
import type { z } from 'zod'
import { checkedUrl } from '../notify/guarded-fetch.ts'
import type { Notifying } from '../notify/index.ts'
import { subscriptionKeys } from '../notify/web-push.ts'

export interface SettingsDeps {
  readonly store: Pick<Store, 'settings' | 'devices' | 'notifications'>
  readonly clock: Clock
  readonly notifying: Pick<Notifying, 'allowPrivate' | 'changed'>
}
type InputOf<K extends keyof typeof settingsApi> = z.infer<NonNullable<(typeof settingsApi)[K]['~orpc']['inputSchema']>>
export type SettingsChange = InputOf<'changeSettings'>

export async function getSettings(deps: SettingsDeps, userId: UserId): Promise<Settings> {
  return (await deps.store.settings.get(userId)).settings
}

export async function changeSettings(deps: SettingsDeps, userId: UserId, change: SettingsChange): Promise<Settings> {
  checkNotify(deps, change.notify)
  const now = deps.clock.now()
  await deps.store.settings.change(userId, (before) => changed(before, change, now), now)
  if (change.notify?.quiet !== undefined) await deps.store.notifications.hasten(userId, now)
  deps.notifying.changed()
  return getSettings(deps, userId)
}

/** Pure. A secret goes with the address it was given for: at another one it would be told to a stranger. */
function changed(before: OwnSettings, change: SettingsChange, now: number): OwnSettings {
  const had = before.settings.notify
  const given = change.notify
  const notify: NotifySettings = {
    reasons: given?.reasons ?? had.reasons, reminderMs: given?.reminderMs ?? had.reminderMs,
    quiet: given?.quiet === undefined ? had.quiet : given.quiet, ntfy: given?.ntfy === undefined ? had.ntfy : given.ntfy, webhook: given?.webhook === undefined ? had.webhook : given.webhook,
  }
  const moved = (channel: 'ntfy' | 'webhook') => originOf(had[channel]?.url) !== originOf(notify[channel]?.url)
  const secret = (channel: 'ntfy' | 'webhook', written: string | null | undefined, kept: string | null) =>
    notify[channel] === null ? null : written === undefined ? (moved(channel) ? null : kept) : written
  const since = (channel: 'ntfy' | 'webhook') => {
    const url = notify[channel]?.url
    return url === undefined ? null : had[channel]?.url === url ? before.since[channel] : now
  }
  return {
    settings: { phrases: change.phrases ?? before.settings.phrases, notify },
    secrets: {
      ntfyToken: secret('ntfy', change.ntfyToken, before.secrets.ntfyToken),
      webhookSecret: secret('webhook', change.webhookSecret, before.secrets.webhookSecret),
    },
    since: { ntfy: since('ntfy'), webhook: since('webhook') },
  }
}

const originOf = (url: string | undefined): string => (url === undefined ? '' : new URL(url).origin)

function checkNotify({ notifying }: SettingsDeps, change: SettingsChange['notify']): void {
  const { quiet, ntfy, webhook } = change ?? {}
  if (quiet && !isZone(quiet.zone)) throw new BerthError('bad_request', `there is no time zone ${JSON.stringify(quiet.zone)}`, { hint: 'give an IANA name, like Europe/Berlin' })
  if (webhook) checkedUrl(webhook.url, notifying.allowPrivate)
  if (!ntfy) return
  const { pathname } = checkedUrl(ntfy.url, notifying.allowPrivate)
  if (!/\/[A-Za-z0-9_-]{1,64}$/.test(pathname)) throw new BerthError('bad_request', 'the address names no ntfy topic', { hint: 'give it as https://ntfy.example/your-topic' })
}

export async function addPushDevice(deps: SettingsDeps, userId: UserId, { name, subscription }: InputOf<'addPushDevice'>): Promise<PushDevice> {
  checkedUrl(subscription.endpoint, deps.notifying.allowPrivate)
  subscriptionKeys(subscription.keys)
  const device = await deps.store.devices.add(userId, { name, subscription }, deps.clock.now())
  deps.notifying.changed()
  return device
}

export async function removePushDevice(deps: SettingsDeps, userId: UserId, deviceId: string): Promise<{ removed: boolean }> {
  const removed = await deps.store.devices.remove(userId, deviceId)
  deps.notifying.changed()
  return { removed }
}
