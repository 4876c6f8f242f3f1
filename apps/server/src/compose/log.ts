/** The server's log is its standard error: a terminal, a service manager, or the file that the CLI gave it. */
import { closeSync, fstatSync, openSync, readSync, statSync, ftruncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BerthError } from '@berth/wire'
import { SERVER_LOG_FILE } from '@berth/wire/server-file'

const LOG_LIMIT_BYTES = 10 * 1024 * 1024
const KEEP_BYTES = 5 * 1024 * 1024
const CHECK_EVERY_LINES = 500

export type LogFormat = 'text' | 'json'

export function logFormat(text: string | undefined): LogFormat {
  if (text === undefined || text === '' || text === 'text') return 'text'
  if (text === 'json') return 'json'
  throw new BerthError('bad_request', `--log-format ${text} is not known`, { hint: 'text or json' })
}

export function createLog(home: string, format: LogFormat = 'text'): (line: string) => void {
  let lines = 0
  return (line) => {
    if (lines++ % CHECK_EVERY_LINES === 0) cutOwnLog(join(home, SERVER_LOG_FILE))
    process.stderr.write(`${format === 'json' ? asJson(line) : `${new Date().toISOString()} ${line}`}\n`)
  }
}

/** One object a line, for who gathers logs. `about`: what the line begins with, mostly the part of the server. */
export function asJson(line: string, at: Date = new Date()): string {
  const [, about, message] = /^([a-z][\w -]{0,40}|ws_\w+): ([\s\S]*)$/.exec(line) ?? [null, null, line]
  return JSON.stringify({ time: at.toISOString(), level: about === 'bug' ? 'error' : 'info', ...(about === null ? {} : { about }), message })
}

/**
 * When our standard error is that file, its older half moves to `<file>.1`. The file itself stays the same one,
 * because whoever opened it for us did so for appending.
 */
function cutOwnLog(path: string): void {
  try {
    const mine = fstatSync(2)
    const named = statSync(path)
    if (mine.ino !== named.ino || mine.dev !== named.dev || named.size < LOG_LIMIT_BYTES) return
    const file = openSync(path, 'r+')
    try {
      const tail = Buffer.alloc(Math.min(KEEP_BYTES, named.size))
      readSync(file, tail, 0, tail.length, named.size - tail.length)
      writeFileSync(`${path}.1`, tail, { mode: 0o600 })
      ftruncateSync(file, 0)
    } finally {
      closeSync(file)
    }
  } catch {
    // A log that cannot be cut is no reason to stop.
  }
}
