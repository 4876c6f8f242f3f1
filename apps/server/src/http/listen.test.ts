import { afterEach, describe, expect, it } from 'bun:test'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { listen } from './listen.ts'
import type { Listener } from './listen.ts'

const opened: { stop(): Promise<void> }[] = []
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const listener of opened.splice(0)) await listener.stop()
})

function speak(listener: Listener, text: string): { closed: Promise<void>; answered: Promise<string>; socket: Socket } {
  const [closed, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<string>()]
  const socket = connect(listener.port ?? 0, '127.0.0.1', () => socket.write(text))
  sockets.push(socket)
  socket.on('data', (data) => answered.resolve(data.toString()))
  socket.on('close', () => closed.resolve())
  return { closed: closed.promise, answered: answered.promise, socket }
}
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`

describe('a listener with an idle limit', () => {
  it('closes who says nothing whole and who may not idle, and nobody who waits for an answer', async () => {
    const slow = Promise.withResolvers<Response>()
    const listener = listen({
      idleSeconds: 1, mayIdle: (_, response) => response.status === 200,
      fetch: (request) => (request.url.endsWith('/slow') ? slow.promise : new Response('', { status: request.url.endsWith('/refused') ? 401 : 200 })),
    })
    opened.push(listener)
    const waits = speak(listener, get('/slow'))
    const known = speak(listener, get('/known'))
    const strangers = [speak(listener, 'GET / HTTP/1.1\r\nhost: x\r\nx'), speak(listener, ''), speak(listener, get('/refused'))]
    expect(await known.answered).toStartWith('HTTP/1.1 200')
    await Promise.all(strangers.map(({ closed }) => closed))
    expect(await strangers[2]?.answered).toStartWith('HTTP/1.1 401')
    expect([waits.socket.closed, known.socket.closed]).toEqual([false, false])
    slow.resolve(new Response('', { status: 200 }))
    expect(await waits.answered).toStartWith('HTTP/1.1 200')
  }, 30_000)
})
