/** The agent conversations of a workspace. What is wished of them is a row; the daemon brings it about. */
import { describeSessions, inMode, modeOf, requireForkable } from '@berth/core'
import type { Identity, NewSession } from '@berth/core'
import { BerthError, randomIds } from '@berth/wire'
import type { AgentKind, Session, SessionId, SessionMode, WorkspaceId } from '@berth/wire'
import { AGENT_KINDS } from '@berth/wire/agents'
import type { ServiceDeps } from './deps.ts'
import { sendMessage } from './messages.ts'
import { requireRecord, requireSession, sessionsOf } from './view.ts'
import { requireCan, wakeWorkspace } from './workspaces.ts'

const ASK_WITHIN_MS = 10_000

type Who = Pick<Identity, 'userName'>
interface At { readonly id: WorkspaceId; readonly session: SessionId }

export async function listSessions(deps: ServiceDeps, id: WorkspaceId): Promise<Session[]> {
  await requireRecord(deps, id)
  return describeSessions(await sessionsOf(deps, id))
}

export async function addSession(deps: ServiceDeps, wanted: { id: WorkspaceId; sessionId?: SessionId | undefined; agent: AgentKind; command?: string | undefined; mode?: SessionMode | undefined; title?: string | undefined; prompt?: string | undefined }, who: Who): Promise<Session> {
  const { workspace } = await requireRecord(deps, wanted.id)
  if (AGENT_KINDS[wanted.agent].needsCommand && (wanted.command ?? '').trim() === '') throw new BerthError('bad_request', `${wanted.agent} runs a command and was given none`, { hint: '--command "my-agent --acp"' })
  return begin(deps, {
    id: wanted.sessionId ?? randomIds.session(), workspaceId: wanted.id, title: wanted.title ?? null, ...inMode(wanted.agent, wanted.mode ?? modeOf(wanted.agent)),
    command: wanted.command ?? null, approvalMode: workspace.approvalMode, forkedFrom: null,
  }, { who, prompt: wanted.prompt })
}

export async function forkSession(deps: ServiceDeps, wanted: At & { sessionId?: SessionId | undefined; title?: string | undefined; prompt?: string | undefined }, who: Who): Promise<Session> {
  await requireRecord(deps, wanted.id)
  const from = await requireSession(deps, wanted.id, wanted.session)
  requireForkable(from)
  const { workspaceId, agent, mode, command, approvalMode } = from
  return begin(deps, { id: wanted.sessionId ?? randomIds.session(), workspaceId, title: wanted.title ?? null, agent, mode, command, approvalMode, forkedFrom: from.id }, { who, prompt: wanted.prompt })
}

export async function handOverSession(deps: ServiceDeps, { id, session, to }: At & { to: SessionMode }, who: Who): Promise<Session> {
  const record = await requireRecord(deps, id)
  requireCan(deps, record, 'send')
  const row = await requireSession(deps, id, session)
  const there = inMode(row.agent, to)
  if (row.mode !== there.mode) {
    await requireNewDaemon(deps, id)
    await deps.store.sessions.handOver({ workspaceId: id, id: session }, there, { by: who.userName, now: deps.clock.now() })
    await tellDaemon(deps, id)
  }
  return viewOfSession(deps, id, session)
}

export async function endSession(deps: ServiceDeps, { id, session }: At, who: Who): Promise<{ ended: boolean }> {
  await requireRecord(deps, id)
  if ((await requireSession(deps, id, session)).main) throw new BerthError('conflict', 'the first session of a workspace lives as long as the workspace', { hint: 'stop the workspace, or delete it' })
  const ended = await deps.store.sessions.end({ workspaceId: id, id: session }, who.userName, deps.clock.now())
  await tellDaemon(deps, id)
  return { ended }
}

async function begin(deps: ServiceDeps, session: NewSession, { who, prompt }: { who: Who; prompt: string | undefined }): Promise<Session> {
  const { workspaceId } = session
  const record = await requireRecord(deps, workspaceId)
  requireCan(deps, record, 'send')
  await requireNewDaemon(deps, workspaceId)
  const { program } = AGENT_KINDS[session.agent]
  // Its program is in the toolbox before its daemon hears of it.
  if (program !== null) await deps.fetchAgent(program)
  await deps.store.sessions.add(session, who.userName, deps.clock.now())
  await wakeWorkspace(deps, record, 'a session was added')
  await tellDaemon(deps, workspaceId)
  if (prompt !== undefined) await sendMessage(deps, { id: workspaceId, session: session.id, text: prompt, promptId: undefined }, who)
  return viewOfSession(deps, workspaceId, session.id)
}

/** One that is older would leave it alone without a word. A stopped one is replaced as it starts. */
async function requireNewDaemon(deps: ServiceDeps, id: WorkspaceId): Promise<void> {
  if (!deps.daemons.connected(id)) return
  try {
    await deps.daemons.call(id, 'sessions.known', {}, { withinMs: ASK_WITHIN_MS })
  } catch (error) {
    if (error instanceof BerthError && error.code === 'unsupported') throw new BerthError('unsupported', "this machine's daemon is older and knows one session only", { hint: 'stop and start the workspace', cause: error })
    throw error
  }
}

/** What it misses now comes with its next welcome. */
async function tellDaemon(deps: ServiceDeps, id: WorkspaceId): Promise<void> {
  deps.poke(id)
  await deps.daemons.reassign(id).catch((error: unknown) => deps.log(`${id}: no new assignment sent: ${String(error)}`))
}

async function viewOfSession(deps: ServiceDeps, id: WorkspaceId, session: SessionId): Promise<Session> {
  const found = describeSessions(await sessionsOf(deps, id)).find((one) => one.id === session)
  if (found === undefined) throw new BerthError('not_found', 'the session was ended meanwhile', { hint: 'see `berth session list <workspace>`' })
  return found
}
