import { hostsIn, riskOf, type ApprovalStore } from '@berth/core'
import { Approval, BerthError, type EventBody } from '@berth/wire'
import { z } from 'zod'
import type { StoreContext } from './context.ts'
import { cleanText, json } from './json.ts'
import { parseAll } from './rows.ts'
import { appendEvents, lockStream } from './streams.ts'

const LIST_LIMIT = 500
const Row = Approval.omit({ approvalId: true }).extend({ id: Approval.shape.approvalId, orphaned: z.boolean(), expiresAt: z.number().nullable() })
export function parseApproval(row: unknown): Approval & { orphaned: boolean } {
  const { id, expiresAt, ...rest } = Row.parse(row)
  return { approvalId: id, ...rest, ...(expiresAt === null ? {} : { expiresAt }), risk: riskOf(rest.tool, rest.input, rest.cwd) }
}
const open = ({ state }: Approval): boolean => state === 'open' || state === 'orphaned'
const wordsOf = ({ input }: Pick<Approval, 'input'>): string => `${String(input['command'] ?? '')} ${String(input['url'] ?? '')}`
export function withoutFlag({ orphaned: _orphaned, ...approval }: Approval & { orphaned: boolean }): Approval { return approval }

export function createApprovals({ sql, ids, log }: StoreContext): ApprovalStore {
  const skipped = (row: object, error: unknown) => log(`approvals: ${String((row as { id?: string }).id)} cannot be read: ${String(error)}`)
  /** What people have let the agent of a workspace talk to. */
  async function hostsAllowed(ids: readonly Approval['workspaceId'][]): Promise<Map<Approval['workspaceId'], Set<string>>> {
    const hosts = new Map(ids.map((id) => [id, new Set<string>()]))
    if (ids.length === 0) return hosts
    const rows = await sql<{ workspaceId: Approval['workspaceId']; words: string }[]>`
      select workspace_id, coalesce(input->>'command', '') || ' ' || coalesce(input->>'url', '') as words from approvals
      where workspace_id = any(${[...ids]}) and decision->>'behavior' = 'allow' order by asked_at desc limit ${LIST_LIMIT}`
    for (const { workspaceId, words } of rows) for (const host of hostsIn(words)) hosts.get(workspaceId)?.add(host)
    return hosts
  }
  return {
    async get(id) {
      const [row] = await sql`select * from approvals where id = ${id}`
      return row === undefined ? null : withoutFlag(parseApproval(row))
    },

    async list({ workspaceId, all }) {
      const rows = await sql`
        select a.* from approvals a join workspaces w on w.id = a.workspace_id
        where (${workspaceId ?? null}::text is null or a.workspace_id = ${workspaceId ?? null})
          and (${all} or (a.state in ('open', 'orphaned') and w.deleted_at is null))
        order by a.asked_at desc, a.id limit ${LIST_LIMIT}`
      const approvals = parseAll(rows.toReversed(), parseApproval, skipped).map(withoutFlag)
      const known = await hostsAllowed([...new Set(approvals.filter((approval) => open(approval) && hostsIn(wordsOf(approval)).length > 0).map((approval) => approval.workspaceId))])
      return approvals.map((approval) => (open(approval) && known.has(approval.workspaceId) ? { ...approval, risk: riskOf(approval.tool, approval.input, approval.cwd, known.get(approval.workspaceId)) } : approval))
    },

    async decide(id, decision, by, now) {
      return sql.begin(async (tx) => {
        const [asked] = await tx`select * from approvals where id = ${id}`
        if (asked === undefined) throw new BerthError('not_found', `there is no approval ${id}`, { hint: 'see `berth approvals`' })
        const { workspaceId } = parseApproval(asked)
        await lockStream(tx, workspaceId)
        const decidedBy = { ...by, who: cleanText(by.who) }
        const [won] = await tx`
          update approvals set state = 'decided', decision = ${json(tx, decision)}, decided_by = ${json(tx, decidedBy)}
          where id = ${id} and state in ('open', 'orphaned') and (expires_at is null or expires_at > ${now}) returning *`
        if (won === undefined) {
          const [lost] = await tx`select * from approvals where id = ${id}`
          return { won: false, approval: withoutFlag(parseApproval(lost)) }
        }
        const body: EventBody = { type: 'approval.decided', approvalId: id, decision, by: decidedBy }
        await appendEvents(tx, workspaceId, [{ id: ids.event(), at: now, source: 'server', body }])
        await tx`update workspaces set next_tick_at = least(next_tick_at, ${now}), woken = true where id = ${workspaceId}`
        return { won: true, approval: withoutFlag(parseApproval(won)) }
      })
    },

    async undelivered(workspaceId) {
      const rows = await sql`select * from approvals where workspace_id = ${workspaceId} and state = 'decided' and expires_at is null order by asked_at, id limit ${LIST_LIMIT}`
      return parseAll(rows, parseApproval, skipped)
    },
  }
}
