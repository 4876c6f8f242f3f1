/** Signing an agent in, inside its machine. What is brought back is a secret: it passes through and is kept nowhere here. */
import { BerthError } from '@berth/wire'
import type { AgentKind, WorkspaceId } from '@berth/wire'
import type { DaemonMethod, DaemonParams, DaemonResult } from '@berth/wire/daemon'
import { reachable } from './code.ts'
import type { ServiceDeps } from './deps.ts'
import { requireRecord, sessionsOf } from './view.ts'
import { requireCan } from './workspaces.ts'

const WITHIN_MS = 15_000

export const beginSignIn = (deps: ServiceDeps, id: WorkspaceId, agent: AgentKind) => ask(deps, id, 'sign-in.begin', { agent })
export const answerSignIn = (deps: ServiceDeps, id: WorkspaceId, text: string) => ask(deps, id, 'sign-in.answer', { text })
export const getSignIn = async (deps: ServiceDeps, id: WorkspaceId) => ({ signIn: await ask(deps, id, 'sign-in.look', {}) })

/** Of the agents of its sessions, each once. */
export async function listLogins(deps: ServiceDeps, id: WorkspaceId): Promise<DaemonResult<'logins.list'>> {
  const agents = [...new Set((await sessionsOf(deps, id)).map(({ agent }) => agent))]
  return ask(deps, id, 'logins.list', { agents })
}

async function ask<M extends DaemonMethod>(deps: ServiceDeps, id: WorkspaceId, method: M, params: DaemonParams<M>): Promise<DaemonResult<M>> {
  const record = await requireRecord(deps, id)
  requireCan(deps, record, 'attach')
  await reachable(deps, record)
  try {
    return await deps.daemons.call(id, method, params, { withinMs: WITHIN_MS })
  } catch (error) {
    if (error instanceof BerthError && error.code === 'unsupported' && error.message.includes(method)) throw new BerthError('unsupported', "this machine's daemon is older", { hint: 'stop and start the workspace', cause: error })
    throw error
  }
}
