/** A WebSocket joined with a stream of a machine, byte for byte (contract: `reach.ts` of the wire). */
import type { ByteStream } from '@berth/core'
import { createReachPipe, REACH_CLOSE } from '@berth/wire/reach-pipe'
import type { ReachPipe } from '@berth/wire/reach-pipe'
import type { Attachment } from './attach.ts'
import { messageOf } from '../thrown.ts'

export function createPipe(stream: ByteStream): Attachment {
  const writer = stream.writable.getWriter()
  let pipe: ReachPipe | null = null
  let gone = false

  const toClient = async (to: ReachPipe): Promise<void> => {
    for await (const chunk of stream.readable) await to.send(chunk)
    to.end()
  }
  return {
    opened(socket) {
      const made = (pipe = createReachPipe(
        { send: (data) => (typeof data === 'string' ? socket.sendText(data) : socket.sendBinary(data)), close: (code, reason) => socket.close(code, reason) },
        { write: (bytes) => writer.write(bytes), end: () => writer.close() },
      ))
      // Its own words say why it ended: nothing listens there, no sshd, a key that is none.
      toClient(made).catch((cause: unknown) => made.close(REACH_CLOSE.refused, messageOf(cause)))
      void made.finished.then(() => made.close(REACH_CLOSE.ended, 'both ways have ended'))
    },
    message: (_, data) => pipe?.message(data),
    // What waits for a slow client is bounded by the window already.
    drained() {},
    closed() {
      if (gone) return
      gone = true
      pipe?.closed()
      stream.abort('the client left')
    },
  }
}
