/**
 * How far the record of each organisation came, kept in the home: records cut off at its end leave a chain that holds,
 * and who can write to the database alone cannot write here. Behind by a moment at most; `berth restore` begins it anew.
 */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { AuditHead, AuditStore } from '@berth/core'
import { headOf } from '@berth/store'
import { OrgId } from '@berth/wire'
import type { AuditRecord } from '@berth/wire/git-access'
import { z } from 'zod'
import { messageOf } from '../thrown.ts'
import { writeWhole } from '../write-whole.ts'
import type { Closers } from './closers.ts'

export const AUDIT_HEADS_FILE = 'audit-heads.json'
const SAVE_AFTER_MS = 250
const Heads = z.record(OrgId, z.object({ n: z.number().int().positive(), digest: z.string().regex(/^[0-9a-f]{64}$/) }))

export async function rememberAuditHeads<S extends { readonly audit: AuditStore }>(store: S, { home, log, closers }: { home: string; log: (line: string) => void; closers: Closers }): Promise<S> {
  const path = join(home, AUDIT_HEADS_FILE)
  const heads = new Map<OrgId, AuditHead>(await headsIn(path, log))
  let saving: Promise<void> = Promise.resolve()
  let timer: ReturnType<typeof setTimeout> | null = null
  const save = (): Promise<void> => {
    if (timer !== null) clearTimeout(timer)
    timer = null
    saving = saving.then(() => writeWhole(path, JSON.stringify(Object.fromEntries(heads)))).catch((error: unknown) => log(`${AUDIT_HEADS_FILE}: not written: ${messageOf(error)}`))
    return saving
  }
  const broken = new Set<OrgId>()
  /** Where the newest that was seen is not there any more, it stays: with newer ones written behind the gap nobody would see it. */
  const advance = async (orgId: OrgId, written: AuditRecord): Promise<void> => {
    const seen = heads.get(orgId)
    if (seen !== undefined) {
      const [still] = await store.audit.list(orgId, { before: seen.n + 1, limit: 1 })
      if (still === undefined || headOf(still).digest !== seen.digest) {
        if (!broken.has(orgId)) log(`${orgId}: record ${seen.n} was changed or taken out of the database; see \`berth audit --verify\``)
        return void broken.add(orgId)
      }
    }
    // Others may have been written meanwhile, and have come back first.
    if (written.n <= (heads.get(orgId)?.n ?? 0)) return
    heads.set(orgId, headOf(written))
    timer ??= setTimeout(() => void save(), SAVE_AFTER_MS)
  }
  closers.add('how far the records came', () => (timer === null ? saving : save()))
  return {
    ...store,
    audit: {
      ...store.audit,
      async write(orgId, record, now) {
        const written = await store.audit.write(orgId, record, now)
        // It is written, whatever becomes of this.
        await advance(orgId, written).catch((error: unknown) => log(`${AUDIT_HEADS_FILE}: ${orgId} was not looked at: ${messageOf(error)}`))
        return written
      },
      firstBroken: (orgId) => store.audit.firstBroken(orgId, heads.get(orgId)),
    },
  }
}

/** What was seen of another database says nothing of this one. */
export const forgetAuditHeads = (home: string): Promise<void> => rm(join(home, AUDIT_HEADS_FILE), { force: true })

async function headsIn(path: string, log: (line: string) => void): Promise<[OrgId, AuditHead][]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}'
    throw error
  })
  try {
    return Object.entries(Heads.parse(JSON.parse(text))) as [OrgId, AuditHead][]
  } catch {
    log(`${AUDIT_HEADS_FILE} cannot be read: what was cut off the end of a record before now is not noticed`)
    return []
  }
}
