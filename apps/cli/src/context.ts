/** What a running verb may use of the world. */
import type { Client, Endpoint } from '@berth/client'
import type { Io } from './io.ts'

export interface Context {
  readonly io: Io
  readonly json: boolean
  /** BERTH_HOME, absolute. */
  readonly home: string
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Fires on Ctrl-C. */
  readonly signal: AbortSignal
  /** Finds the server, or starts one; asked only by verbs that need it, and done once. */
  connect(): Promise<Connection>
  /** The exit code when the verb did its work but the answer is "no" (`doctor`). */
  exitWith(code: number): void
}

export interface Connection {
  readonly client: Client
  readonly endpoint: Endpoint & { readonly token: string }
  /** The server is of this home, so the CLI may start, stop and replace it. */
  readonly local: boolean
}
