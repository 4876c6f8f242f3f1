/**
 * The agent conversations of workspaces. The main one is made with its workspace; its row here is made by whoever first
 * has something to write into it, so a workspace of an older server has one too.
 */
import type { SessionRow, SessionStore } from '@berth/core'
import { AgentKind, AgentState, type ApprovalId, ApprovalMode, BerthError, type EventBody, type PromptId, SessionId, SessionMode, WorkspaceId } from '@berth/wire'
import { foldAgentStates, SESSION_LIMIT } from '@berth/wire/session-rules'
import { z } from 'zod'
import type { Transaction } from './address.ts'
import type { StoreContext } from './context.ts'
import { cleanText } from './json.ts'
import { parseAll } from './rows.ts'
import { appendEvents, lockStream } from './streams.ts'

const Row = z.object({
  id: SessionId, workspaceId: WorkspaceId, title: z.string().nullable(), agent: AgentKind, mode: SessionMode, command: z.string().nullable(), approvalMode: ApprovalMode,
  main: z.boolean(), forkedFrom: SessionId.nullable(), state: AgentState, detail: z.string().nullable(), wantsLogin: z.boolean(), createdAt: z.number(), endedAt: z.number().nullable(),
})
const COLUMNS = ['id', 'workspace_id', 'title', 'agent', 'mode', 'command', 'approval_mode', 'main', 'forked_from', 'state', 'detail', 'wants_login', 'created_at', 'ended_at']

export function createSessions({ sql, ids, log }: StoreContext): SessionStore {
  const skipped = (row: object, error: unknown) => log(`sessions: ${String((row as { id?: string }).id)} cannot be read: ${String(error)}`)
  const announce = (tx: Transaction, row: SessionRow, change: { what: (EventBody & { type: 'session.changed' })['what']; by: string; now: number }) => {
    const body: EventBody = { type: 'session.changed', sessionId: row.id, what: change.what, agent: row.agent, title: row.title ?? '', by: cleanText(change.by) }
    return appendEvents(tx, row.workspaceId, [{ id: ids.event(), at: change.now, source: 'server', body }])
  }
  /** With the stream's lock, so that sessions are counted once. */
  const changing = <T>(workspaceId: WorkspaceId, work: (tx: Transaction) => Promise<T>): Promise<T> => sql.begin(async (tx) => {
    await lockStream(tx, workspaceId)
    await ensureMain(tx, workspaceId)
    return work(tx)
  }) as Promise<T>

  return {
    async list(workspaceIds) {
      const rows = await sql`
        select ${sql(COLUMNS)} from sessions where workspace_id = any(${[...workspaceIds]}) and ended_at is null
        union all
        select session_id, id, null, agent, case when agent = 'claude-headless' then 'headless' else 'terminal' end, command, approval_mode, true, null, agent_state, null, false, created_at, null
        from workspaces w where id = any(${[...workspaceIds]}) and not exists (select 1 from sessions s where s.id = w.session_id)
        order by main desc, created_at, id`
      const found = new Map<WorkspaceId, SessionRow[]>()
      for (const row of parseAll(rows, (one) => Row.parse(one), skipped)) {
        const known = found.get(row.workspaceId)
        if (known === undefined) found.set(row.workspaceId, [row])
        else known.push(row)
      }
      return found
    },

    async add(session, by, now) {
      await changing(session.workspaceId, async (tx) => {
        const [count] = await tx<{ others: number }[]>`select count(*)::int as others from sessions where workspace_id = ${session.workspaceId} and ended_at is null and id <> ${session.id}`
        if ((count?.others ?? 0) >= SESSION_LIMIT) throw new BerthError('too_many', `${SESSION_LIMIT} sessions of this workspace are open already`, { hint: 'end one first: `berth session end <workspace> <session>`' })
        const added = await tx`
          insert into sessions ${tx({ ...session, title: session.title === null ? null : cleanText(session.title), command: session.command === null ? null : cleanText(session.command), main: false, state: 'starting', detail: null, wantsLogin: false, createdAt: now, endedAt: null })}
          on conflict (id) do nothing returning *`
        const [row] = added
        if (row === undefined) return
        await announce(tx, Row.parse(row), { what: session.forkedFrom === null ? 'added' : 'forked', by, now })
        await foldState(tx, session.workspaceId)
      })
    },

    handOver: ({ workspaceId, id }, { agent, mode }, { by, now }) => changing(workspaceId, async (tx) => {
      const [row] = await tx`update sessions set agent = ${agent}, mode = ${mode} where id = ${id} and workspace_id = ${workspaceId} and ended_at is null returning *`
      if (row === undefined) return null
      const changed = Row.parse(row)
      if (changed.main) await tx`update workspaces set agent = ${agent}, updated_at = ${now} where id = ${workspaceId}`
      await announce(tx, changed, { what: 'handed-over', by, now })
      return changed
    }),

    end: ({ workspaceId, id }, by, now) => changing(workspaceId, async (tx) => {
      const [row] = await tx`update sessions set ended_at = ${now}, state = 'exited' where id = ${id} and workspace_id = ${workspaceId} and ended_at is null and not main returning *`
      if (row === undefined) return false
      await leaveNothingOpen(tx, { workspaceId, id }, (body) => appendEvents(tx, workspaceId, [{ id: ids.event(), at: now, source: 'server', body }]))
      await announce(tx, Row.parse(row), { what: 'ended', by, now })
      await foldState(tx, workspaceId)
      return true
    }),
  }
}

/** Nobody is there any more to be told an answer, or what waits to be said. */
async function leaveNothingOpen(tx: Transaction, { workspaceId, id }: { workspaceId: WorkspaceId; id: SessionId }, say: (body: EventBody) => Promise<unknown>): Promise<void> {
  const asked = await tx<{ id: ApprovalId }[]>`
    update approvals set state = 'superseded' where workspace_id = ${workspaceId} and session_id = ${id} and state in ('open', 'orphaned', 'decided') returning id`
  for (const approval of asked) await say({ type: 'approval.superseded', approvalId: approval.id, by: approval.id })
  const detail = 'its session was ended'
  const said = await tx<{ id: PromptId; text: string }[]>`
    update prompts set status = 'refused', detail = ${detail} where workspace_id = ${workspaceId} and session_id = ${id} and status in ('queued', 'sent') returning id, left(text, 1000) as text`
  for (const prompt of said) await say({ type: 'prompt', promptId: prompt.id, sessionId: id, text: prompt.text, status: 'refused', detail })
}

async function ensureMain(tx: Transaction, workspaceId: WorkspaceId): Promise<void> {
  await tx`
    insert into sessions (id, workspace_id, agent, mode, command, approval_mode, main, state, created_at)
    select session_id, id, agent, case when agent = 'claude-headless' then 'headless' else 'terminal' end, command, approval_mode, true, agent_state, created_at
    from workspaces where id = ${workspaceId} on conflict (id) do nothing`
}

/** A session's state as its daemon says it, and what follows of it for the workspace. A session nobody made changes nothing. */
export async function sessionStateMoved(tx: Transaction, workspaceId: WorkspaceId, moved: { sessionId: SessionId; state: AgentState; detail: string | null; wantsLogin: boolean }): Promise<void> {
  await ensureMain(tx, workspaceId)
  await tx`
    update sessions set state = ${moved.state}, detail = ${moved.detail === null ? null : cleanText(moved.detail)}, wants_login = ${moved.wantsLogin}
    where id = ${moved.sessionId} and workspace_id = ${workspaceId} and ended_at is null`
  await foldState(tx, workspaceId)
}

async function foldState(tx: Transaction, workspaceId: WorkspaceId): Promise<void> {
  const rows = await tx<{ main: boolean; state: AgentState }[]>`select main, state from sessions where workspace_id = ${workspaceId} and ended_at is null`
  const state = foldAgentStates(rows.find(({ main }) => main)?.state ?? 'none', rows.filter(({ main }) => !main).map((row) => row.state))
  const working = state === 'busy' || state === 'waiting'
  await tx`update workspaces set agent_state = ${state}, work = case when ${working} then work else null end where id = ${workspaceId}`
}
