/**
 * What a machine may say of approvals. It speaks for its agents: what the server asks a person, and what people decided,
 * are not its to say. Such an entry keeps its place and its id, and tells the person instead.
 */
import { type EventBody, knownBody, RESERVED_TOOL } from '@berth/wire'
import type { JournalEntry } from '@berth/wire/daemon'
import type { Transaction } from './address.ts'

const NOTICE: EventBody = { type: 'workspace.notice', level: 'warning', code: 'not_believed', message: 'the machine spoke of a decision that is not its own; it was not believed', hint: null }

export async function believed(tx: Transaction, entries: readonly JournalEntry[]): Promise<JournalEntry[]> {
  const about = new Map(entries.map((entry) => [entry, approvalOf(knownBody(entry.body))]))
  const ids = [...new Set([...about.values()].filter((id) => typeof id === 'string'))]
  const rows = ids.length === 0 ? [] : await tx<{ id: string }[]>`select id from approvals where id = any(${ids}) and expires_at is not null`
  const ours = new Set(rows.map(({ id }) => id))
  return entries.map((entry) => {
    const id = about.get(entry) ?? null
    return id === 'forged' || (id !== null && ours.has(id)) ? { ...entry, body: NOTICE } : entry
  })
}

function approvalOf(body: EventBody | null): string | null {
  switch (body?.type) {
    case 'approval.asked': return RESERVED_TOOL.test(body.ask.tool.normalize('NFKC')) || body.ask.expiresAt !== undefined ? 'forged' : body.ask.approvalId
    case 'approval.decided': return 'forged'
    case 'approval.applied':
    case 'approval.orphaned':
    case 'approval.superseded': return body.approvalId
    default: return null
  }
}
