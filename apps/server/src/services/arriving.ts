/** Code on its way from a person: while its bytes come, nobody concludes that they never will. */
import type { Clock, WorkspaceStore } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'

const NOTE_MS = 60_000

export interface ArrivingDeps { readonly store: Pick<WorkspaceStore, 'noteArrival'>; readonly clock: Clock; readonly log: (line: string) => void }

/** The same request; the store is told of its bytes at once and then at most each minute. */
export function arriving(deps: ArrivingDeps, id: WorkspaceId, request: Request): Request {
  if (request.body === null) return request
  let notedAt = Number.NEGATIVE_INFINITY
  const noted = new TransformStream<Uint8Array, Uint8Array>({
    transform(bytes, controller) {
      const now = deps.clock.now()
      if (now - notedAt >= NOTE_MS) {
        notedAt = now
        deps.store.noteArrival(id, now).catch((error: unknown) => { deps.log(`${id}: ${String(error)}`) })
      }
      controller.enqueue(bytes)
    },
  })
  return new Request(request.url, { method: request.method, headers: request.headers, signal: request.signal, body: request.body.pipeThrough(noted) })
}
