/** The far end of `mux.ts`: `mux-peer.ts (mux|tcp) (bulk|ping) host:port amount`. Prints the round trips as JSON. */
import { createMux } from '@berth/wire/mux'
import type { Mux } from '@berth/wire/mux'

const CHUNK = new Uint8Array(64 * 1024).fill(120)
const PING = new Uint8Array(16).fill(46)
const [carrier = '', kind = '', address = '', amount = '0'] = process.argv.slice(2)

const roundTrips = carrier === 'mux' ? await overMux() : await overTcp()
process.stdout.write(JSON.stringify(roundTrips), () => process.exit(0))

async function overMux(): Promise<number[]> {
  const socket = new WebSocket(`ws://${address}`)
  socket.binaryType = 'arraybuffer'
  const opened = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  socket.addEventListener('open', () => opened.resolve())
  socket.addEventListener('close', () => closed.resolve())
  await opened.promise
  const mux: Mux = createMux({ role: 'daemon', apart: () => true, send: (frame) => { socket.send(frame as Uint8Array<ArrayBuffer>) }, bufferedAmount: () => socket.bufferedAmount, onOpen: (_, stream) => stream.abort('not here') })
  socket.addEventListener('message', (event: MessageEvent<ArrayBuffer>) => { mux.receive(new Uint8Array(event.data)) })
  const stream = await mux.open({})
  const writer = stream.writable.getWriter()
  if (kind === 'bulk') {
    for (let sent = 0; sent < Number(amount); sent += CHUNK.length) await writer.write(CHUNK)
    // The receiver ends it when it has everything.
    await closed.promise
    return []
  }
  const reader = stream.readable.getReader()
  return pingPong(() => writer.write(PING), async () => (await reader.read()).value?.length ?? Number.NaN)
}

async function overTcp(): Promise<number[]> {
  const [hostname = '', port = ''] = address.split(':')
  let drained = Promise.withResolvers<void>()
  let arrived = Promise.withResolvers<number>()
  const closed = Promise.withResolvers<void>()
  const socket = await Bun.connect({
    hostname, port: Number(port),
    socket: { data: (_, chunk) => arrived.resolve(chunk.length), drain: () => drained.resolve(), close: () => closed.resolve() },
  })
  if (kind === 'bulk') {
    for (let sent = 0; sent < Number(amount);) {
      drained = Promise.withResolvers<void>()
      const taken = socket.write(CHUNK)
      sent += taken
      if (taken < CHUNK.length) await drained.promise
    }
    await closed.promise
    return []
  }
  return pingPong(async () => { arrived = Promise.withResolvers(); socket.write(PING) }, () => arrived.promise)
}

async function pingPong(send: () => Promise<void>, receive: () => Promise<number>): Promise<number[]> {
  const taken: number[] = []
  for (let run = 0; run < Number(amount); run++) {
    const since = performance.now()
    await send()
    for (let got = 0; got < PING.length;) got += await receive()
    taken.push(performance.now() - since)
  }
  return taken
}
