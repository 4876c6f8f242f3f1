import { describe, expect, test } from 'bun:test'
import { asChunk, bodyOf, LAST_CHUNK, readHead } from './body.ts'
import type { Body, ByteSource } from './body.ts'
import { endOfHead, framingOfRequest, framingOfResponse, HEAD_LIMIT_BYTES, HEADERS_LIMIT, parseRequestHead, parseResponseHead, staysOpen } from './http1.ts'

/** Bytes that come in these pieces. */
function source(...pieces: string[]): ByteSource & { rest(): Promise<string> } {
  const waiting: Buffer[] = pieces.map((piece) => Buffer.from(piece, 'latin1'))
  const self = {
    read: async (): Promise<Buffer | null> => waiting.shift() ?? null,
    unread: (bytes: Buffer) => void waiting.unshift(bytes),
    rest: async () => Buffer.concat(waiting).toString('latin1'),
  }
  return self
}
const request = (...lines: string[]) => parseRequestHead(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'))
const response = (...lines: string[]) => parseResponseHead(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'))
const whole = async (body: Body) => {
  let text = ''
  for (let piece = await body(); piece !== null; piece = await body()) text += piece.toString('latin1')
  return text
}

describe('a request', () => {
  test('is read as it is written', () => {
    expect(request('GET /a%20b?c=d HTTP/1.1', 'Host: x', 'X-Y:  z  ')).toEqual({ method: 'GET', target: '/a%20b?c=d', minor: 1, headers: [['host', 'x'], ['x-y', 'z']] })
    expect(staysOpen(request('GET / HTTP/1.1', 'Host: x'))).toBe(true)
    expect(staysOpen(request('GET / HTTP/1.1', 'Host: x', 'Connection: foo, Close'))).toBe(false)
    expect(staysOpen(request('GET / HTTP/1.0', 'Host: x'))).toBe(false)
  })

  test.each([
    [['GET http://other/ HTTP/1.1', 'Host: x']], [['GET / HTTP/1.2', 'Host: x']], [['GET  / HTTP/1.1', 'Host: x']], [['GET / x HTTP/1.1', 'Host: x']], [['get / HTTP/1.1', 'Host: x']],
    [['GET / HTTP/1.1']], [['GET / HTTP/1.1', 'Host: x', 'Host: y']], [['GET / HTTP/1.1', 'Host: x', ' folded: y']], [['GET / HTTP/1.1', 'Host: x', 'a b: c']], [['GET / HTTP/1.1', 'Host: x', 'a : c']],
    [['GET / HTTP/1.1', 'Host: x', ': c']], [['GET / HTTP/1.1', 'Host: x', 'nothing']], [['GET / HTTP/1.1', 'Host: x', 'a: b\0c']], [['GET / HTTP/1.1', 'Host: x', 'a: b\nc: d']], [['GET / HTTP/1.1', 'Host: x\ry']],
    [['GET / HTTP/1.1', 'Host: x', ...Array.from({ length: HEADERS_LIMIT }, () => 'a: b')]],
  ])('that two could read differently is refused: %j', (lines) => {
    expect(() => request(...lines)).toThrow()
  })

  test.each([
    [['Content-Length: 1', 'Content-Length: 1']], [['Content-Length: +1']], [['Content-Length: 1, 1']], [['Content-Length: 0x1']], [['Content-Length: -1']], [['Content-Length: ']],
    [['Content-Length: 3', 'Transfer-Encoding: chunked']], [['Transfer-Encoding: gzip, chunked']], [['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked']], [['Transfer-Encoding: xchunked']], [['Transfer-Encoding: identity']],
    // Spaces to some readers, and to HTTP none.
    [['Transfer-Encoding: chunked\xa0']], [['Content-Length: 3\xa0']],
  ])('whose length is not clear is refused: %j', (lines) => {
    expect(() => framingOfRequest(request('POST / HTTP/1.1', 'Host: x', ...lines))).toThrow('length')
  })

  test('has the length that it says', () => {
    expect(framingOfRequest(request('GET / HTTP/1.1', 'Host: x'))).toEqual({ by: 'none' })
    expect(framingOfRequest(request('POST / HTTP/1.1', 'Host: x', 'Content-Length: 12'))).toEqual({ by: 'length', bytes: 12 })
    expect(framingOfRequest(request('POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: Chunked'))).toEqual({ by: 'chunks' })
    expect(() => framingOfRequest(request('POST / HTTP/1.0', 'Host: x', 'Transfer-Encoding: chunked'))).toThrow('length')
  })
})

test('an answer has the length that its status and the question give it', () => {
  expect(framingOfResponse(response('HTTP/1.1 200 OK', 'Content-Length: 5'), 'GET')).toEqual({ by: 'length', bytes: 5 })
  expect(framingOfResponse(response('HTTP/1.1 200', 'Content-Length: 5'), 'HEAD')).toEqual({ by: 'none' })
  expect(framingOfResponse(response('HTTP/1.1 304 Not Modified', 'Content-Length: 5'), 'GET')).toEqual({ by: 'none' })
  expect(framingOfResponse(response('HTTP/1.1 204 No Content', 'Transfer-Encoding: chunked'), 'GET')).toEqual({ by: 'none' })
  expect(framingOfResponse(response('HTTP/1.0 200 OK'), 'GET')).toEqual({ by: 'close' })
  // As some servers do; the coding counts (RFC 9112 §6.3).
  expect(framingOfResponse(response('HTTP/1.1 200 OK', 'Content-Length: 5', 'Transfer-Encoding: chunked'), 'GET')).toEqual({ by: 'chunks' })
  expect(() => framingOfResponse(response('HTTP/1.1 200 OK', 'Content-Length: 5', 'Content-Length: 6'), 'GET')).toThrow('length')
  expect(() => response('HTTP/1.1 999 No')).toThrow()
  expect(() => response('220 mail.example ESMTP')).toThrow()
})

describe('bytes', () => {
  test('come in any pieces', async () => {
    const head = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
    for (let cut = 1; cut < head.length; cut++) {
      const from = source(head.slice(0, cut), `${head.slice(cut)}next`)
      expect((await readHead(from))?.toString()).toBe(head)
      expect(await from.rest()).toBe('next')
    }
    expect(await readHead(source())).toBeNull()
    await expect(readHead(source('GET / HT'))).rejects.toThrow('broke off')
    await expect(readHead(source('a'.repeat(HEAD_LIMIT_BYTES), 'aa'))).rejects.toThrow('64 KiB')
    expect(endOfHead(Buffer.from('a\n\nb'))).toBe(-1)
  })

  test('of chunks are put together however they are cut, and no further', async () => {
    const wire = '3\r\nabc\r\nA;x="y"\r\n0123456789\r\n0\r\nTrailer: z\r\n\r\n'
    for (let cut = 0; cut <= wire.length; cut++) {
      const from = source(...[wire.slice(0, cut), `${wire.slice(cut)}GET`].filter(Boolean))
      expect(await whole(bodyOf(from, { by: 'chunks' }))).toBe('abc0123456789')
      expect(await from.rest()).toBe('GET')
    }
    const ours = Buffer.concat([asChunk(Buffer.from('hello')), LAST_CHUNK]).toString()
    expect(await whole(bodyOf(source(ours), { by: 'chunks' }))).toBe('hello')
  })

  test.each(['x\r\nabc\r\n0\r\n\r\n', '3\r\nabcd\r\n0\r\n\r\n', '3\r\nabc\n0\r\n\r\n', '-1\r\n', '100000000\r\n', '3\r\nab', '', ' 3\r\nabc\r\n0\r\n\r\n'])('of chunks that are not well-formed are refused: %j', async (wire) => {
    await expect(whole(bodyOf(source(...[wire].filter(Boolean)), { by: 'chunks' }))).rejects.toThrow()
  })

  test('of a length end there', async () => {
    const from = source('ab', 'cdefgh')
    expect(await whole(bodyOf(from, { by: 'length', bytes: 5 }))).toBe('abcde')
    expect(await from.rest()).toBe('fgh')
    await expect(whole(bodyOf(source('ab'), { by: 'length', bytes: 5 }))).rejects.toThrow('broke off')
  })
})
