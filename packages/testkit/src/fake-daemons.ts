/** Daemons as a test arranges them: connected or not, answering by script. Calls are kept. */
import { BerthError, type WorkspaceId } from '@berth/wire'
import type { Daemons } from '@berth/core'
import type { DaemonMethod, DaemonParams, DaemonResult } from '@berth/wire/daemon'

export interface DaemonCall { readonly workspaceId: WorkspaceId; readonly method: DaemonMethod; readonly params: unknown; readonly withinMs: number }
type Answer<M extends DaemonMethod> = (params: DaemonParams<M>, workspaceId: WorkspaceId) => DaemonResult<M> | Promise<DaemonResult<M>>

export interface FakeDaemons extends Daemons {
  readonly calls: readonly DaemonCall[]
  readonly reassigned: readonly WorkspaceId[]
  connect(workspaceId: WorkspaceId): void
  disconnect(workspaceId: WorkspaceId): void
  answer<M extends DaemonMethod>(method: M, answer: Answer<M>): void
}

export function createFakeDaemons(): FakeDaemons {
  const connected = new Set<WorkspaceId>()
  const calls: DaemonCall[] = []
  const reassigned: WorkspaceId[] = []
  const answers = new Map<DaemonMethod, (params: never, workspaceId: WorkspaceId) => unknown>()
  return {
    calls, reassigned,
    connect: (workspaceId) => void connected.add(workspaceId),
    disconnect: (workspaceId) => void connected.delete(workspaceId),
    answer: (method, answer) => void answers.set(method, answer as (params: never, workspaceId: WorkspaceId) => unknown), // the key keeps the pair together
    connected: (workspaceId) => connected.has(workspaceId),
    count: () => connected.size,
    async call(workspaceId, method, params, { withinMs, signal }) {
      if (!connected.has(workspaceId)) throw new BerthError('daemon_unreachable', 'the workspace is not connected')
      signal?.throwIfAborted()
      calls.push({ workspaceId, method, params, withinMs })
      const answer = answers.get(method)
      if (answer === undefined) throw new BerthError('unsupported', `no answer is arranged for ${method}`)
      return await answer(params as never, workspaceId) as never // `answer()` tied method and result
    },
    openStream: async () => { throw new BerthError('unsupported', 'fake daemons have no streams') },
    reassign: async (workspaceId) => { if (connected.has(workspaceId)) reassigned.push(workspaceId) },
    dismiss: () => {},
  }
}
