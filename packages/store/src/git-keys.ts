/** Keys that the server uses in a repository's or a person's stead, sealed under the master key; who commits. */
import type { CommitIdentityRow, CommitIdentityStore, DeployKeyStore, KeptDeployKey } from '@berth/core'
import type { StoreContext } from './context.ts'
import { seal, unseal } from './crypto.ts'

/** Bound to its repository: a key moved to another row does not open. */
export const deployKeySubject = (id: string, origin: string, path: string): string => `deploy-key ${id} ${origin} ${path}`
export const signingKeySubject = (userId: string, publicKey: string): string => `signing-key ${userId} ${publicKey}`

export function createDeployKeys({ sql, ids, random, masterKey }: StoreContext): DeployKeyStore {
  const columns = sql`id, origin, path, ssh_url, public_key, host_keys, added_at, last_used_at`
  return {
    list: async (orgId) => sql<KeptDeployKey[]>`select ${columns} from deploy_keys where org_id = ${orgId} order by origin, path`,
    async put({ seed, ...key }, now) {
      return sql.begin(async (tx) => {
        await tx`delete from deploy_keys where org_id = ${key.orgId} and origin = ${key.origin} and path = ${key.path}`
        const id = ids.deployKey()
        const sealed = seal(seed, { key: masterKey, subject: deployKeySubject(id, key.origin, key.path), random })
        const [row] = await tx<KeptDeployKey[]>`insert into deploy_keys ${tx({ ...key, id, sealed, addedAt: now })} returning ${columns}`
        if (row === undefined) throw new Error('the row that was just written is not there')
        return row
      })
    },
    async remove(orgId, id) {
      const [row] = await sql<KeptDeployKey[]>`delete from deploy_keys where org_id = ${orgId} and id = ${id} returning ${columns}`
      return row ?? null
    },
    async of(orgId, { origin, path }) {
      const [row] = await sql<(KeptDeployKey & { sealed: string })[]>`select ${columns}, sealed from deploy_keys where org_id = ${orgId} and origin = ${origin} and path = ${path}`
      if (row === undefined) return null
      const { sealed, ...key } = row
      return { ...key, seed: unseal(sealed, { key: masterKey, subject: deployKeySubject(key.id, key.origin, key.path) }) }
    },
    async used(id, now) { await sql`update deploy_keys set last_used_at = ${now} where id = ${id}` },
  }
}

export function createCommitIdentities({ sql, random, masterKey }: StoreContext): CommitIdentityStore {
  return {
    async get(userId) {
      const [row] = await sql<CommitIdentityRow[]>`select name, email, own, co_author from commit_identities where user_id = ${userId}`
      return row ?? null
    },
    async put(userId, identity, now) {
      const row = { ...identity, userId, updatedAt: now }
      await sql`insert into commit_identities ${sql(row)} on conflict (user_id) do update set ${sql(row)}`
    },
    async signingKey(userId) {
      const [row] = await sql<{ publicKey: string; addedAt: number; lastUsedAt: number | null }[]>`select public_key, added_at, last_used_at from signing_keys where user_id = ${userId}`
      return row ?? null
    },
    async putSigningKey(userId, { publicKey, seed }, now) {
      const row = { userId, publicKey, sealed: seal(seed, { key: masterKey, subject: signingKeySubject(userId, publicKey), random }), addedAt: now, lastUsedAt: null }
      await sql`insert into signing_keys ${sql(row)} on conflict (user_id) do update set ${sql(row)}`
    },
    removeSigningKey: async (userId) => (await sql`delete from signing_keys where user_id = ${userId}`).count > 0,
    async useSigningKey(userId, now) {
      const [row] = await sql<{ publicKey: string; sealed: string }[]>`update signing_keys set last_used_at = ${now} where user_id = ${userId} returning public_key, sealed`
      return row === undefined ? null : { publicKey: row.publicKey, seed: unseal(row.sealed, { key: masterKey, subject: signingKeySubject(userId, row.publicKey) }) }
    },
  }
}
