/** The floor of the event benchmarks: GET listens, POST tells all listeners. Prints its port. */
const listeners = new Set<ReadableStreamDefaultController<Uint8Array>>()
const text = new TextEncoder()
/** About as long as one of our events. */
const message = (mark: string): Uint8Array => text.encode(`event: data\ndata: [{${mark}"body":{"type":"message","text":"${'x'.repeat(250)}"}}]\n\n`)

const server = Bun.serve({
  hostname: '127.0.0.1', port: 0, idleTimeout: 0,
  async fetch(request) {
    if (request.method === 'POST') {
      const bytes = message(await request.text())
      for (const listener of listeners) listener.enqueue(bytes)
      return new Response('ok')
    }
    let own: ReadableStreamDefaultController<Uint8Array>
    return new Response(new ReadableStream<Uint8Array>({
      start(controller) {
        own = controller
        listeners.add(controller)
        controller.enqueue(text.encode(': hello\n\n'))
      },
      cancel() { listeners.delete(own) },
    }), { headers: { 'content-type': 'text/event-stream' } })
  },
})
process.stdout.write(`${server.port}\n`)

export {}
