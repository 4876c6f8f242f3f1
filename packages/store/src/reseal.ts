/**
 * All that is sealed under an older master key, sealed anew under the current one, and the chains of records keyed anew.
 * Each row is changed by itself and only if it is still what was read, so it may be broken off anywhere and begun again.
 */
import { BerthError } from '@berth/wire'
import type { OrgId } from '@berth/wire'
import { AuditRecord } from '@berth/wire/git-access'
import type { Sql } from './address.ts'
import { createAudit, hashOf, holds } from './audit.ts'
import { keysOf, seal, unseal } from './crypto.ts'
import type { MasterKey, Random } from './crypto.ts'
import { subjectOf as gitHostSubject } from './git-hosts.ts'
import { deployKeySubject, signingKeySubject } from './git-keys.ts'
import { subjectOf as githubSubject } from './github.ts'
import { subjectOf as injectionSubject } from './egress.ts'
import { furtherSubject, subjectOf as modelKeySubject } from './model-access.ts'
import { subjectOf as projectValueSubject } from './project-values.ts'

type Row = Readonly<Record<string, string>> & { readonly sealed: string }
interface Sealed { readonly table: string; /** Its columns as they are called in a row, which name it and say what it is bound to. */ readonly by: readonly string[]; subject(row: Row): string }
const of = (row: Row, name: string): string => String(row[name])

/** Every table with a sealed column; a test compares it with the schema. */
export const SEALED: readonly Sealed[] = [
  { table: 'workspace_secrets', by: ['workspaceId'], subject: (row) => of(row, 'workspaceId') },
  { table: 'user_settings', by: ['userId'], subject: (row) => of(row, 'userId') },
  { table: 'push_devices', by: ['id'], subject: (row) => of(row, 'id') },
  { table: 'server_keys', by: ['name'], subject: (row) => `server_key ${of(row, 'name')}` },
  { table: 'git_hosts', by: ['id', 'origin'], subject: (row) => gitHostSubject(of(row, 'id'), of(row, 'origin')) },
  { table: 'deploy_keys', by: ['id', 'origin', 'path'], subject: (row) => deployKeySubject(of(row, 'id'), of(row, 'origin'), of(row, 'path')) },
  { table: 'signing_keys', by: ['userId', 'publicKey'], subject: (row) => signingKeySubject(of(row, 'userId'), of(row, 'publicKey')) },
  { table: 'github_apps', by: ['orgId', 'origin', 'appId'], subject: (row) => githubSubject(of(row, 'orgId'), of(row, 'origin'), Number(row['appId'])) },
  { table: 'model_keys', by: ['orgId', 'vendor', 'baseUrl'], subject: (row) => modelKeySubject(of(row, 'orgId'), of(row, 'vendor'), of(row, 'baseUrl')) },
  { table: 'model_fallbacks', by: ['orgId', 'vendor', 'name', 'kind', 'baseUrl'], subject: (row) => furtherSubject(of(row, 'orgId'), of(row, 'vendor'), { name: of(row, 'name'), kind: of(row, 'kind'), baseUrl: of(row, 'baseUrl') }) },
  { table: 'injections', by: ['orgId', 'name', 'host'], subject: (row) => injectionSubject(of(row, 'orgId'), of(row, 'name'), of(row, 'host')) },
  { table: 'project_secrets', by: ['orgId', 'project', 'name'], subject: (row) => projectValueSubject({ orgId: of(row, 'orgId') as OrgId, project: of(row, 'project'), name: of(row, 'name') }) },
]

const PAGE = 1000
export interface Resealed { readonly secrets: number; readonly records: number }

export async function reseal(sql: Sql, key: MasterKey, random: Random): Promise<Resealed> {
  const [current, ...older] = keysOf(key)
  if (older.length === 0) return { secrets: 0, records: 0 }
  let secrets = 0
  for (const sealed of SEALED) secrets += await resealTable(sql, sealed, { current, key, random })
  return { secrets, records: await rekeyRecords(sql, { current, key }) }
}

/** In the record of every organisation: all of them are read and written by that key. */
export async function noteRotation(sql: Sql, key: MasterKey, { sealed: { secrets, records }, now }: { sealed: Resealed; now: number }): Promise<void> {
  const audit = createAudit({ sql, masterKey: key })
  for (const { id } of await sql<{ id: OrgId }[]>`select id from organisations order by id`) {
    await audit.write(id, { action: 'key.rotate', workspaceId: null, actor: 'whoever has the home of the server', subject: `${secrets} secrets sealed and ${records} records keyed anew`, allowed: true, reason: null, refs: [], tokenExpiresAt: null }, now)
  }
}

async function resealTable(sql: Sql, { table, by, subject }: Sealed, { current, key, random }: { current: Uint8Array; key: MasterKey; random: Random }): Promise<number> {
  const rows = await sql<Row[]>`select ${sql([...by, 'sealed'] as string[])} from ${sql(table)} where sealed is not null`
  let count = 0
  for (const row of rows) {
    if (opens(row, subject, current)) continue
    const again = seal(unseal(row.sealed, { key, subject: subject(row) }), { key: current, subject: subject(row), random })
    count += (await sql`update ${sql(table)} set sealed = ${again} where sealed = ${row.sealed} returning 1`).length
  }
  return count
}

function opens(row: Row, subject: Sealed['subject'], key: Uint8Array): boolean {
  try {
    unseal(row.sealed, { key, subject: subject(row) })
    return true
  } catch {
    return false
  }
}

/** A chain at a time, whole: one that does not hold is not made to. */
async function rekeyRecords(sql: Sql, { current, key }: { current: Uint8Array; key: MasterKey }): Promise<number> {
  let count = 0
  for (const { id } of await sql<{ id: string }[]>`select id from organisations order by id`) {
    count += await sql.begin(async (tx) => {
      await tx`select id from organisations where id = ${id} for update`
      let [before, fresh, n, changed] = ['', '', 0, 0]
      for (;;) {
        const rows = await tx`select n, at, action, workspace_id, actor, subject, allowed, reason, refs, token_expires_at, hash from audit where org_id = ${id} and n > ${n} order by n limit ${PAGE}`
        for (const row of rows) {
          const record = AuditRecord.safeParse(row)
          if (!record.success || record.data.n !== n + 1 || !holds(key, before, record.data)) throw new BerthError('conflict', `record ${n + 1} of ${id} was changed or taken out, so its chain is not keyed anew`, { hint: 'see `berth audit --verify`' })
          n = record.data.n
          before = record.data.hash
          fresh = hashOf(current, fresh, record.data)
          if (fresh === before) continue
          await tx`update audit set hash = ${fresh} where org_id = ${id} and n = ${n}`
          changed++
        }
        if (rows.length < PAGE) return changed
      }
    })
  }
  return count
}
