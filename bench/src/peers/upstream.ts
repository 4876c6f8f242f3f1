/** A git host and a model in one: repositories below the directory of the first argument, and an answer to `/v1/messages`. With files of a certificate and its key behind it, by https. */
const [root = '', cert, key] = process.argv.slice(2)
const ANSWER = JSON.stringify({ id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-opus-5-5', content: [{ type: 'text', text: 'yes' }], stop_reason: 'end_turn', usage: { input_tokens: 10, output_tokens: 1 } })

const server = Bun.serve({
  port: 0, hostname: '127.0.0.1', idleTimeout: 0,
  ...(cert === undefined || key === undefined ? {} : { tls: { cert: Bun.file(cert), key: Bun.file(key) } }),
  async fetch(request) {
    const url = new URL(request.url)
    if (url.pathname !== '/v1/messages') return backend(request, url)
    await request.arrayBuffer()
    return new Response(ANSWER, { headers: { 'content-type': 'application/json' } })
  },
})
console.log(server.port)

/** `git http-backend`, whose answer streams. */
async function backend(request: Request, url: URL): Promise<Response> {
  const header = (name: string): string => request.headers.get(name) ?? ''
  const child = Bun.spawn(['git', '-c', 'safe.directory=*', 'http-backend'], {
    env: { PATH: process.env['PATH'] ?? '', GIT_PROJECT_ROOT: root, GIT_HTTP_EXPORT_ALL: '1', PATH_INFO: url.pathname, QUERY_STRING: url.search.slice(1), REQUEST_METHOD: request.method, CONTENT_TYPE: header('content-type'), HTTP_CONTENT_ENCODING: header('content-encoding'), GIT_PROTOCOL: header('git-protocol') },
    stdin: new Blob([await request.arrayBuffer()]), stdout: 'pipe', stderr: 'ignore',
  })
  const reader = child.stdout.getReader()
  let bytes = Buffer.alloc(0)
  let end = -1
  while (end < 0) {
    const next = await reader.read()
    if (next.done) return new Response('no answer', { status: 500 })
    bytes = Buffer.concat([bytes, next.value])
    end = bytes.indexOf('\r\n\r\n')
  }
  const headers = new Headers(bytes.subarray(0, end).toString().split('\r\n').map((line) => line.split(': ') as [string, string]))
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(bytes.subarray(end + 4)),
    async pull(controller) {
      const next = await reader.read()
      if (next.done) controller.close()
      else controller.enqueue(next.value)
    },
  })
  return new Response(body, { status: Number((headers.get('status') ?? '200').slice(0, 3)), headers })
}
