/** What is sent to one daemon: texts before frames, neither of them piling up behind a socket that does not drain. */
import { LINK_MESSAGE_LIMIT } from '@berth/wire/daemon'

/** Frames wait above this; it is what the next keystroke may have to queue behind. */
const FRAMES_WAIT_ABOVE = 256 * 1024
const TEXTS_WAIT_ABOVE = 2 * LINK_MESSAGE_LIMIT
/** A daemon that reads nothing while this much waits for it is as good as gone. */
const TEXTS_LIMIT = 8 * LINK_MESSAGE_LIMIT

export interface OutboxSocket {
  send(data: string | Uint8Array): number
  getBufferedAmount(): number
}
export interface Outbox {
  /** False: the daemon does not keep up and its link has to end. */
  text(text: string): boolean
  /** False: no more frames until `drained` says true. */
  frame(frame: Uint8Array): boolean
  /** True: there is room for frames again. */
  drained(): boolean
}

export function createOutbox(socket: OutboxSocket): Outbox {
  const texts: string[] = []
  let waitingBytes = 0
  const roomForText = (): boolean => socket.getBufferedAmount() < TEXTS_WAIT_ABOVE
  const roomForFrame = (): boolean => texts.length === 0 && socket.getBufferedAmount() < FRAMES_WAIT_ABOVE
  return {
    text(text) {
      if (texts.length === 0 && roomForText()) {
        socket.send(text)
        return true
      }
      texts.push(text)
      waitingBytes += text.length
      return waitingBytes <= TEXTS_LIMIT
    },
    frame(frame) {
      socket.send(frame)
      return roomForFrame()
    },
    drained() {
      while (texts.length > 0 && roomForText()) {
        const text = texts.shift() ?? ''
        waitingBytes -= text.length
        socket.send(text)
      }
      return roomForFrame()
    },
  }
}
