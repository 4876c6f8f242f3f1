/** One WebSocket to the server, reduced to what the link uses. */
export interface LinkSocket {
  /** Waits while much is still unsent, so that a slow network is felt by the writer. */
  sendText(text: string): Promise<void>
  sendFrame(frame: Uint8Array): void
  readonly bufferedAmount: number
  close(code: number, reason: string): void
}
export interface LinkSocketEvents {
  onOpen(): void
  onText(text: string): void
  onFrame(frame: Uint8Array): void
  /** Exactly once, also when it never opened. */
  onClose(code: number, reason: string): void
}

/** Texts wait behind this much; it is over a whole message, so one alone never waits. */
const TEXT_WAITS_ABOVE = 2 * 1024 * 1024
const LOOK_AGAIN_MS = 10
/** After our close the peer has this long to answer; then the socket is dropped. */
const CLOSE_MS = 2000
const NEVER_OPENED = 1006

export function connectSocket(url: string, token: string, events: LinkSocketEvents): LinkSocket {
  // Bun takes headers here; the browser's type does not know them.
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } } as unknown as string[])
  socket.binaryType = 'arraybuffer'
  let over = false
  let queue: Promise<void> = Promise.resolve()

  const end = (code: number, reason: string): void => {
    if (over) return
    over = true
    events.onClose(code, reason)
  }
  socket.addEventListener('open', () => { if (!over) events.onOpen() })
  socket.addEventListener('message', (event: MessageEvent<string | ArrayBuffer>) => {
    if (over) return
    if (typeof event.data === 'string') events.onText(event.data)
    else events.onFrame(new Uint8Array(event.data))
  })
  socket.addEventListener('error', () => { if (socket.readyState !== WebSocket.OPEN) end(NEVER_OPENED, 'cannot connect') })
  socket.addEventListener('close', (event) => { end(event.code, event.reason) })

  async function sendWhenRoom(text: string): Promise<void> {
    while (!over && socket.bufferedAmount > TEXT_WAITS_ABOVE) await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
    if (!over && socket.readyState === WebSocket.OPEN) socket.send(text)
  }

  return {
    sendText(text) {
      queue = queue.then(() => sendWhenRoom(text))
      return queue
    },
    sendFrame(frame) { if (!over && socket.readyState === WebSocket.OPEN) socket.send(frame as Uint8Array<ArrayBuffer>) },
    get bufferedAmount() { return socket.bufferedAmount },
    close(code, reason) {
      if (over) return
      socket.close(code, reason)
      // A half-open peer never answers a close.
      setTimeout(() => { (socket as WebSocket & { terminate(): void }).terminate() }, CLOSE_MS).unref()
      end(code, reason)
    },
  }
}
