import { describe, expect, test } from 'bun:test'
import { isWebSocket, toBrowser, toServer } from './headers.ts'
import type { Place } from './headers.ts'
import type { Headers, RequestHead } from './http1.ts'

const place: Place = { port: 3000, origin: 'http://3000--demo.localhost:7480', hostHeader: 'preview' }
const asLocalhost: Place = { ...place, hostHeader: 'localhost' }
const head = (headers: Headers, method = 'GET'): RequestHead => ({ method, target: '/', minor: 1, headers: [['host', '3000--demo.localhost:7480'], ...headers] })
const sent = (headers: Headers, at = place) => toServer(head(headers), at, { address: '10.0.0.1', upgrade: false })
const value = (headers: Headers, name: string) => headers.filter(([known]) => known === name).map(([, text]) => text)
const given = (headers: Headers, at = place) => toBrowser({ status: 200, reason: 'OK', minor: 1, headers }, at)

describe('towards the server', () => {
  test('our cookies are taken out, and the others are as they were', () => {
    expect(value(sent([['cookie', 'a=1; berth_preview=secret; b="x=y"'], ['cookie', 'berth_session=secret; __Host-berth=secret; __Host-berth_preview=secret']]), 'cookie')).toEqual(['a=1; b="x=y"'])
    expect(value(sent([['cookie', 'berth_preview=secret']]), 'cookie')).toEqual([])
    expect(value(sent([['cookie', 'xberth_preview=1;berth_previews=2']]), 'cookie')).toEqual(['xberth_preview=1; berth_previews=2'])
  })

  test('what speaks of one connection stays on it', () => {
    const all = sent([['connection', 'keep-alive, X-Private'], ['keep-alive', 'timeout=5'], ['x-private', '1'], ['te', 'trailers'], ['upgrade', 'h2c'], ['http2-settings', 'x'], ['proxy-authorization', 'x'], ['expect', '100-continue'], ['transfer-encoding', 'chunked'], ['content-length', '3'], ['accept', '*/*'], ['authorization', 'Bearer of-the-app']])
    expect(all.map(([name]) => name)).toEqual(['host', 'accept', 'authorization', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'])
  })

  test('it is told who asks by us alone', () => {
    const all = sent([['x-forwarded-for', '1.2.3.4'], ['x-forwarded-host', 'evil'], ['x-forwarded-proto', 'https'], ['forwarded', 'for=1.2.3.4'], ['x-real-ip', '1.2.3.4']])
    expect(all.slice(1)).toEqual([['x-forwarded-for', '10.0.0.1'], ['x-forwarded-proto', 'http'], ['x-forwarded-host', '3000--demo.localhost:7480']])
    expect(value(sent([], { ...place, origin: 'https://3000--demo.p.example' }), 'x-forwarded-proto')).toEqual(['https'])
  })

  test('one that insists on its own name hears it everywhere', () => {
    const all = sent([['origin', place.origin], ['referer', `${place.origin}/a?b`]], asLocalhost)
    expect(all).toEqual([['host', 'localhost:3000'], ['origin', 'http://localhost:3000'], ['referer', 'http://localhost:3000/a?b'], ['x-forwarded-for', '10.0.0.1'], ['x-forwarded-proto', 'http']])
    expect(value(sent([['origin', 'http://evil.example'], ['referer', `${place.origin}.evil.example/`]], asLocalhost), 'origin')).toEqual(['http://evil.example'])
    expect(value(sent([['referer', `${place.origin}.evil.example/`]], asLocalhost), 'referer')).toEqual([`${place.origin}.evil.example/`])
  })

  test('a WebSocket is asked for as one, and nothing else is', () => {
    const upgrade = head([['connection', 'keep-alive, Upgrade'], ['upgrade', 'websocket'], ['sec-websocket-key', 'k'], ['sec-websocket-protocol', 'vite-hmr']])
    expect(isWebSocket(upgrade)).toBe(true)
    expect(isWebSocket(head([['connection', 'Upgrade'], ['upgrade', 'h2c']]))).toBe(false)
    expect(isWebSocket({ ...upgrade, method: 'POST' })).toBe(false)
    expect(toServer(upgrade, place, { address: 'x', upgrade: true }).slice(1)).toEqual([['sec-websocket-key', 'k'], ['sec-websocket-protocol', 'vite-hmr'], ['x-forwarded-for', 'x'], ['x-forwarded-proto', 'http'], ['x-forwarded-host', '3000--demo.localhost:7480'], ['connection', 'Upgrade'], ['upgrade', 'websocket']])
  })
})

describe('towards the browser', () => {
  test('a cookie stays on its host and is not called as ours', () => {
    expect(given([['set-cookie', 'a=1; Domain=localhost; Path=/'], ['set-cookie', 'b=2; path=/;domain = .example.org ; Secure'], ['set-cookie', 'c=domain=x; HttpOnly'], ['set-cookie', 'berth_preview=mine'], ['set-cookie', ' __Host-berth_preview =mine; Path=/'], ['set-cookie', 'd=1; Domain']])
      .map(([, text]) => text)).toEqual(['a=1; Path=/', 'b=2; path=/; Secure', 'c=domain=x; HttpOnly', 'd=1'])
  })

  test('what is cleared are its own cookies alone', () => {
    const cleared = (text: string, origin: string) => value(given([['clear-site-data', text]], { ...place, origin }), 'clear-site-data')
    const below = 'https://3000--demo.p.example'
    expect(cleared('"cache", "cookies","storage"', below)).toEqual(['"cache", "storage"'])
    expect(cleared('"*"', below)).toEqual(['"cache", "storage", "executionContexts"'])
    expect(cleared('"cookies"', below)).toEqual([])
    expect(cleared('"cookies", "storage"', place.origin)).toEqual(['"cookies", "storage"'])
  })

  test('its own address becomes this one', () => {
    const location = (text: string) => given([['location', text]])[0]?.[1]
    expect(location('http://localhost:3000/a?b')).toBe('http://3000--demo.localhost:7480/a?b')
    expect(location('https://127.0.0.1:3000')).toBe('http://3000--demo.localhost:7480')
    expect(location('http://[::1]:3000/')).toBe('http://3000--demo.localhost:7480/')
    for (const other of ['/a', 'http://localhost:3001/', 'http://localhost:30000/', 'http://example.org:3000/', 'http://localhost:3000.evil.example/']) expect(location(other)).toBe(other)
  })

  test('framing and what speaks of one connection are ours to say', () => {
    expect(given([['connection', 'close, x-one'], ['x-one', '1'], ['transfer-encoding', 'chunked'], ['content-length', '3'], ['keep-alive', 'timeout=5'], ['trailer', 'x'], ['etag', '"1"'], ['x-two', '']])).toEqual([['etag', '"1"'], ['x-two', '']])
  })
})
