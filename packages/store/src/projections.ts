/** What a daemon's events change in the rows beside the log. An unknown or malformed body changes nothing. */
import { callsAfter, callsWithout, usageAfter } from '@berth/core'
import { ERROR_CODES, type ErrorCode, type EventBody, type Exposure, HOSTED_REFS, knownBody, type ProvisionStep, type WorkspaceId } from '@berth/wire'
import { AGENT_KINDS } from '@berth/wire/agents'
import type { Transaction } from './address.ts'
import { cleanText, json } from './json.ts'
import { storedCalls, storedSteps, storedUsage } from './rows.ts'
import { sessionStateMoved } from './sessions.ts'
import type { NewEvent } from './streams.ts'
import { markFailed } from './workspaces.ts'

type Body<T extends EventBody['type']> = Extract<EventBody, { type: T }>
interface At { readonly at: number; readonly now: number }
type Project<B> = (tx: Transaction, workspaceId: WorkspaceId, body: B, at: At) => Promise<unknown>

export async function project(tx: Transaction, workspaceId: WorkspaceId, event: NewEvent, now: number): Promise<void> {
  const body = knownBody(event.body)
  if (body === null) return
  // Each projection is keyed by the very type it takes.
  const run = projections[body.type as keyof typeof projections] as Project<EventBody> | undefined
  await run?.(tx, workspaceId, body, { at: event.at, now })
}

const active: Project<unknown> = (tx, workspaceId, _body, { at }) =>
  tx`update workspaces set last_active_at = greatest(last_active_at, ${at}) where id = ${workspaceId}`

const projections = {
  'message': active,
  'tool': toolMoved,
  'usage': used,
  'turn.started': active,
  'turn.ended': turnEnded,
  'approval.asked': asked,
  'approval.applied': applied,
  'approval.orphaned': orphaned,
  'approval.superseded': superseded,
  'prompt': promptMoved,
  'report.status': reportMade,
  'session.state': sessionState,
  'login': signedIn,
  'workspace.step': stepMoved,
  'checkpoint': checkpointMade,
} satisfies { readonly [T in EventBody['type']]?: Project<Body<T>> }

/** Under an id that is already there (the same ask again, or another workspace's) nothing changes. */
async function asked(tx: Transaction, workspaceId: WorkspaceId, { ask }: Body<'approval.asked'>, { at }: At): Promise<void> {
  await tx`
    insert into approvals ${tx({
      id: ask.approvalId, workspaceId, sessionId: ask.sessionId, kind: ask.kind, tool: cleanText(ask.tool), title: cleanText(ask.title),
      toolCallId: ask.toolCallId === null ? null : cleanText(ask.toolCallId), input: json(tx, ask.input),
      cwd: ask.cwd === null ? null : cleanText(ask.cwd), contentHash: cleanText(ask.contentHash), state: 'open', askedAt: at,
    })} on conflict (id) do nothing`
}

/**
 * The daemon's word about what the agent was told. Where nobody had decided, or something else than what was
 * decided here got to the agent first (the terminal's dialog), that is the decision.
 */
async function applied(tx: Transaction, workspaceId: WorkspaceId, { approvalId, behavior, via }: Body<'approval.applied'>, { at }: At): Promise<void> {
  const decision = json(tx, { behavior, scope: 'once' })
  const decidedBy = json(tx, { who: via, via, at })
  await tx`
    update approvals set state = 'applied', applied_at = ${at},
      decision = case when decision ->> 'behavior' = ${behavior} then decision else ${decision} end,
      decided_by = case when decision ->> 'behavior' = ${behavior} then decided_by else ${decidedBy} end
    where id = ${approvalId} and workspace_id = ${workspaceId} and expires_at is null and state in ('open', 'orphaned', 'decided')`
}

/** One that is decided stays so: it is delivered when the agent is back. */
async function orphaned(tx: Transaction, workspaceId: WorkspaceId, { approvalId }: Body<'approval.orphaned'>): Promise<void> {
  await tx`
    update approvals set orphaned = true, state = case when state = 'open' then 'orphaned' else state end
    where id = ${approvalId} and workspace_id = ${workspaceId} and expires_at is null and state in ('open', 'decided')`
}

async function superseded(tx: Transaction, workspaceId: WorkspaceId, { approvalId }: Body<'approval.superseded'>): Promise<void> {
  await tx`
    update approvals set state = 'superseded'
    where id = ${approvalId} and workspace_id = ${workspaceId} and expires_at is null and state in ('open', 'orphaned', 'decided')`
}

/** Only forwards: `sent` after `accepted` is an old word. */
async function promptMoved(tx: Transaction, workspaceId: WorkspaceId, { promptId, status, detail }: Body<'prompt'>): Promise<void> {
  const before = { queued: [], sent: ['queued'], ambiguous: ['queued', 'sent'], refused: ['queued', 'sent', 'ambiguous'], accepted: ['queued', 'sent', 'ambiguous'] }[status]
  await tx`
    update prompts set status = ${status}, detail = ${detail === null ? null : cleanText(detail)}
    where id = ${promptId} and workspace_id = ${workspaceId} and status = any(${before})`
}

async function sessionState(tx: Transaction, workspaceId: WorkspaceId, { sessionId, state, detail, wantsLogin = false }: Body<'session.state'>): Promise<void> {
  await sessionStateMoved(tx, workspaceId, { sessionId, state, detail, wantsLogin })
}

async function toolMoved(tx: Transaction, workspaceId: WorkspaceId, body: Body<'tool'>, { at }: At): Promise<void> {
  const [row] = await tx<{ work: unknown }[]>`select work from workspaces where id = ${workspaceId} for no key update`
  if (row === undefined) return
  const open = storedCalls(row.work)
  const calls = (await isOpen(tx, workspaceId, body.sessionId)) ? callsAfter(open, body, at) : open
  await tx`update workspaces set work = ${calls.length === 0 ? null : json(tx, calls)}, last_active_at = greatest(last_active_at, ${at}) where id = ${workspaceId}`
}

async function reportMade(tx: Transaction, workspaceId: WorkspaceId, { text }: Body<'report.status'>, { at }: At): Promise<void> {
  await tx`update workspaces set report = ${text === '' ? null : json(tx, { text: cleanText(text), at })} where id = ${workspaceId}`
}

async function turnEnded(tx: Transaction, workspaceId: WorkspaceId, { sessionId }: Body<'turn.ended'>, { at }: At): Promise<void> {
  const [row] = await tx<{ work: unknown }[]>`select work from workspaces where id = ${workspaceId} for no key update`
  if (row === undefined) return
  const calls = callsWithout(storedCalls(row.work), sessionId)
  await tx`update workspaces set last_active_at = greatest(last_active_at, ${at}), report = null, work = ${calls.length === 0 ? null : json(tx, calls)} where id = ${workspaceId}`
}

/** Of the whole workspace; the context and the model are those of the main session. */
async function used(tx: Transaction, workspaceId: WorkspaceId, body: Body<'usage'>): Promise<void> {
  const [row] = await tx<{ usage: unknown; sessionId: string }[]>`select usage, session_id from workspaces where id = ${workspaceId} for no key update`
  if (row === undefined || !(await isOpen(tx, workspaceId, body.sessionId))) return
  const counted = row.sessionId === body.sessionId ? body : { ...body, contextPercent: null, model: null }
  await tx`update workspaces set usage = ${json(tx, usageAfter(storedUsage(row.usage), counted))} where id = ${workspaceId}`
}

/** A login that stays in the workspace is shown wherever the workspace is shown. */
async function signedIn(tx: Transaction, workspaceId: WorkspaceId, { agent, state }: Body<'login'>): Promise<void> {
  const kind = AGENT_KINDS[agent as keyof typeof AGENT_KINDS]
  if (state !== 'signed-in' || !Object.hasOwn(AGENT_KINDS, agent)) return
  const exposure: Exposure = { name: `${kind.title} login`, how: 'in-workspace-login', warning: 'the agent can read the login that was made in its machine' }
  await tx`
    update workspaces set exposures = exposures || ${json(tx, [exposure])}
    where id = ${workspaceId} and not exists (select 1 from jsonb_array_elements(exposures) e where e ->> 'name' = ${exposure.name} and e ->> 'how' = ${exposure.how})`
}

/** A daemon may name any session; one that nobody made counts for nothing. */
async function isOpen(tx: Transaction, workspaceId: WorkspaceId, sessionId: string): Promise<boolean> {
  const [row] = await tx`
    select 1 as one from workspaces where id = ${workspaceId} and session_id = ${sessionId}
    union all select 1 from sessions where workspace_id = ${workspaceId} and id = ${sessionId} and ended_at is null limit 1`
  return row !== undefined
}

async function stepMoved(tx: Transaction, workspaceId: WorkspaceId, body: Body<'workspace.step'>, { at, now }: At): Promise<void> {
  const [row] = await tx<{ steps: unknown; wishTarget: string }[]>`select steps, wish_target from workspaces where id = ${workspaceId} for no key update`
  if (row === undefined) return
  const ready = body.step === 'agent' && body.state === 'done'
  // One that was made ahead waits with its code.
  const isPrepared = body.step === 'code' && body.state === 'done'
  await tx`
    update workspaces set steps = ${json(tx, withStep(storedSteps(row.steps), body, at))}, updated_at = ${now},
      ready_at = case when ${ready} or (${isPrepared} and pool_id is not null and pool_taken_at is null) then ${at} else ready_at end, next_tick_at = least(next_tick_at, ${now}), woken = true
    where id = ${workspaceId}`
  // Work that was cut off by a stop somebody asked for is no failure.
  if (body.state !== 'failed' || row.wishTarget !== 'running') return
  await markFailed(tx, workspaceId, { failure: failureOf(body), now })
}

/** A code that we do not know comes from a newer daemon, or from a hostile one. */
function failureOf({ step, title, detail, error }: Body<'workspace.step'>): { code: ErrorCode; message: string; hint: string | null } {
  const otherwise = step === 'code' ? 'clone_refused' : 'internal'
  if (error === undefined) return { code: otherwise, message: detail ?? `${title} did not work`, hint: null }
  return { code: ERROR_CODES.find((known) => known === error.code) ?? otherwise, message: error.message, hint: error.hint }
}

/** A workspace has a handful of steps; a hostile daemon could name any number. */
const STEPS_LIMIT = 50
export function withStep(steps: readonly ProvisionStep[], { step, title, state, durationMs, detail }: Body<'workspace.step'>, at: number): ProvisionStep[] {
  const index = steps.findIndex((one) => one.step === step)
  const startedAt = state === 'started' ? at : (steps[index]?.startedAt ?? (durationMs === null ? null : at - durationMs))
  const moved = { step, title, state, startedAt, durationMs, detail }
  if (index >= 0) return steps.with(index, moved)
  return steps.length >= STEPS_LIMIT ? [...steps] : [...steps, moved]
}

/** Only what is in the hosted repository survives the machine. */
async function checkpointMade(tx: Transaction, workspaceId: WorkspaceId, { commit, ref }: Body<'checkpoint'>, { at, now }: At): Promise<void> {
  const pushed = ref === HOSTED_REFS.save || ref.startsWith('refs/heads/')
  if (!pushed) return
  await tx`update workspaces set saved = ${json(tx, { commit, ref, at })}, updated_at = ${now} where id = ${workspaceId}`
}
