/** Waits until a workspace is as wished: looks again whenever an event says that something changed. */
import { follow, type Client, type Endpoint } from '@berth/client'
import type { StoredEvent, Workspace } from '@berth/wire'
import { BerthError } from '@berth/wire/error'

export interface WaitDeps {
  readonly client: Client
  readonly endpoint: Endpoint
  readonly signal: AbortSignal
}
/** Events that can change what a workspace is; others come too often to look each time. */
const CHANGES = new Set(['workspace.phase', 'workspace.notice', 'daemon.connected', 'session.started', 'session.state'])
/** Also without any event, because not every change is announced by one. */
const LOOK_MS = 2000
const LOOK_AFTER_END_MS = 150
const WAIT_MS = 35 * 60_000

export async function waitFor(deps: WaitDeps, from: Workspace, done: (workspace: Workspace) => boolean, watch: { after?: number; timeoutMs?: number; onEvent?(event: StoredEvent): void } = {}): Promise<Workspace> {
  let workspace = await deps.client.getWorkspace({ id: from.id }, deps.signal)
  if (done(workspace) && !watch.onEvent) return workspace
  const stop = new AbortController()
  const ended = AbortSignal.any([stop.signal, deps.signal])
  const timeout = setTimeout(() => stop.abort(), watch.timeoutMs ?? WAIT_MS)
  let looking = false
  let wanted = false
  let failure: unknown = null
  const lookOnce = async (): Promise<void> => {
    try {
      workspace = await deps.client.getWorkspace({ id: from.id }, ended)
      if (done(workspace)) stop.abort()
    } catch (error) {
      // The follower below says whether the server is away for good; one lost look is nothing.
      if (error instanceof BerthError && error.code === 'not_found') failure = error
    }
  }
  const lookWhileWanted = async (): Promise<void> => {
    for (looking = true; wanted && !ended.aborted; ) {
      wanted = false
      await lookOnce()
    }
    looking = false
  }
  const look = (): void => {
    // A look under way may have been answered before this change.
    wanted = true
    if (!looking) void lookWhileWanted()
  }
  const timer = setInterval(look, LOOK_MS)
  try {
    look()
    for await (const event of follow(deps.endpoint, from.id, { after: watch.after ?? workspace.tail, signal: ended })) {
      watch.onEvent?.(event)
      if (CHANGES.has(event.body.type)) look()
    }
    // The events of a workspace that is being deleted end before the workspace does.
    while (!ended.aborted && failure === null) {
      await lookOnce()
      if (!ended.aborted) await Bun.sleep(LOOK_AFTER_END_MS)
    }
  } finally {
    clearInterval(timer)
    clearTimeout(timeout)
    stop.abort()
  }
  if (deps.signal.aborted) throw new BerthError('cancelled', 'cancelled')
  if (failure) throw failure
  if (!done(workspace)) throw new BerthError('timeout', `${workspace.name} is still ${workspace.phase}`, { hint: `it goes on by itself; see \`berth events ${workspace.name}\`` })
  return workspace
}
