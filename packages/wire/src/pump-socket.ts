/** A byte stream of the link joined with a socket of node's, each way with its own end. It holds no more than one piece either way. */

export interface PumpStream { readonly readable: ReadableStream<Uint8Array>; readonly writable: WritableStream<Uint8Array>; abort(reason: string): void }
export interface PumpSocket extends AsyncIterable<Uint8Array> {
  write(bytes: Uint8Array): boolean
  once(event: 'drain' | 'close', listener: () => void): unknown
  end(): unknown
  destroy(): unknown
  readonly destroyed: boolean
}

/** Until both ways have ended. Never rejects. */
export async function pumpSocket(stream: { readonly reader: ReadableStreamDefaultReader<Uint8Array>; readonly writer: WritableStreamDefaultWriter<Uint8Array>; abort(reason: string): void }, socket: PumpSocket, { keepOpen = false } = {}): Promise<void> {
  const toSocket = async (): Promise<void> => {
    for (;;) {
      const { done, value } = await stream.reader.read()
      if (done) break
      if (!socket.write(value) && !socket.destroyed) await new Promise<void>((go) => { socket.once('drain', go); socket.once('close', go) })
      if (socket.destroyed) throw new Error('the socket is gone')
    }
    // Some take our end for going away.
    if (!keepOpen) socket.end()
  }
  const toStream = async (): Promise<void> => {
    for await (const bytes of socket) await stream.writer.write(bytes)
    await stream.writer.close()
    if (keepOpen) socket.end()
  }
  const broken = (): void => {
    socket.destroy()
    stream.abort('the connection is over')
  }
  await Promise.all([toSocket().catch(broken), toStream().catch(broken)])
}
