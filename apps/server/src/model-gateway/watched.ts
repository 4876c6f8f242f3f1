/** The bytes of an answer, piece by piece, each looked at after it went on. */
export interface Watcher {
  /** What it answers are the last bytes: the stream ends with them. */
  look(bytes: Uint8Array): Uint8Array | null
  /** Once. `broken`: before its end, by whoever reads or by the other side. */
  ended(broken: boolean): void
}

export function watched(body: ReadableStream<Uint8Array>, { look, ended }: Watcher): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let over = false
  const end = (broken: boolean): void => {
    if (over) return
    over = true
    ended(broken)
  }
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const next = await reader.read()
        if (next.done) {
          end(false)
          return controller.close()
        }
        controller.enqueue(next.value)
        const last = look(next.value)
        if (last === null) return
        end(true)
        controller.enqueue(last)
        controller.close()
        await reader.cancel('stopped')
      } catch (cause) {
        end(true)
        throw cause
      }
    },
    cancel(reason) {
      end(true)
      return reader.cancel(reason)
    },
  })
}
