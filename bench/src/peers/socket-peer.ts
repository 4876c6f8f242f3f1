/** The floor of the socket's benchmark: a POST is told to everybody who has a WebSocket open, as one process can. Prints its port. */
const server = Bun.serve({
  hostname: '127.0.0.1', port: 0, idleTimeout: 0,
  async fetch(request, self) {
    if (request.headers.get('upgrade') !== null && self.upgrade(request, { data: undefined })) return undefined
    self.publish('all', await request.text())
    return Response.json({})
  },
  websocket: {
    open: (socket) => void socket.subscribe('all'),
    message: () => {},
  },
})
process.stdout.write(`${server.port}\n`)

export {}
