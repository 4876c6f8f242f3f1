/**
 * How the CLI finds the server of a BERTH_HOME. The server writes both files when it is ready, 0600, by rename, and
 * removes SERVER_FILE when it stops; one that stays after a crash is told by its pid and by `installation` in `/health`.
 */
export const SERVER_FILE = 'server.json'
/** The CLI's API token, nothing else in it. */
export const TOKEN_FILE = 'cli-token'
/** Standard output and error of a server that the CLI started in the background. */
export const SERVER_LOG_FILE = 'logs/server.log'

export interface ServerFile {
  readonly pid: number
  /** Of the control listener: `http://127.0.0.1:4700`. */
  readonly url: string
  readonly version: string
  readonly installation: string
  /** The port of the last time, where another program has taken it: who knew that address must be told. */
  readonly movedFrom?: number
}
