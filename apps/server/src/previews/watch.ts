/** Who is answered now, and who is quiet: a visit may end while its answer goes on, and nobody holds a connection for nothing. */
import type { WorkspaceId } from '@berth/wire'
import type { ClientConnection } from './client-connection.ts'
import type { RequestHead } from './http1.ts'
import type { Site } from './sites.ts'

export interface Visit { readonly visitor: ClientConnection; readonly head: RequestHead; readonly site: Site }
export interface Watch {
  /** From now until its connection is gone. */
  came(visitor: ClientConnection): void
  begin(visit: Visit): void
  end(visit: Visit): void
  /** Ends what may not go on. */
  look(id?: WorkspaceId): void
  stop(): void
}

/** Between two requests, and for the whole head of one. */
const QUIET_MS = 30_000
const LOOK_MS = 4000

export function createWatch(deps: { mayGoOn(visit: Visit): Promise<boolean>; log(line: string): void }): Watch {
  const underWay = new Set<Visit>()
  const visitors = new Set<ClientConnection>()
  const look = (id?: WorkspaceId): void => {
    for (const visit of underWay) {
      if (id !== undefined && visit.site.workspaceId !== id) continue
      deps.mayGoOn(visit).then((may) => { if (!may) visit.visitor.destroy() }, (error: unknown) => deps.log(`previews: ${String(error)}`))
    }
  }
  const timer = setInterval(() => {
    look()
    const since = performance.now() - QUIET_MS
    for (const visitor of visitors) if (visitor.quietSince !== null && visitor.quietSince < since) visitor.destroy()
  }, LOOK_MS)
  timer.unref()
  return {
    look,
    came(visitor) {
      visitors.add(visitor)
      visitor.onClose(() => visitors.delete(visitor))
    },
    begin: (visit) => void underWay.add(visit),
    end: (visit) => void underWay.delete(visit),
    stop: () => clearInterval(timer),
  }
}
