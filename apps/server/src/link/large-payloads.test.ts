/** What a large payload's memory is to who wrote it: theirs again once the link took it, however slowly the other end reads. */
import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { sendHttp } from '@berth/wire/http-stream'
import type { LinkStream } from '../../../daemon/src/contracts.ts'
import { harness, until } from './test/harness.ts'
import type { Harness, TestDaemon } from './test/harness.ts'

// Every wait below is for an event; this is only for a machine that is busy with something else.
setDefaultTimeout(60_000)
const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => { for (const cleanup of cleanups.splice(0).reverse()) await cleanup() })

const TOTAL = 12 * 1024 * 1024
/** Around the size above which a payload goes apart, and around the largest. */
const SIZES = [16 * 1024 - 1, 16 * 1024, 64 * 1024, 64 * 1024 + 1, 200_000, 700, 1024 * 1024]

/** No two stretches of it are alike. */
function expected(seed: number): Uint8Array {
  const bytes = new Uint32Array(TOTAL / 4)
  for (let at = 0, state = seed; at < bytes.length; at++) bytes[at] = state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return new Uint8Array(bytes.buffer)
}

/** The same in pieces, each in memory of its own. */
function* pieces(whole: Uint8Array): Generator<Uint8Array> {
  for (let at = 0, turn = 0; at < whole.length; turn++) {
    const piece = whole.slice(at, at + (SIZES[turn % SIZES.length] ?? 1))
    at += piece.length
    yield piece
  }
}

/** Writes all, and writes over each piece as soon as it was taken. */
function pour(stream: Pick<LinkStream, 'direct'>, whole: Uint8Array): void {
  const source = pieces(whole)
  let piece: Uint8Array | null = null
  let taken = 0
  const go = (): void => {
    for (;;) {
      piece ??= source.next().value ?? null
      if (piece === null) return direct.end()
      const more = direct.write(piece.subarray(taken))
      piece.fill(0xee, taken, taken + more)
      taken += more
      if (taken < piece.length) return
      piece = null
      taken = 0
    }
  }
  const direct = stream.direct({ onBytes() {}, onRoom: go, onOver() {} })
  go()
}

/** A way to the server that stands still most of the time. */
async function slowWay(h: Harness, over: 'unix' | 'tcp'): Promise<string> {
  const sockets: Socket[] = []
  const timers: ReturnType<typeof setInterval>[] = []
  const proxy = createServer((near) => {
    const far = over === 'unix' ? connect(h.listener.url.slice('unix:'.length)) : connect(Number(h.listener.port), '127.0.0.1')
    sockets.push(near, far)
    for (const [from, to] of [[near, far], [far, near]] as const) {
      let passed = 0
      from.on('data', (chunk) => {
        to.write(chunk)
        passed += chunk.length
        if (passed > 1024 * 1024) from.pause()
      })
      timers.push(setInterval(() => { passed = 0; from.resume() }, 30))
      from.on('error', () => {})
      from.on('close', () => to.destroy())
    }
  })
  const path = join(h.dir, 'slow.sock')
  await new Promise<void>((resolve) => { if (over === 'unix') proxy.listen(path, resolve); else proxy.listen(0, '127.0.0.1', resolve) })
  cleanups.push(() => {
    for (const timer of timers) clearInterval(timer)
    for (const socket of sockets) socket.destroy()
    proxy.close()
  })
  const address = proxy.address()
  return over === 'unix' ? `unix:${path}` : `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
}

for (const over of ['unix', 'tcp'] as const) {
  test(`what was written is what comes, over ${over}, slowly, both ways at once, though the writer uses its memory again at once`, async () => {
    const wholes = [1, 2, 3, 4].map((seed) => expected(seed))
    const [body, byServer, byDaemon, echoed] = wholes as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
    const source = pieces(body)
    const answer = (): Response => new Response(new ReadableStream({
      pull(controller) {
        const { value } = source.next()
        if (value === undefined) controller.close()
        else controller.enqueue(value)
      },
    }))
    const taken = Promise.withResolvers<Uint8Array>()
    const h = await harness({ over, deps: { linkHttp: () => Promise.resolve(answer()) } })
    cleanups.push(() => h.stop())
    const daemon: TestDaemon = await h.daemon({
      linkUrl: await slowWay(h, over),
      onStream(what, stream) {
        if (what.service !== 'tcp') return stream.abort('not here')
        if (what.port === 1) new Response(stream.readable as ReadableStream<Uint8Array<ArrayBuffer>>).bytes().then(taken.resolve, taken.reject)
        else if (what.port === 2) pour(stream, byDaemon)
        else stream.readable.pipeTo(stream.writable).catch(() => {})
      },
    })
    const id = daemon.boot.workspaceId
    await until('connected', () => daemon.link.connected && h.server.daemons.connected(id))
    const read = async (port: number): Promise<Uint8Array> => new Response((await h.server.daemons.openStream(id, { service: 'tcp', port })).readable as ReadableStream<Uint8Array<ArrayBuffer>>).bytes()
    pour(await h.server.daemons.openStream(id, { service: 'tcp', port: 1 }), byServer)
    const echo = await h.server.daemons.openStream(id, { service: 'tcp', port: 3 })
    const came = await Promise.all([
      sendHttp(await daemon.link.openStream({ service: 'http' }), { method: 'GET', path: '/git/x' }).then((response) => response.bytes()),
      taken.promise, read(2),
      (async () => {
        const back = new Response(echo.readable as ReadableStream<Uint8Array<ArrayBuffer>>).bytes()
        const writer = echo.writable.getWriter()
        for (const piece of pieces(echoed)) {
          await writer.write(piece)
          piece.fill(0xee)
        }
        await writer.close()
        return back
      })(),
    ])
    expect(came.map((bytes, at) => Buffer.compare(bytes, wholes[at] ?? new Uint8Array(0)))).toEqual([0, 0, 0, 0])
  })
}
