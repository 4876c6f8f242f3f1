/** Against plain sockets of the platform on both ends. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { forward } from './forward.ts'

let dir = ''
const cleanups: (() => unknown)[] = []
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'berth-forward-')) })
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
  rmSync(dir, { recursive: true, force: true })
})

async function serve(onConnection: (socket: Socket) => void): Promise<{ host: string; port: number }> {
  const open = new Set<Socket>()
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket)
    socket.on('error', () => {})
    onConnection(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => { for (const socket of open) socket.destroy(); server.close() })
  const address = server.address()
  return { host: '127.0.0.1', port: typeof address === 'object' && address !== null ? address.port : 0 }
}
/** Through a unix socket in front of `to`. */
async function through(to: Parameters<typeof forward>[1]): Promise<Socket> {
  const path = join(dir, 'sock')
  const { close } = forward({ path }, to)
  cleanups.push(close)
  const client = connect({ path, allowHalfOpen: true })
  cleanups.push(() => client.destroy())
  client.on('error', () => {})
  await once(client, 'connect')
  return client
}
const hashing = (socket: Socket): Promise<string> => {
  const hash = createHash('sha256')
  let size = 0
  socket.on('data', (bytes) => { hash.update(bytes); size += bytes.length })
  return once(socket, 'end').then(() => `${size} ${hash.digest('hex')}`)
}
const LARGE = Buffer.alloc(24 * 1024 * 1024)
for (let at = 0; at < LARGE.length; at += 4) LARGE.writeUInt32LE(at * 2654435761 % 2 ** 32, at)
const ofLarge = `${LARGE.length} ${createHash('sha256').update(LARGE).digest('hex')}`

describe('forward', () => {
  it('carries much both ways at once, each with its own end', async () => {
    const arrived = Promise.withResolvers<string>()
    const client = await through(await serve((socket) => {
      hashing(socket).then(arrived.resolve, arrived.reject)
      socket.end(LARGE)
    }))
    const back = hashing(client)
    client.end(LARGE)
    expect(await Promise.all([arrived.promise, back])).toEqual([ofLarge, ofLarge])
  })

  it('passes an answer on to who has ended their half already, and closes both when both ended', async () => {
    const closed = Promise.withResolvers<void>()
    const client = await through(await serve((socket) => {
      socket.on('close', () => closed.resolve())
      let asked = ''
      socket.on('data', (bytes) => { asked += String(bytes) })
      socket.on('end', () => socket.end(`you said ${asked}`))
    }))
    client.end('hello')
    expect(await new Response(client as unknown as ReadableStream).text()).toBe('you said hello')
    await closed.promise
  })

  it('leaves with the sender what is not taken, and loses none of it', async () => {
    const accepted = Promise.withResolvers<Socket>()
    const client = await through(await serve((socket) => {
      socket.pause()
      accepted.resolve(socket)
    }))
    const server = await accepted.promise
    // Until nobody in between takes any more: what two sockets hold each way, far below all of it.
    for (let sent = -1; sent !== client.bytesWritten - client.writableLength; await Bun.sleep(100)) {
      sent = client.bytesWritten - client.writableLength
      if (client.writableLength === 0) client.write(LARGE)
    }
    expect(client.writableLength).toBeGreaterThan(LARGE.length / 4)
    client.end()
    const whole = hashing(server)
    server.resume()
    expect((await whole).split(' ')[0]).toBe(String(LARGE.length))
  })

  it('breaks off both when one breaks off or nothing listens, and carries others meanwhile', async () => {
    const seen: Promise<unknown>[] = []
    const to = await serve((socket) => {
      seen.push(once(socket, 'close'))
      socket.on('end', () => socket.end())
      socket.on('data', (bytes) => { if (String(bytes) === 'break') socket.resetAndDestroy(); else socket.write(bytes) })
    })
    const one = await through(to)
    const ended = once(one, 'end')
    one.resume()
    one.write('break')
    await ended
    const path = join(dir, 'sock')
    const two = connect({ path })
    two.write('still')
    expect(String((await once(two, 'data'))[0])).toBe('still')
    two.destroy()
    await Promise.all(seen)
    const { close } = forward({ path: join(dir, 'nobody') }, { path: join(dir, 'nothing') })
    cleanups.push(close)
    const lost = connect({ path: join(dir, 'nobody') })
    lost.on('error', () => {})
    await once(lost, 'close')
  })
})
