/** What a person says to the agent. It is stored first; delivery is tried at once and otherwise comes with the next assignment. */
import { BerthError, randomIds } from '@berth/wire'
import type { PromptId, SessionId, WorkspaceId } from '@berth/wire'
import type { Identity, WorkspaceRecord } from '@berth/core'
import { checkWaitingSize } from './assignment-size.ts'
import { reachable } from './code.ts'
import type { ServiceDeps } from './deps.ts'
import { requireRecord, requireSession } from './view.ts'
import { requireCan, wakeWorkspace, type WakeDeps } from './workspaces.ts'
import { messageOf } from '../thrown.ts'

export interface Sent { readonly promptId: PromptId; readonly status: 'queued' | 'accepted' | 'held' | 'ambiguous' | 'refused'; readonly detail: string | null }

/** A person waits for the answer; the daemon goes on with the prompt in any case. */
const DELIVER_WITHIN_MS = 10_000

export async function sendMessage(deps: WakeDeps & Pick<ServiceDeps, 'daemons' | 'log'>, message: { id: WorkspaceId; text: string; promptId: PromptId | undefined; session?: SessionId | undefined }, identity: Pick<Identity, 'userName'>): Promise<Sent> {
  const record = await requireRecord(deps, message.id)
  requireCan(deps, record, 'send')
  const prompt = { promptId: message.promptId ?? randomIds.prompt(), text: message.text }
  const other = await otherSession(deps, record, message.session)
  // A repeated request is one that waits already.
  const waiting = (await deps.store.prompts.pending(message.id)).filter(({ promptId }) => promptId !== prompt.promptId)
  checkWaitingSize(waiting, prompt.text)
  await deps.store.prompts.add(message.id, { ...prompt, by: identity.userName, ...(other === null ? {} : { sessionId: other }) }, deps.clock.now())
  await wakeWorkspace(deps, record, 'a message came')
  if (!deps.daemons.connected(message.id)) {
    // It may be about to be welcomed with an assignment that was read before this was stored.
    await deps.daemons.reassign(message.id)
    return { promptId: prompt.promptId, status: 'queued', detail: whyKept(record) }
  }
  try {
    const within = { withinMs: DELIVER_WITHIN_MS }
    const told = other === null ? await deps.daemons.call(message.id, 'session.prompt', prompt, within) : await deps.daemons.call(message.id, 'sessions.prompt', { ...prompt, sessionId: other }, within)
    return { promptId: prompt.promptId, ...told }
  } catch (error) {
    deps.log(`${message.id}: the prompt waits: ${messageOf(error)}`)
    return { promptId: prompt.promptId, status: 'queued', detail: error instanceof BerthError ? error.message : null }
  }
}

function whyKept({ workspace }: WorkspaceRecord): string | null {
  if (workspace.wish.target !== 'stopped' || workspace.wish.by === 'idle') return null
  return `${workspace.name} was stopped on purpose; start it with \`berth start ${workspace.name}\``
}

export async function interrupt(deps: ServiceDeps, id: WorkspaceId, session?: SessionId): Promise<{ interrupted: boolean }> {
  const record = await requireRecord(deps, id)
  requireCan(deps, record, 'interrupt')
  const other = await otherSession(deps, record, session)
  await reachable(deps, record)
  const within = { withinMs: DELIVER_WITHIN_MS }
  return other === null ? deps.daemons.call(id, 'session.interrupt', {}, within) : deps.daemons.call(id, 'sessions.interrupt', { sessionId: other }, within)
}

/** Null: the main one, which every daemon knows how to speak to. */
async function otherSession(deps: Pick<ServiceDeps, 'store'>, { workspace }: WorkspaceRecord, session: SessionId | undefined): Promise<SessionId | null> {
  if (session === undefined || session === workspace.sessionId) return null
  return (await requireSession(deps, workspace.id, session)).id
}
