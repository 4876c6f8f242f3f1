/** The server's log is its standard error: a terminal, a service manager, or the file that the CLI gave it. */
import { closeSync, fstatSync, openSync, readSync, statSync, ftruncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SERVER_LOG_FILE } from '@berth/wire/server-file'

const LOG_LIMIT_BYTES = 10 * 1024 * 1024
const KEEP_BYTES = 5 * 1024 * 1024
const CHECK_EVERY_LINES = 500

export function createLog(home: string): (line: string) => void {
  let lines = 0
  return (line) => {
    if (lines++ % CHECK_EVERY_LINES === 0) cutOwnLog(join(home, SERVER_LOG_FILE))
    process.stderr.write(`${new Date().toISOString()} ${line}\n`)
  }
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
