/** What server-sent events cost by themselves: a process that passes each POST on to everyone who listens. */
import { BerthError } from '@berth/wire/error'
import { startFloorServer } from './floor-server.ts'

export interface Floor {
  readonly url: string
  /** `mark` is told to everyone who listens. */
  publish(mark?: string): Promise<void>
  subscribe(): Promise<{ next(): Promise<void>; close(): Promise<void> }>
  close(): Promise<void>
}

export async function createFloor(): Promise<Floor> {
  const { url, close } = await startFloorServer('sse-peer.ts')
  return {
    url, close,
    async publish(mark = '') { await (await fetch(url, { method: 'POST', body: mark })).body?.cancel() },
    async subscribe() {
      const response = await fetch(url)
      const body = response.body?.getReader()
      if (body === undefined) throw new BerthError('internal', 'the plain SSE server sent nothing')
      // The greeting: from now on nothing is missed.
      await body.read()
      return { next: async () => { await body.read() }, close: () => body.cancel() }
    },
  }
}
