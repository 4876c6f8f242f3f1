/** Passes each request on to the origin of the first argument, and its answer back, by the runtime's own pipes: nothing of a body comes to a script. */
const [origin = ''] = process.argv.slice(2)
const CONNECTIONS = new Set(['connection', 'content-length', 'host', 'transfer-encoding'])
const passed = (headers: Headers): Headers => new Headers([...headers].filter(([name]) => !CONNECTIONS.has(name)))

const server = Bun.serve({
  port: 0, hostname: '127.0.0.1', idleTimeout: 0,
  async fetch(request) {
    const { pathname, search } = new URL(request.url)
    const body = request.method === 'GET' ? null : await request.arrayBuffer()
    const answer = await fetch(`${origin}${pathname}${search}`, { method: request.method, headers: passed(request.headers), body })
    return new Response(answer.body, { status: answer.status, headers: passed(answer.headers) })
  },
})
console.log(server.port)
export {}
