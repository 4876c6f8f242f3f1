/** Keys of model vendors, sealed under the master key. */
import type { KeptModelKey, ModelKeyStore } from '@berth/core'
import { ModelKey, OAuthLogin } from '@berth/wire/model-access'
import type { StoreContext } from './context.ts'
import { seal, unseal } from './crypto.ts'

/** Bound to its vendor's address: a key moved to another row, or told to go elsewhere, does not open. */
export const subjectOf = (orgId: string, vendor: string, baseUrl: string): string => `model-key ${orgId} ${vendor} ${baseUrl}`
export const furtherSubject = (orgId: string, vendor: string, { name, baseUrl, kind }: { name: string; baseUrl: string; kind: string }): string => `model-key ${orgId} ${vendor} ${name} ${kind} ${baseUrl}`

interface Further { readonly name: string; readonly userId: string | null; readonly baseUrl: string; readonly kind: 'key' | 'oauth'; readonly sealed: string }

export function createModelKeys({ sql, random, masterKey }: StoreContext): ModelKeyStore {
  const columns = sql`vendor, base_url, added_at, last_used_at, limit_micros`
  const further = sql`vendor, base_url, added_at, last_used_at, null as limit_micros, name, kind, user_id is not null as personal`
  const first: ModelKeyStore['key'] = async (orgId, vendor) => {
    const [row] = await sql<{ baseUrl: string; sealed: string; limitMicros: number | null }[]>`select base_url, sealed, limit_micros from model_keys where org_id = ${orgId} and vendor = ${vendor}`
    return row === undefined ? null : { baseUrl: row.baseUrl, limitMicros: row.limitMicros, key: unseal(row.sealed, { key: masterKey, subject: subjectOf(orgId, vendor, row.baseUrl) }) }
  }
  return {
    list: async (orgId) => [
      ...await sql`select ${columns} from model_keys where org_id = ${orgId} order by vendor`, ...await sql`select ${further} from model_fallbacks where org_id = ${orgId} order by vendor, position`,
    ].map((row) => ModelKey.parse(row)),
    async put({ orgId, vendor, baseUrl, key, limitMicros }, now) {
      const row = { orgId, vendor, baseUrl, sealed: seal(key, { key: masterKey, subject: subjectOf(orgId, vendor, baseUrl), random }), limitMicros, addedAt: now }
      const [kept] = await sql`insert into model_keys ${sql(row)} on conflict (org_id, vendor) do update set ${sql(row)} returning ${columns}`
      return ModelKey.parse(kept)
    },
    remove: async (orgId, vendor) => (await sql`delete from model_keys where org_id = ${orgId} and vendor = ${vendor}`).count > 0,
    key: first,
    async inOrder(orgId, vendor, userId) {
      const [main, others] = await Promise.all([
        first(orgId, vendor),
        sql<Further[]>`select name, user_id, base_url, kind, sealed from model_fallbacks where org_id = ${orgId} and vendor = ${vendor} and (user_id is null or user_id = ${userId}) order by position`,
      ])
      const opened = others.map((row) => ({ isOwn: row.userId !== null, kept: open(row, unseal(row.sealed, { key: masterKey, subject: furtherSubject(orgId, vendor, row) })) }))
      const mine = opened.filter(({ isOwn }) => isOwn).map(({ kept }) => kept)
      const rest = opened.filter(({ isOwn }) => !isOwn).map(({ kept }) => kept)
      return { limitMicros: main?.limitMicros ?? null, keys: [...mine, ...(main === null ? [] : [{ name: null, baseUrl: main.baseUrl, key: main.key }]), ...rest] }
    },
    async putFurther({ orgId, vendor, name, userId, baseUrl, key }, now) {
      const kind = typeof key === 'string' ? 'key' : 'oauth'
      const sealed = seal(typeof key === 'string' ? key : JSON.stringify(key), { key: masterKey, subject: furtherSubject(orgId, vendor, { name, baseUrl, kind }), random })
      const row = { orgId, vendor, name, userId, baseUrl, kind, sealed, addedAt: now, position: now }
      const [kept] = await sql`insert into model_fallbacks ${sql(row)} on conflict (org_id, vendor, name) do update set ${sql(row)} returning ${further}`
      return ModelKey.parse(kept)
    },
    removeFurther: async (orgId, vendor, name) => (await sql`delete from model_fallbacks where org_id = ${orgId} and vendor = ${vendor} and name = ${name}`).count > 0,
    async renewLogin({ orgId, vendor, name }, renew) {
      return sql.begin(async (tx) => {
        const [row] = await tx<Further[]>`select name, user_id, base_url, kind, sealed from model_fallbacks where org_id = ${orgId} and vendor = ${vendor} and name = ${name} and kind = 'oauth' for update`
        if (row === undefined) return null
        const subject = furtherSubject(orgId, vendor, row)
        const before = OAuthLogin.parse(JSON.parse(unseal(row.sealed, { key: masterKey, subject })))
        const after = await renew(before)
        if (after !== null) await tx`update model_fallbacks set sealed = ${seal(JSON.stringify(after), { key: masterKey, subject, random })} where org_id = ${orgId} and vendor = ${vendor} and name = ${name}`
        return after ?? before
      })
    },
  }
}

function open({ name, baseUrl, kind }: Further, text: string): KeptModelKey {
  if (kind === 'key') return { name, baseUrl, key: text }
  const login = OAuthLogin.parse(JSON.parse(text))
  return { name, baseUrl, key: login.accessToken, login }
}
