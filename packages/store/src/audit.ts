/**
 * The record of what was done with credentials: a chain for each organisation, keyed with the master key, so that who
 * can write to the database alone cannot write a chain that holds.
 */
import { createHash, createHmac } from 'node:crypto'
import type { AuditHead, AuditStore, NewAuditRecord } from '@berth/core'
import { AuditRecord } from '@berth/wire/git-access'
import type { StoreContext } from './context.ts'
import { keysOf } from './crypto.ts'
import type { MasterKey } from './crypto.ts'
import { cleanText } from './json.ts'

/** Before the first record of an organisation. */
const BEGINNING = ''
const PAGE = 1000

type Unhashed = Omit<AuditRecord, 'hash'>
/** By its fields in this order, so that it does not depend on how a database gives a row back. */
const told = ({ n, at, action, workspaceId, actor, subject, allowed, reason, refs, tokenExpiresAt }: Unhashed) =>
  [n, at, action, workspaceId, actor, subject, allowed, reason, refs.map(({ ref, from, to, refused }) => [ref, from, to, refused]), tokenExpiresAt]
export const hashOf = (key: Uint8Array, before: string, record: Unhashed): string => createHmac('sha256', key).update(`audit\n${JSON.stringify([before, ...told(record)])}`).digest('hex')
export const headOf = (record: Unhashed): AuditHead => ({ n: record.n, digest: createHash('sha256').update(JSON.stringify(told(record))).digest('hex') })
/** While keys are changed, a record may be of the older one. */
export const holds = (key: MasterKey, before: string, record: AuditRecord): boolean => keysOf(key).some((one) => hashOf(one, before, record) === record.hash)
const cleaned = (record: NewAuditRecord): NewAuditRecord => ({
  ...record, actor: cleanText(record.actor), subject: cleanText(record.subject), reason: record.reason === null ? null : cleanText(record.reason),
  refs: record.refs.map(({ ref, from, to, refused }) => ({ ref: cleanText(ref), from, to, refused: refused === null ? null : cleanText(refused) })),
})

export function createAudit({ sql, masterKey }: Pick<StoreContext, 'sql' | 'masterKey'>): AuditStore {
  const columns = sql`n, at, action, workspace_id, actor, subject, allowed, reason, refs, token_expires_at, hash`
  return {
    async write(orgId, record, now) {
      return sql.begin(async (tx) => {
        // One after the other: a record holds the hash of the one before.
        await tx`select id from organisations where id = ${orgId} for update`
        const [last] = await tx<{ n: number; hash: string }[]>`select n, hash from audit where org_id = ${orgId} order by n desc limit 1`
        const unhashed: Unhashed = { ...cleaned(record), n: (last?.n ?? 0) + 1, at: now }
        const whole: AuditRecord = { ...unhashed, hash: hashOf(keysOf(masterKey)[0], last?.hash ?? BEGINNING, unhashed) }
        await tx`insert into audit ${tx({ ...whole, orgId, refs: tx.json(whole.refs) })}`
        return whole
      })
    },
    async list(orgId, { workspaceId, before, limit, action, by, refused, since }) {
      const rows = await sql`
        select ${columns} from audit where org_id = ${orgId}
          ${workspaceId === undefined ? sql`` : sql`and workspace_id = ${workspaceId}`} ${before === undefined ? sql`` : sql`and n < ${before}`}
          ${action === undefined ? sql`` : sql`and starts_with(action, ${cleanText(action)})`} ${by === undefined ? sql`` : sql`and strpos(lower(actor), ${cleanText(by.toLowerCase())}) > 0`}
          ${refused === undefined ? sql`` : sql`and allowed = ${!refused}`} ${since === undefined ? sql`` : sql`and at >= ${since}`}
        order by n desc limit ${limit}`
      return rows.map((row) => AuditRecord.parse(row))
    },
    async firstBroken(orgId, seen) {
      let [hash, n] = [BEGINNING, 0]
      for (;;) {
        const rows = await sql`select ${columns} from audit where org_id = ${orgId} and n > ${n} order by n limit ${PAGE}`
        for (const row of rows) {
          const record = AuditRecord.safeParse(row)
          n++
          if (!record.success || record.data.n !== n || !holds(masterKey, hash, record.data)) return n
          if (n === seen?.n && headOf(record.data).digest !== seen.digest) return n
          hash = record.data.hash
        }
        if (rows.length < PAGE) return seen === undefined || n >= seen.n ? null : n + 1
      }
    },
  }
}
