/** The listener whole, over real sockets: a visitor's bytes in, a dev server's bytes out, with the link left out between. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LinkStream, PreviewRow, Store } from '@berth/core'
import { joinedMuxes } from '@berth/testkit'
import { WorkspaceId } from '@berth/wire'
import { joiningHandlers } from '@berth/wire/join-socket'
import type { Socket } from 'bun'
import { listenForPreviews } from '../compose/preview-listener.ts'
import type { PreviewListener } from '../compose/preview-listener.ts'
import type { ClientConnection } from './client-connection.ts'
import { createPreviewHosts } from './hosts.ts'
import { createPreviews } from './index.ts'
import type { Previews } from './index.ts'

const id = WorkspaceId.parse('ws_abcdefghjkmn')
let home: string
let listener: PreviewListener
let previews: Previews
let server: Bun.TCPSocketListener<{ text: string }>
/** What the dev server was asked, whole requests, over all its connections. */
let asked: string[] = []
let opened = 0
/** What it does with a request; each test says. */
let answer: (request: string, socket: Socket<{ text: string }>) => void = () => {}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'berth-previews-'))
  server = Bun.listen<{ text: string }>({
    hostname: '127.0.0.1', port: 0,
    socket: {
      open(socket) {
        opened++
        socket.data = { text: '' }
      },
      data(socket, bytes) {
        socket.data.text += Buffer.from(bytes).toString('latin1')
        const end = socket.data.text.indexOf('\r\n\r\n')
        const length = Number(/content-length: (\d+)/.exec(socket.data.text)?.[1] ?? 0)
        if (end < 0 || socket.data.text.length < end + 4 + length) return
        const request = socket.data.text
        socket.data.text = ''
        asked.push(request)
        answer(request, socket)
      },
    },
  })
  const row: PreviewRow = { workspaceId: id, port: server.port, label: null, primary: true, access: 'public', hostHeader: 'preview', wake: false, shareExpiresAt: null }
  // What the listener asks of the store, and no more.
  const store = {
    previews: { named: async (name: string) => (name === 'demo' ? id : null), get: async () => row, visit: async () => null },
    getWorkspace: async () => ({ workspace: { id, name: 'demo', deletedAt: null, wish: { target: 'running' } }, machine: null }),
  } as unknown as Pick<Store, 'previews' | 'getWorkspace'>
  listener = await listenForPreviews({ hostname: undefined, port: 0, any: true, home, log: () => {} })
  previews = createPreviews({
    store, clock: { now: () => Date.now() }, pageUrl: 'http://berth.localhost:1', log: () => {}, start: async () => {},
    gate: { require: async () => {}, levelOf: async () => 'own' },
    hosts: createPreviewHosts({ port: listener.port, base: null, publicUrl: null }),
    daemons: { connected: () => true, openStream: async (_, open) => connectTo(open.service === 'tcp' ? open.port : 0) },
  })
  listener.serve((visitor) => previews.serve(visitor))
})
afterAll(async () => {
  previews.close()
  listener.stop()
  server.stop(true)
  await rm(home, { recursive: true, force: true })
})

/** As the daemon does it, over the link. */
function connectTo(port: number): Promise<LinkStream> {
  const { server: near } = joinedMuxes((_, stream) => {
    const { handlers } = joiningHandlers(stream)
    Bun.connect({ hostname: '127.0.0.1', port, socket: handlers, allowHalfOpen: true }).catch(() => stream.abort('nothing listens'))
  })
  return near.open({})
}

interface Visitor { say(text: string): void; /** Until what came matches. */ hear(pattern: RegExp): Promise<string>; readonly closed: Promise<string> }
async function visit(): Promise<Visitor> {
  let said = ''
  const waiting = new Set<() => void>()
  const closed = Promise.withResolvers<string>()
  const socket = await Bun.connect({ hostname: '127.0.0.1', port: listener.port, socket: {
    data(_, bytes) {
      said += Buffer.from(bytes).toString('latin1')
      for (const look of waiting) look()
    },
    close: () => closed.resolve(said),
  } })
  return {
    say: (text) => void socket.write(text),
    closed: closed.promise,
    hear: (pattern) => new Promise((resolve) => {
      const look = (): void => {
        if (!pattern.test(said)) return
        waiting.delete(look)
        resolve(said)
        said = ''
      }
      waiting.add(look)
      look()
    }),
  }
}
const request = (line: string, ...more: string[]) => [line, `Host: ${server.port}--demo.localhost:${listener.port}`, ...more, '', ''].join('\r\n')
const fresh = () => {
  asked = []
  opened = 0
}

describe('a preview', () => {
  test('carries many requests on one connection, to one connection of the server', async () => {
    fresh()
    answer = (_, socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    const visitor = await visit()
    for (let count = 0; count < 3; count++) {
      visitor.say(request('GET / HTTP/1.1', 'Cookie: berth_preview=mine; a=1'))
      expect(await visitor.hear(/ok$/)).toBe('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
    }
    expect([asked.length, opened]).toEqual([3, 1])
    expect(asked[0]).toContain('\r\ncookie: a=1\r\n')
  })

  test('asks again on a new connection when the kept one was closed as it was used, and never repeats what changes something', async () => {
    fresh()
    // The server closes each connection at its second request, as one does whose patience just ended.
    let times = new WeakMap<object, number>()
    answer = (_, socket) => {
      const count = (times.get(socket.data) ?? 0) + 1
      times.set(socket.data, count)
      if (count === 2) return socket.terminate()
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    }
    const visitor = await visit()
    visitor.say(request('GET /1 HTTP/1.1'))
    await visitor.hear(/ok$/)
    visitor.say(request('GET /2 HTTP/1.1'))
    expect(await visitor.hear(/ok$/)).toStartWith('HTTP/1.1 200')
    times = new WeakMap()
    const before = asked.length
    visitor.say(`${request('POST /3 HTTP/1.1', 'Content-Length: 4')}body`)
    await visitor.hear(/ok$/)
    expect(asked.slice(before)).toHaveLength(1)
  })

  test('passes the end of an answer on as it is: whole, cut off, or by the close', async () => {
    fresh()
    answer = (_, socket) => {
      socket.write('HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel')
      setImmediate(() => socket.write('lo\r\n0\r\n\r\n'))
    }
    const whole = await visit()
    whole.say(request('GET / HTTP/1.1'))
    expect(await whole.hear(/0\r\n\r\n$/)).toMatch(/^HTTP\/1\.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n(3\r\nhel\r\n2\r\nlo|5\r\nhello)\r\n0\r\n\r\n$/)
    whole.say(request('GET / HTTP/1.0'))
    expect(await whole.closed).toBe('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello')
    answer = (_, socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
      socket.end()
    }
    const cut = await visit()
    cut.say(request('GET / HTTP/1.1'))
    // Not a byte more, and no second answer on that connection.
    expect(await cut.closed).toEndWith('\r\n\r\nhalf')
    answer = (_, socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\nuntil the close')
      socket.end()
    }
    const close = await visit()
    close.say(request('GET / HTTP/1.1'))
    expect(await close.hear(/0\r\n\r\n$/)).toContain('transfer-encoding: chunked\r\n\r\nf\r\nuntil the close\r\n0\r\n\r\n')
  })

  test('refuses what smuggles, before the server sees a byte of it', async () => {
    fresh()
    answer = (_, socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    for (const bad of [request('POST / HTTP/1.1', 'Content-Length: 5', 'Transfer-Encoding: chunked'), request('GET / HTTP/1.1', 'X : y'), request('GET / HTTP/1.1', 'Transfer-Encoding: gzip')]) {
      const visitor = await visit()
      visitor.say(`${bad}0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n`)
      expect(await visitor.closed).toMatch(/^HTTP\/1\.1 400 /)
    }
    expect(asked).toEqual([])
  })

  test('says what else there is to say in its own words', async () => {
    answer = (_, socket) => void socket.write('220 mail.example ESMTP\r\n\r\n')
    const visitor = await visit()
    visitor.say(request('GET / HTTP/1.1', 'Accept: text/html'))
    expect(await visitor.hear(/<\/html>$/)).toMatch(/^HTTP\/1\.1 502 [^]*does not speak HTTP/)
    visitor.say(`GET / HTTP/1.1\r\nHost: 1--demo.localhost\r\n\r\n`)
    expect(await visitor.hear(/}$/)).toMatch(/^HTTP\/1\.1 502 [^]*"code":"network_unreachable"[^]*"reason":"not-listening"/)
    visitor.say('GET /.berth/share?token=x HTTP/1.1\r\nHost: 1--nobody.localhost\r\n\r\n')
    expect(await visitor.hear(/}$/)).toMatch(/^HTTP\/1\.1 404 /)
  })

  test('tells of an answer that cannot be passed on, rather than break off', async () => {
    const many = Array.from({ length: 201 }, (_, at) => `X-${at}: y`).join('\r\n')
    for (const [header, why] of [['Content-Length: 2\r\nContent-Length: 3', ''], ['Content-Length: -1', ''], ['Transfer-Encoding: gzip, chunked', ''], [many, 'more than 200 headers'], [`X: ${'y'.repeat(64 * 1024)}`, 'headers above 64 KiB']] as const) {
      answer = (_, socket) => void socket.write(`HTTP/1.1 200 OK\r\n${header}\r\n\r\nhi`)
      const visitor = await visit()
      visitor.say(request('GET / HTTP/1.1'))
      expect(await visitor.hear(/}$/)).toMatch(new RegExp(`^HTTP/1\\.1 502 [^]*does not speak HTTP[^]*${why}`))
    }
  })

  test('is no WebSocket when a body comes with it', async () => {
    fresh()
    answer = (_, socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    const visitor = await visit()
    visitor.say(`${request('GET / HTTP/1.1', 'Connection: Upgrade', 'Upgrade: websocket', 'Content-Length: 4')}body`)
    await visitor.hear(/\r\n\r\n$/)
    expect(asked.join()).not.toMatch(/upgrade/i)
  })

  test('does not wait for ever for who does not take our own words', async () => {
    const asks: Buffer[] = [Buffer.from('GET / HTTP/1.1\r\nHost: 1--nobody.localhost\r\n\r\n')]
    const writing = Promise.withResolvers<void>()
    const left = Promise.withResolvers<void>()
    const visitor: ClientConnection = {
      address: '127.0.0.1', closed: false, quietSince: null, read: async () => asks.shift() ?? null, unread: (bytes) => void asks.unshift(bytes), take: () => 0, onRoom() {}, onClose: () => () => {}, end() {}, destroy() {},
      write() {
        writing.resolve()
        return left.promise
      },
    }
    const served = previews.serve(visitor)
    await writing.promise
    expect(visitor.quietSince).not.toBeNull()
    left.resolve()
    await served
  })
})
