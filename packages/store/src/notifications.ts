/** Devices, what is to be told to them, the answers a notification may give, and the server's own keys. */
import { createHash } from 'node:crypto'
import { askKey, reminderKey } from '@berth/core'
import type { Channel, ClaimedNotification, DecisionTokenStore, NewNotification, NotificationStore, PushDeviceStore, ServerKeyStore } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { ApprovalId, Decision, OrgId, UserId } from '@berth/wire'
import { NotifyMessage, PushDevice } from '@berth/wire/settings'
import { z } from 'zod'
import type { Queries } from './address.ts'
import type { StoreContext } from './context.ts'
import { hashToken, newToken, seal, unseal } from './crypto.ts'
import { cleanText, json } from './json.ts'
import { parseAll } from './rows.ts'

/** Each costs an encryption and a request for everything that is told. */
const DEVICES_PER_USER = 20
const Subscription = z.object({ endpoint: z.string(), keys: z.object({ p256dh: z.string(), auth: z.string() }) })
const Kept = NotifyMessage.omit({ decide: true })
const Row = z.object({
  id: z.string(), key: z.string(), userId: z.string().transform((id) => id as UserId), channel: z.string().transform((name) => name as Channel),
  message: Kept, dueAt: z.number(), attempts: z.number(), createdAt: z.number(),
})
const withdrawKey = (approvalId: string): string => `withdraw:${approvalId}`
const randomId = (prefix: string, random: StoreContext['random']): string => `${prefix}_${Buffer.from(random(9)).toString('base64url')}`

export function createDevices({ sql, masterKey, random }: StoreContext): PushDeviceStore {
  return {
    async list(userId) {
      const rows = await sql`select id, name, added_at, last_sent_at, failing from push_devices where user_id = ${userId} order by added_at, id`
      return rows.map((row) => PushDevice.parse(row))
    },
    async add(userId, { name, subscription }, now) {
      const endpointHash = createHash('sha256').update(subscription.endpoint).digest('hex')
      return sql.begin(async (tx) => {
        await tx`select id from users where id = ${userId} for update`
        // The id is new too: what waits for the old subscription is not sent to this one.
        await tx`delete from push_devices where user_id = ${userId} and endpoint_hash = ${endpointHash}`
        const others = await tx`select id from push_devices where user_id = ${userId}`
        if (others.length >= DEVICES_PER_USER) throw new BerthError('too_many', `${DEVICES_PER_USER} devices are told already`, { hint: 'remove one that you no longer use' })
        const id = randomId('dev', random)
        const sealed = seal(JSON.stringify(subscription), { key: masterKey, subject: id, random })
        const [row] = await tx`
          insert into push_devices ${tx({ id, userId, name: cleanText(name), endpointHash, sealed, addedAt: now })}
          returning id, name, added_at, last_sent_at, failing`
        return PushDevice.parse(row)
      })
    },
    async remove(userId, deviceId) {
      return (await sql`delete from push_devices where id = ${deviceId} and user_id = ${userId} returning id`).length > 0
    },
    async subscription(deviceId) {
      const [row] = await sql<{ sealed: string }[]>`select sealed from push_devices where id = ${deviceId}`
      return row === undefined ? null : Subscription.parse(JSON.parse(unseal(row.sealed, { key: masterKey, subject: deviceId })))
    },
    async mark(deviceId, failing, now) {
      await sql`
        update push_devices set failing = ${failing === null ? null : cleanText(failing)}, last_sent_at = case when ${failing === null} then ${now} else last_sent_at end
        where id = ${deviceId}`
    },
  }
}

export function createNotifications({ sql, random, log }: StoreContext): NotificationStore {
  const newId = () => randomId('ntf', random)
  const insert = async (tx: Queries, row: NewNotification, now: number): Promise<boolean> => {
    const { key, userId, channel, message, dueAt, gaveUp = null } = row
    return (await tx`
      insert into notifications (id, key, user_id, channel, message, due_at, gave_up, created_at)
      values (${newId()}, ${key}, ${userId}, ${channel}, ${json(tx, message)}, ${dueAt}, ${gaveUp}, ${now})
      on conflict (user_id, channel, key) do nothing returning id`).length > 0
  }
  const withdraw = (tx: Queries, { key, userId, channel, message }: Pick<NewNotification, 'key' | 'userId' | 'channel' | 'message'>, now: number) =>
    insert(tx, { key: withdrawKey(key.slice(askKey('').length)), userId, channel, message: { ...message, withdraw: true }, dueAt: now }, now)

  return {
    async channels() {
      const rows = await sql<{ userId: UserId; channel: Channel; since: number }[]>`
        select user_id, 'push:' || id as channel, added_at as since from push_devices
        union all select user_id, 'ntfy', coalesce((settings -> 'since' ->> 'ntfy')::bigint, updated_at) from user_settings where jsonb_typeof(settings -> 'notify' -> 'ntfy') = 'object'
        union all select user_id, 'webhook', coalesce((settings -> 'since' ->> 'webhook')::bigint, updated_at) from user_settings where jsonb_typeof(settings -> 'notify' -> 'webhook') = 'object'`
      return [...Map.groupBy(rows, ({ userId }) => userId)].map(([userId, of]) => ({ userId, channels: of.map(({ channel, since }) => ({ channel, since })) }))
    },

    async add(rows, now) {
      if (rows.length === 0) return 0
      return sql.begin(async (tx) => {
        let added = 0
        for (const row of rows) {
          if (!(await insert(tx, row, now))) continue
          added += 1
          // A reminder has the card's tag too, and is told besides it.
          if (row.message.approvalId === null) await tx`
            update notifications set gave_up = 'a newer one took its place'
            where user_id = ${row.userId} and channel = ${row.channel} and message ->> 'tag' = ${row.message.tag} and key <> ${row.key}
              and sent_at is null and gave_up is null`
        }
        return added
      })
    },

    async toldSince(workspaceId, since) {
      const [row] = await sql<{ most: number }[]>`
        select coalesce(max(told), 0)::int as most from
          (select count(*) as told from notifications where created_at >= ${since} and gave_up is null and message ->> 'workspaceId' = ${workspaceId} group by user_id, channel) as of_channel`
      return row?.most ?? 0
    },

    async hasten(userId, now) {
      await sql`
        update notifications set due_at = ${now}
        where user_id = ${userId} and sent_at is null and gave_up is null and attempts = 0 and due_at > ${now} and message ->> 'reason' <> 'reminder'`
    },

    async settle(approvalId, now) {
      return sql.begin(async (tx) => {
        const [ask, reminder] = [askKey(approvalId), reminderKey(approvalId)]
        await tx`update notifications set gave_up = 'answered' where key in (${ask}, ${reminder}) and sent_at is null and gave_up is null`
        const told = parseAll(await tx`select distinct on (user_id, channel) * from notifications where key in (${ask}, ${reminder}) and sent_at is not null order by user_id, channel, key`, (row) => Row.parse(row), () => {})
        let added = 0
        for (const row of told) if (await withdraw(tx, { ...row, key: ask }, now)) added += 1
        return added
      })
    },

    async claim({ limit, leaseMs }, now) {
      const rows = await sql`
        update notifications set attempts = attempts + 1, due_at = ${now + leaseMs}
        where id in (select id from notifications where sent_at is null and gave_up is null and due_at <= ${now} order by due_at limit ${limit} for update skip locked)
        returning *`
      return parseAll(rows, (row): ClaimedNotification => Row.parse(row), (row, error) => log(`notifications: ${String((row as { id?: string }).id)} cannot be read: ${String(error)}`))
    },

    async finish(id, outcome, now) {
      if (outcome.do === 'drop') return void await sql`update notifications set gave_up = ${cleanText(outcome.why)} where id = ${id} and gave_up is null`
      if (outcome.do === 'later') return void await sql`update notifications set due_at = ${outcome.at}, attempts = attempts - ${outcome.counts ? 0 : 1} where id = ${id}`
      await sql.begin(async (tx) => {
        const [row] = await tx`update notifications set sent_at = ${now} where id = ${id} returning *`
        // Answered while it was on its way: it is told and must go again.
        if (row === undefined || row['gaveUp'] !== 'answered') return
        const sent = Row.parse(row)
        const key = sent.message.approvalId === null ? null : askKey(sent.message.approvalId)
        if (key !== null) await withdraw(tx, { ...sent, key }, now)
      })
    },

    async nextDue() {
      const [row] = await sql<{ dueAt: number | null }[]>`select min(due_at) as due_at from notifications where sent_at is null and gave_up is null`
      return row?.dueAt ?? null
    },

    async prune({ done, tokens }) {
      await sql`delete from notifications where (sent_at is not null or gave_up is not null) and created_at < ${done}`
      await sql`delete from decision_tokens where created_at < ${tokens}`
    },
  }
}

export function createDecisionTokens({ sql, random }: StoreContext): DecisionTokenStore {
  return {
    async mint({ approvalId, contentHash, userId, behavior }, now) {
      const token = newToken('berthans', random)
      await sql`insert into decision_tokens ${sql({ hash: hashToken(token), approvalId, contentHash, userId, behavior, createdAt: now })}`
      return token
    },
    async redeem(token, notBefore, now) {
      const [row] = await sql<{ approvalId: ApprovalId; contentHash: string; behavior: Decision['behavior']; userId: UserId; userName: string; orgId: OrgId }[]>`
        update decision_tokens t set used_at = ${now} from users u, approvals a, workspaces w
        where t.hash = ${hashToken(token)} and t.used_at is null and t.created_at >= ${notBefore}
          and u.id = t.user_id and a.id = t.approval_id and w.id = a.workspace_id
          and exists (select 1 from memberships m where m.user_id = u.id and m.org_id = w.org_id)
        returning t.approval_id, t.content_hash, t.behavior, t.user_id, u.name as user_name, w.org_id`
      return row ?? null
    },
  }
}

export function createServerKeys({ sql, masterKey, random }: StoreContext): ServerKeyStore {
  return {
    async key(name, make, now) {
      const find = async () => (await sql<{ publicKey: string; sealed: string }[]>`select public_key, sealed from server_keys where name = ${name}`)[0]
      let row = await find()
      if (row === undefined) {
        const made = make()
        await sql`
          insert into server_keys ${sql({ name, publicKey: made.publicKey, sealed: seal(made.secret, { key: masterKey, subject: `server_key ${name}`, random }), createdAt: now })}
          on conflict (name) do nothing`
        row = await find()
      }
      if (row === undefined) throw new BerthError('internal', `the key ${name} was written and cannot be read`)
      return { publicKey: row.publicKey, secret: unseal(row.sealed, { key: masterKey, subject: `server_key ${name}` }) }
    },
  }
}
