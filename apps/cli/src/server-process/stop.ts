/** Stops the server of a home and waits until its process is gone. Machines go on. */
import { createClient } from '@berth/client'
import { BerthError } from '@berth/wire/error'
import { findServer, isAlive, readToken } from './find.ts'

const GONE_MS = 20_000

export type Stopped = { readonly stopped: true; readonly pid: number } | { readonly stopped: false }

export async function stopServer(home: string): Promise<Stopped> {
  const found = await findServer(home)
  if (found.kind === 'none' || found.kind === 'stale') return { stopped: false }
  const { pid, url } = found.file
  if (found.kind === 'running') await createClient({ url, token: await readToken(home) }).stopServer({}).catch(() => process.kill(pid, 'SIGTERM'))
  else process.kill(pid, 'SIGTERM')
  const deadline = Date.now() + GONE_MS
  while (isAlive(pid)) {
    if (Date.now() > deadline) throw new BerthError('timeout', `the server (pid ${pid}) is still stopping after ${GONE_MS / 1000} s`, { hint: 'see `berth server logs`; `kill -9` of that pid loses nothing that was stored' })
    await Bun.sleep(30)
  }
  return { stopped: true, pid }
}
