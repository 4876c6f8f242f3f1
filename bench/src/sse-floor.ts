/** What server-sent events cost by themselves: a process that passes each POST on to everyone who listens. */
import { join } from 'node:path'
import { BerthError } from '@berth/wire/error'

export interface Floor {
  readonly url: string
  /** `mark` is told to everyone who listens. */
  publish(mark?: string): Promise<void>
  subscribe(): Promise<{ next(): Promise<void>; close(): Promise<void> }>
  close(): Promise<void>
}

export async function createFloor(): Promise<Floor> {
  const peer = Bun.spawn([process.execPath, join(import.meta.dir, 'peers/sse-peer.ts')], { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' })
  const reader = peer.stdout.getReader()
  const { value } = await reader.read()
  const port = Number(new TextDecoder().decode(value).trim())
  if (!(port > 0)) throw new BerthError('internal', 'the plain SSE server did not start')
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    async publish(mark = '') { await (await fetch(url, { method: 'POST', body: mark })).body?.cancel() },
    async subscribe() {
      const response = await fetch(url)
      const body = response.body?.getReader()
      if (body === undefined) throw new BerthError('internal', 'the plain SSE server sent nothing')
      // The greeting: from now on nothing is missed.
      await body.read()
      return { next: async () => { await body.read() }, close: () => body.cancel() }
    },
    async close() {
      peer.kill()
      await peer.exited
    },
  }
}
