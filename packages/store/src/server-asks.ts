/** What the server itself asks of a person: rows of `approvals` that no daemon may move, with an end. */
import type { ServerAskStore } from '@berth/core'
import { type ApprovalAsk, BerthError, type DecidedBy, type Decision, type EventBody, type SessionId, type WorkspaceId } from '@berth/wire'
import type { Transaction } from './address.ts'
import { parseApproval, withoutFlag } from './approvals.ts'
import type { StoreContext } from './context.ts'
import { cleanText, json } from './json.ts'
import { appendEvents, lockStream } from './streams.ts'

export function createServerAsks({ sql, ids }: StoreContext): ServerAskStore {
  const say = (tx: Transaction, workspaceId: WorkspaceId, body: EventBody, now: number) => appendEvents(tx, workspaceId, [{ id: ids.event(), at: now, source: 'server', body }])
  const woken = (tx: Transaction, workspaceId: WorkspaceId, now: number) => tx`update workspaces set next_tick_at = least(next_tick_at, ${now}), woken = true where id = ${workspaceId}`

  return {
    ask: (asked, limits, now) => sql.begin(async (tx) => {
      const { workspaceId, contentHash, expiresAt } = asked
      await lockStream(tx, workspaceId)
      const [known] = await tx`
        select * from approvals where workspace_id = ${workspaceId} and content_hash = ${contentHash} and expires_at is not null
          and (state = 'open' and expires_at > ${now} or state = 'decided' and decided_by ->> 'via' <> 'rule' and (decided_by ->> 'at')::bigint > ${limits.answeredSince})
        order by asked_at desc limit 1`
      if (known !== undefined) return withoutFlag(parseApproval(known))
      const [count] = await tx<{ open: number; lately: number }[]>`
        select count(*) filter (where state = 'open')::int as open, count(*) filter (where asked_at > ${limits.since})::int as lately from approvals
        where workspace_id = ${workspaceId} and expires_at is not null`
      if ((count?.open ?? 0) >= limits.open || (count?.lately ?? 0) >= limits.lately) throw new BerthError('too_many', 'this workspace waits for too many answers of its person', { hint: 'answer what waits first: `berth approvals`' })
      const [workspace] = await tx<{ sessionId: SessionId }[]>`select session_id from workspaces where id = ${workspaceId} and deleted_at is null`
      if (workspace === undefined) throw new BerthError('not_found', `there is no workspace ${workspaceId}`)
      const ask: ApprovalAsk = {
        approvalId: asked.approvalId, sessionId: workspace.sessionId, kind: 'permission', tool: asked.tool, title: cleanText(asked.title), toolCallId: null, input: asked.input, cwd: null, contentHash, expiresAt,
      }
      const { approvalId, ...fields } = ask
      const [row] = await tx`insert into approvals ${tx({ id: approvalId, workspaceId, ...fields, input: json(tx, fields.input), state: 'open', askedAt: now })} returning *`
      await say(tx, workspaceId, { type: 'approval.asked', ask }, now)
      await woken(tx, workspaceId, now)
      return withoutFlag(parseApproval(row))
    }),

    take: (id, now) => sql.begin(async (tx) => {
      const [asked] = await tx<{ workspaceId: WorkspaceId }[]>`select workspace_id from approvals where id = ${id}`
      if (asked === undefined) return false
      await lockStream(tx, asked.workspaceId)
      const [row] = await tx<{ decision: Decision; decidedBy: DecidedBy }[]>`
        update approvals set state = 'applied', applied_at = ${now} where id = ${id} and state = 'decided' and expires_at is not null returning decision, decided_by`
      if (row === undefined) return false
      await say(tx, asked.workspaceId, { type: 'approval.applied', approvalId: id, behavior: row.decision.behavior, via: row.decidedBy.via }, now)
      return true
    }),

    async expire(message, now) {
      const due = await sql<{ id: ApprovalAsk['approvalId']; workspaceId: WorkspaceId }[]>`select id, workspace_id from approvals where state = 'open' and expires_at <= ${now} order by expires_at limit 500`
      let expired = 0
      for (const { id, workspaceId } of due) expired += await sql.begin(async (tx) => {
        await lockStream(tx, workspaceId)
        const decision: Decision = { behavior: 'deny', scope: 'once', message }
        const by: DecidedBy = { who: 'its deadline', via: 'rule', at: now }
        const rows = await tx`update approvals set state = 'decided', decision = ${json(tx, decision)}, decided_by = ${json(tx, by)} where id = ${id} and state = 'open' and expires_at <= ${now} returning id`
        if (rows.length === 0) return 0
        await say(tx, workspaceId, { type: 'approval.decided', approvalId: id, decision, by }, now)
        await woken(tx, workspaceId, now)
        return 1
      })
      return expired
    },
  }
}
