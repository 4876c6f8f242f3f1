/** What is sent to one daemon: texts before frames, neither of them piling up behind a socket that does not drain. */
import { LINK_MESSAGE_LIMIT } from '@berth/wire/daemon'

/** Frames wait above this; it is what the next keystroke may have to queue behind. */
const FRAMES_WAIT_ABOVE = 256 * 1024
/** Larger frames are worth a call of their own. */
const TOGETHER_BYTES = 8 * 1024
const TEXTS_WAIT_ABOVE = 2 * LINK_MESSAGE_LIMIT
/** A daemon that reads nothing while this much waits for it is as good as gone. */
const TEXTS_LIMIT = 8 * LINK_MESSAGE_LIMIT

export interface OutboxSocket {
  send(data: string | Uint8Array): number
  getBufferedAmount(): number
  /** What `work` sends leaves together. */
  cork(work: () => void): void
}
export interface Outbox {
  /** False: the daemon does not keep up and its link has to end. */
  text(text: string): boolean
  /** False: no more frames until `drained` says true. */
  frame(frame: Uint8Array): boolean
  /** True: there is room for frames again. */
  drained(): boolean
}

/** `onRoom`: frames that were held back within a turn have left, and there is room again. */
export function createOutbox(socket: OutboxSocket, onRoom: () => void): Outbox {
  const texts: string[] = []
  let waitingBytes = 0
  // Frames of one turn of the event loop: each sent alone costs a call of the system, many together cost one.
  let frames: Uint8Array[] = []
  let frameBytes = 0
  let refused = false
  const roomForText = (): boolean => socket.getBufferedAmount() < TEXTS_WAIT_ABOVE
  const roomForFrame = (): boolean => texts.length === 0 && frameBytes + socket.getBufferedAmount() < FRAMES_WAIT_ABOVE
  const leave = (): void => {
    const leaving = frames
    frames = []
    frameBytes = 0
    if (leaving.length === 1 && leaving[0] !== undefined) socket.send(leaving[0])
    else if (leaving.length > 0) socket.cork(() => { for (const frame of leaving) socket.send(frame) })
  }
  const flush = (): void => {
    leave()
    // Otherwise the socket says when.
    if (refused && roomForFrame()) {
      refused = false
      onRoom()
    }
  }
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
      if (frame.length > TOGETHER_BYTES) {
        leave()
        socket.send(frame)
      } else {
        if (frames.length === 0) setImmediate(flush)
        // Its memory is its writer's again when this returns; `slice` of a Buffer would share it.
        frames.push(new Uint8Array(frame))
        frameBytes += frame.length
      }
      refused ||= !roomForFrame()
      return !refused
    },
    drained() {
      while (texts.length > 0 && roomForText()) {
        const text = texts.shift() ?? ''
        waitingBytes -= text.length
        socket.send(text)
      }
      if (!roomForFrame()) return false
      refused = false
      return true
    },
  }
}
