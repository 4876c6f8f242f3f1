/**
 * The dev server of the preview's benchmark: `/small`, and `/large` of as many bytes as the first argument says. It listens at
 * the port of the second one, else at any, and prints it.
 */
import { createServer } from 'node:net'

const bytes = Number(process.argv[2])
const block = Buffer.alloc(256 * 1024, 7)
const small = Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\netag: "1"\r\ncontent-length: 1024\r\n\r\n${'x'.repeat(1024)}`)

/** Plain sockets, so that it is never what is waited for. */
const server = createServer((socket) => {
  let held = ''
  socket.setNoDelay(true)
  socket.on('error', () => {})
  socket.on('data', (piece) => {
    held += piece.toString('latin1')
    for (let end = held.indexOf('\r\n\r\n'); end >= 0; end = held.indexOf('\r\n\r\n')) {
      const large = held.startsWith('GET /large')
      held = held.slice(end + 4)
      if (large) void pour()
      else socket.write(small)
    }
  })
  async function pour(): Promise<void> {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${bytes}\r\n\r\n`)
    for (let sent = 0; sent < bytes && !socket.destroyed; sent += block.length) {
      if (!socket.write(sent + block.length <= bytes ? block : block.subarray(0, bytes - sent))) await new Promise((resolve) => { socket.once('drain', resolve) })
    }
  }
})
server.listen(Number(process.argv[3] ?? 0), '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(`${typeof address === 'object' && address !== null ? address.port : 0}\n`)
})
