/** The machines' daemons as core sees them: connected or not, and callable. */
import type { WorkspaceId } from '@berth/wire'
import type { DaemonMethod, DaemonParams, DaemonResult, StreamOpen } from '@berth/wire/daemon'
import type { MuxStream } from '@berth/wire/mux'

/** A two-way byte stream over a daemon's link. Writing waits for credit; an error aborts both ways. */
export interface ByteStream {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
  abort(reason: string): void
}

/** As the link gives it: also without a promise for each piece, for who moves much. */
export interface LinkStream extends ByteStream { direct: MuxStream['direct'] }

export interface Daemons {
  connected(workspaceId: WorkspaceId): boolean
  count(): number
  /** Throws BerthError `daemon_unreachable` at once when it is not connected, `timeout` after `withinMs`. */
  call<M extends DaemonMethod>(workspaceId: WorkspaceId, method: M, params: DaemonParams<M>, options: { withinMs: number; signal?: AbortSignal }): Promise<DaemonResult<M>>
  openStream(workspaceId: WorkspaceId, open: StreamOpen, signal?: AbortSignal): Promise<LinkStream>
  /** Sends the current assignment if the daemon is connected. One that is being welcomed just now, and counts as connected only then, gets it right after: whoever changed what is assigned calls this in any case. */
  reassign(workspaceId: WorkspaceId): Promise<void>
  /** Its machine was stopped: whoever still holds a link of it is not that machine. */
  dismiss(workspaceId: WorkspaceId): void
}
