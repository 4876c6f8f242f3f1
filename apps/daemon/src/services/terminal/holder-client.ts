/** One connection to a holder. */
import type { Socket } from 'bun'
import { createHolderDecoder } from './holder-frames.ts'
import type { FromHolder } from './holder-frames.ts'

export interface HolderConnection {
  /** Resolves when the socket took it all. */
  send(frame: Uint8Array): Promise<void>
  pause(): void
  resume(): void
  /** Closes after what was sent. */
  end(): void
  close(): void
}

export async function connectHolder(path: string, on: { onBytes(bytes: Uint8Array): void; onJson(json: FromHolder): void; onClose(): void }): Promise<HolderConnection> {
  const decode = createHolderDecoder<FromHolder>()
  let waiting: { bytes: Uint8Array; taken: () => void }[] = []
  let socket: Socket | null = null
  const flush = (): void => {
    for (let next = waiting[0]; next !== undefined && socket !== null; next = waiting[0]) {
      const taken = socket.write(next.bytes)
      if (taken < next.bytes.length) {
        next.bytes = next.bytes.subarray(Math.max(0, taken))
        return
      }
      waiting.shift()
      next.taken()
    }
  }
  const gone = (): void => {
    for (const left of waiting) left.taken()
    waiting = []
    on.onClose()
  }
  socket = await Bun.connect({
    unix: path,
    socket: {
      data(_, chunk) {
        for (const frame of decode(chunk)) {
          if (frame.kind === 'bytes') on.onBytes(frame.bytes)
          else on.onJson(frame.json)
        }
      },
      drain: flush,
      close: gone,
      error: () => {},
    },
  })
  const connected = socket
  return {
    send: (bytes) => new Promise<void>((taken) => {
      waiting.push({ bytes, taken })
      flush()
    }),
    pause: () => { connected.pause() },
    resume: () => { connected.resume() },
    end: () => { connected.end() },
    close: () => { connected.terminate() },
  }
}
