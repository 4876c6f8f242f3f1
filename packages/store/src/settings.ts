/** What belongs to a person: settings as JSON, secrets of channels sealed beside them. */
import type { OwnSettings, SettingsStore } from '@berth/core'
import type { UserId } from '@berth/wire'
import { DEFAULT_PHRASES, Settings } from '@berth/wire/settings'
import { z } from 'zod'
import type { Queries } from './address.ts'
import type { StoreContext } from './context.ts'
import { seal, unseal } from './crypto.ts'
import { json } from './json.ts'

const DEFAULTS: Settings = {
  phrases: [...DEFAULT_PHRASES],
  notify: { reasons: { 'needs-you': true, 'turn-done': true, failed: true, stopped: false, reminder: true }, quiet: null, reminderMs: 15 * 60_000, ntfy: null, webhook: null },
}
const Since = z.object({ ntfy: z.number().nullable(), webhook: z.number().nullable() })
const Secrets = z.object({ ntfyToken: z.string().nullable(), webhookSecret: z.string().nullable() })
const NO_SECRETS = { ntfyToken: null, webhookSecret: null } as const
/** Each part by itself: one that an older or newer release wrote otherwise costs only that part. */
const Kept = z.object({
  phrases: Settings.shape.phrases.catch(DEFAULTS.phrases),
  notify: Settings.shape.notify.catch(DEFAULTS.notify),
  since: Since.catch({ ntfy: null, webhook: null }),
}).catch({ ...DEFAULTS, since: { ntfy: null, webhook: null } })

interface Row { readonly settings: unknown; readonly sealed: string | null }

export function createSettings({ sql, masterKey, random }: StoreContext): SettingsStore {
  const read = async (query: Queries, userId: UserId): Promise<OwnSettings> => {
    const [row] = await query<Row[]>`select settings, sealed from user_settings where user_id = ${userId}`
    return ownSettings(row, (sealed) => unseal(sealed, { key: masterKey, subject: userId }))
  }
  return {
    get: (userId) => read(sql, userId),
    async change(userId, edit, now) {
      return sql.begin(async (tx) => {
        await tx`select id from users where id = ${userId} for update`
        const after = edit(await read(tx, userId))
        const { secrets, settings, since } = after
        const sealed = secrets.ntfyToken === null && secrets.webhookSecret === null ? null : seal(JSON.stringify(secrets), { key: masterKey, subject: userId, random })
        await tx`
          insert into user_settings (user_id, settings, sealed, updated_at) values (${userId}, ${json(tx, { ...settings, since })}, ${sealed}, ${now})
          on conflict (user_id) do update set settings = excluded.settings, sealed = excluded.sealed, updated_at = excluded.updated_at`
        return after
      })
    },
  }
}

export function ownSettings(row: Row | undefined, open: (sealed: string) => string): OwnSettings {
  const { since, ...settings } = Kept.parse(row?.settings ?? {})
  const secrets = row === undefined || row.sealed === null ? NO_SECRETS : Secrets.parse(JSON.parse(open(row.sealed)))
  const { ntfy, webhook } = settings.notify
  return {
    settings: { ...settings, notify: {
      ...settings.notify,
      ntfy: ntfy === null ? null : { url: ntfy.url, hasToken: secrets.ntfyToken !== null },
      webhook: webhook === null ? null : { url: webhook.url, hasSecret: secrets.webhookSecret !== null },
    } },
    secrets, since,
  }
}
