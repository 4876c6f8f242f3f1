/** An answer that is looked at while it passes, piece by piece; whatever goes wrong there ends the looking and not the answer. `end` is called once. */
export function onTheWay(response: Response, { piece, end, trouble }: { piece(bytes: Uint8Array): Promise<void>; end(well: boolean): Promise<void>; trouble(error: unknown): void }): Response {
  if (response.body === null) return response
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  let looking = true
  const look = async (work: () => Promise<void>): Promise<void> => {
    if (!looking) return
    try {
      await work()
    } catch (error) {
      await over(false)
      trouble(error)
    }
  }
  const over = async (well: boolean): Promise<void> => {
    looking = false
    await end(well).catch(trouble)
  }
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await reader.read().catch(async (error: unknown) => {
        if (looking) await over(false)
        throw error
      })
      if (next.done) {
        if (looking) await over(true)
        return controller.close()
      }
      await look(() => piece(next.value))
      controller.enqueue(next.value)
    },
    async cancel(reason) {
      if (looking) await over(false)
      await reader.cancel(reason)
    },
  }, { highWaterMark: 0 })
  return new Response(body, { status: response.status, headers: response.headers })
}
