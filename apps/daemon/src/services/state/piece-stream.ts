/** What is made piece by piece, as a stream that is asked for each. */
export function streamOfPieces(pieces: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await pieces.next()
      if (next.done === true) controller.close()
      else controller.enqueue(next.value)
    },
    async cancel() { await pieces.return(undefined) },
  }, { highWaterMark: 0 })
}
