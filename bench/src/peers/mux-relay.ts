/**
 * The two programs in the middle of a preview with nothing in them but the mux: `mux-relay server` takes connections and
 * prints `<port> <port of the WebSocket>`; `mux-relay daemon <that port> <port of the dev server>` prints a line when it is linked.
 */
import { joiningHandlers, joinSocket } from '@berth/wire/join-socket'
import type { JoinedSocket } from '@berth/wire/join-socket'
import { createMux } from '@berth/wire/mux'
import type { Mux } from '@berth/wire/mux'

/** As the server's end holds back: what waits in the socket above this stops DATA. */
const HIGH_WATER = 256 * 1024
const [role = '', linkPort = '', originPort = ''] = process.argv.slice(2)

if (role === 'server') serve()
else link()

function serve(): void {
  let mux: Mux | null = null
  const linked = Bun.serve({
    hostname: '127.0.0.1', port: 0,
    fetch: (request, self) => (self.upgrade(request, { data: undefined }) ? undefined : new Response(null, { status: 400 })),
    websocket: {
      perMessageDeflate: false, maxPayloadLength: 1024 * 1024,
      open(socket) {
        mux = createMux({
          role: 'server', apart: () => true, onOpen: (_, stream) => stream.abort('not here'),
          send(frame) {
            socket.sendBinary(frame as Uint8Array<ArrayBuffer>)
            return socket.getBufferedAmount() < HIGH_WATER
          },
        })
      },
      message(_, data) { if (typeof data !== 'string') mux?.receive(data) },
      drain() { mux?.drained() },
    },
  })
  const listener = Bun.listen<{ joined: JoinedSocket | null }>({
    hostname: '127.0.0.1', port: 0, allowHalfOpen: true,
    socket: {
      open(socket) {
        socket.data = { joined: null }
        socket.pause()
        void mux?.open({}).then((stream) => {
          socket.data.joined = joinSocket(stream, socket)
          socket.resume()
        })
      },
      data: (socket, bytes) => socket.data.joined?.data(bytes),
      drain: (socket) => socket.data.joined?.drain(),
      end: (socket) => socket.data.joined?.end(),
      close: (socket) => socket.data.joined?.close(),
      error() {},
    },
  })
  process.stdout.write(`${listener.port} ${linked.port}\n`)
}

function link(): void {
  const socket = new WebSocket(`ws://127.0.0.1:${linkPort}`)
  socket.binaryType = 'arraybuffer'
  const mux = createMux({
    role: 'daemon', apart: () => true, send: (frame) => { socket.send(frame as Uint8Array<ArrayBuffer>) }, bufferedAmount: () => socket.bufferedAmount,
    onOpen: (_, stream) => void Bun.connect({ hostname: '127.0.0.1', port: Number(originPort), socket: joiningHandlers(stream).handlers, allowHalfOpen: true }).catch(() => stream.abort('nothing listens')),
  })
  socket.addEventListener('message', (event: MessageEvent<ArrayBuffer>) => mux.receive(new Uint8Array(event.data)))
  socket.addEventListener('open', () => process.stdout.write('linked\n'))
}
