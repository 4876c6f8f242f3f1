/** Sign-ins under way, and who somebody is elsewhere. */
import type { DeviceLoginStore, IdentityStore, Passkey, PasskeyStore, SignInStepStore } from '@berth/core'
import type { OrgId, UserId } from '@berth/wire'
import { z } from 'zod'
import type { StoreContext } from './context.ts'
import { hashToken, newToken } from './crypto.ts'
import { cleanText, json } from './json.ts'
import { tellRights } from './streams.ts'

/** A failure that old says nothing about who tries now. */
const FAILURE_KEEP_MS = 24 * 3600_000
const LIST_LIMIT = 5000
const hashUserCode = (code: string): string => hashToken(`user code ${code}`)

export function createDeviceLogins({ sql, random }: StoreContext): DeviceLoginStore {
  return {
    async begin({ name, address, userCode, expiresAt }, now) {
      const deviceCode = newToken('berthdev', random)
      await sql`delete from device_logins where expires_at <= ${now}`
      await sql`insert into device_logins ${sql({ hash: hashToken(deviceCode), userCodeHash: hashUserCode(userCode), name: cleanText(name), address: cleanText(address), createdAt: now, expiresAt })}`
      return { deviceCode }
    },
    async byUserCode(userCode, now) {
      const [row] = await sql<{ name: string; address: string; createdAt: number; expiresAt: number }[]>`
        select name, address, created_at, expires_at from device_logins where user_code_hash = ${hashUserCode(userCode)} and decision is null and expires_at > ${now}`
      return row ?? null
    },
    async answer(userCode, { decision, userId, orgId }, now) {
      return (await sql`update device_logins set decision = ${decision}, user_id = ${userId}, org_id = ${orgId} where user_code_hash = ${hashUserCode(userCode)} and decision is null and expires_at > ${now} returning hash`).length > 0
    },
    async take(deviceCode, now) {
      const hash = hashToken(deviceCode)
      const [taken] = await sql<{ decision: string; userId: UserId; orgId: OrgId; name: string }[]>`
        delete from device_logins where hash = ${hash} and decision is not null and expires_at > ${now} returning decision, user_id, org_id, name`
      if (taken?.decision === 'approve') return { state: 'approved', userId: taken.userId, orgId: taken.orgId, name: taken.name }
      if (taken !== undefined) return { state: 'denied' }
      return (await sql`select 1 from device_logins where hash = ${hash} and expires_at > ${now}`).length > 0 ? { state: 'waiting' } : null
    },
  }
}

export function createSignInSteps({ sql, random }: StoreContext): SignInStepStore {
  return {
    async put({ kind, data, expiresAt }) {
      const secret = newToken('berthstep', random)
      await sql`insert into sign_in_steps ${sql({ hash: hashToken(secret), kind, data: json(sql, data), expiresAt })}`
      return secret
    },
    async take(secret, kind, now) {
      const [row] = await sql<{ data: unknown; expiresAt: number }[]>`delete from sign_in_steps where hash = ${hashToken(secret)} and kind = ${kind} returning data, expires_at`
      return row === undefined || row.expiresAt <= now ? null : z.record(z.string(), z.unknown()).parse(row.data)
    },
    async failed(key, now) {
      const [row] = await sql<{ failures: number }[]>`
        insert into sign_in_failures ${sql({ key, failures: 1, lastAt: now, blockedUntil: 0 })}
        on conflict (key) do update set last_at = ${now}, failures = case when sign_in_failures.last_at < ${now - FAILURE_KEEP_MS} then 1 else sign_in_failures.failures + 1 end returning failures`
      return row?.failures ?? 1
    },
    async block(key, until) { await sql`update sign_in_failures set blocked_until = ${until} where key = ${key}` },
    async blockedUntil(key) { return (await sql<{ blockedUntil: number }[]>`select blocked_until from sign_in_failures where key = ${key}`)[0]?.blockedUntil ?? 0 },
    async forget(key) { await sql`delete from sign_in_failures where key = ${key}` },
  }
}

export function createIdentities({ sql, ids }: StoreContext): IdentityStore {
  return {
    async userOf(provider, subject) {
      return (await sql<{ userId: UserId }[]>`select user_id from user_identities where provider = ${provider} and subject = ${subject}`)[0]?.userId ?? null
    },
    async link({ provider, subject, userId, login }, now) {
      // Whose it is does not change: another user's is not taken over.
      await sql`insert into user_identities ${sql({ provider, subject, userId, login: cleanText(login), addedAt: now })} on conflict (provider, subject) do update set login = excluded.login`
    },
    async createUser({ name, orgId, role }, now) {
      const userId = ids.user()
      await sql.begin(async (tx) => {
        await tx`insert into users ${tx({ id: userId, name: cleanText(name), createdAt: now })}`
        await tx`insert into memberships ${tx({ orgId, userId, role, createdAt: now })}`
      })
      return userId
    },
    async linked(provider) {
      return [...await sql<{ userId: UserId; subject: string; login: string }[]>`select user_id, subject, login from user_identities where provider = ${provider} order by added_at limit ${LIST_LIMIT}`]
    },
    async repositories(orgId) {
      return (await sql<{ repository: string }[]>`select distinct repository from workspaces where org_id = ${orgId} and deleted_at is null and repository <> '' limit ${LIST_LIMIT}`).map(({ repository }) => repository)
    },
    async setRepositoryAccess({ userId, orgId, repository, may }, now) {
      await sql.begin(async (tx) => {
        const [before] = await tx<{ may: string }[]>`select may from repository_access where org_id = ${orgId} and user_id = ${userId} and repository = ${repository} for update`
        await tx`insert into repository_access ${tx({ userId, orgId, repository, may, checkedAt: now })} on conflict (org_id, user_id, repository) do update set may = excluded.may, checked_at = excluded.checked_at`
        if (before?.may !== may) await tellRights(tx, userId)
      })
    },
  }
}

const Transports = z.array(z.string()).catch([])
export function createPasskeys({ sql }: StoreContext): PasskeyStore {
  const shown = (row: Omit<Passkey, 'transports'> & { transports: unknown }): Passkey => ({ ...row, transports: Transports.parse(row.transports) })
  const columns = sql`id, user_id, public_key, counter, transports, name, added_at, last_used_at`
  type Row = Parameters<typeof shown>[0]
  return {
    async list(userId) { return (await sql<Row[]>`select ${columns} from passkeys where user_id = ${userId} order by added_at`).map(shown) },
    async get(id) {
      const [row] = await sql<Row[]>`select ${columns} from passkeys where id = ${id}`
      return row === undefined ? null : shown(row)
    },
    async any() { return (await sql`select 1 from passkeys limit 1`).length > 0 },
    async add(passkey, now) { await sql`insert into passkeys ${sql({ ...passkey, name: cleanText(passkey.name), transports: json(sql, [...passkey.transports]), addedAt: now })}` },
    async used(id, counter, now) { await sql`update passkeys set counter = ${counter}, last_used_at = ${now} where id = ${id}` },
    async remove(id, userId) { return (await sql`delete from passkeys where id = ${id} and user_id = ${userId} returning id`).length > 0 },
  }
}
