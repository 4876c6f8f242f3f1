import { expect, test } from 'bun:test'
import { WorkspaceId } from '@berth/wire'
import { createPreviewHosts } from './hosts.ts'
import type { Headers } from './http1.ts'
import { causedHere, isByPerson, isNavigation } from './visitors.ts'

const local = createPreviewHosts({ port: 7480, base: null, publicUrl: null })
const based = createPreviewHosts({ port: 7480, base: 'preview.example.net', publicUrl: 'https://berth.example.org' })

test('a preview is known by its name alone', () => {
  expect(local.named('3000--demo.localhost:7480')).toEqual({ port: 3000, label: 'demo', onBase: false })
  expect(local.named('3000--My-App.LOCALHOST.')).toEqual({ port: 3000, label: 'my-app', onBase: false })
  expect(local.named('80--ws_abcdefghjkmn.localhost')).toEqual({ port: 80, label: 'ws_abcdefghjkmn', onBase: false })
  for (const other of ['berth.localhost', 'localhost', '', '127.0.0.1', '0--demo.localhost', '70000--demo.localhost', '3000--.localhost', '3000--demo.evil.example', '3000--demo.localhost.evil.example', 'a.3000--demo.localhost', '3000--demo.preview.example.net', '03000--demo.localhost', '3000--demo/x.localhost']) expect(local.named(other)).toBeNull()
  expect(based.named('3000--demo.preview.example.net')).toEqual({ port: 3000, label: 'demo', onBase: true })
  expect(based.named('3000--demo.localhost:7480')?.onBase).toBe(false)
})

test('its address is one of ours, or none', () => {
  expect(local.origin({ port: 3000, label: 'demo' })).toBe('http://3000--demo.localhost:7480')
  expect(based.origin({ port: 3000, label: 'demo' })).toBe('https://3000--demo.preview.example.net')
  expect(createPreviewHosts({ port: 7480, base: 'p.test', publicUrl: null }).origin({ port: 1, label: 'a' })).toBe('http://1--a.p.test:7480')
  expect(local.ofUrl('http://3000--demo.localhost:7480/a?b#c')).toEqual({ name: { port: 3000, label: 'demo', onBase: false }, origin: 'http://3000--demo.localhost:7480', path: '/a?b#c' })
  // Another program may listen at another port of the same name.
  for (const other of ['http://3000--demo.localhost:9/', 'https://3000--demo.localhost:7480/', 'http://berth.localhost:7420/', 'javascript:alert(1)', '//3000--demo.localhost:7480/', '', 'http://evil.example/']) expect(local.ofUrl(other)).toBeNull()
  expect(based.ofUrl('http://3000--demo.preview.example.net/')).toBeNull()
})

test('a base that shares cookies with the page is refused', () => {
  const made = (base: string) => () => createPreviewHosts({ port: 1, base, publicUrl: 'https://berth.example.org' })
  for (const base of ['preview.example.org', 'example.org', 'berth.example.org', 'x.berth.example.org']) expect(made(base)).toThrow('share cookies')
  for (const base of ['10.0.0.1', 'preview.example.net/x', 'a b', 'https://user@x.net']) expect(made(base)).toThrow('not a domain')
  expect(() => createPreviewHosts({ port: 1, base: 'b.co.uk', publicUrl: 'https://a.co.uk' })).not.toThrow()
})

test('a cookie is believed when the person or a page of the workspace asks', () => {
  const site = { workspaceId: WorkspaceId.parse('ws_abcdefghjkmn'), workspace: 'demo', labels: ['ws_abcdefghjkmn', 'abcdefghjkmn', 'demo'], port: 3000, origin: 'http://3000--demo.localhost:7480', onTheWeb: true, settings: null }
  const asks = (headers: Headers, method = 'GET') => causedHere({ method, headers: [['host', '3000--demo.localhost:7480'], ...headers] }, site, local)
  expect(asks([])).toBe(true)
  expect(asks([['origin', site.origin]], 'POST')).toBe(true)
  expect(asks([['origin', 'http://8000--demo.localhost:7480']], 'POST')).toBe(true)
  expect(asks([['origin', 'http://8000--ws_abcdefghjkmn.localhost:7480']])).toBe(true)
  expect(asks([['sec-fetch-site', 'cross-site'], ['sec-fetch-mode', 'navigate']])).toBe(true)
  expect(asks([['sec-fetch-site', 'same-site'], ['sec-fetch-mode', 'no-cors'], ['referer', 'http://8000--demo.localhost:7480/x']])).toBe(true)
  expect(asks([['origin', 'null'], ['sec-fetch-site', 'same-origin']], 'POST')).toBe(true)
  expect(asks([['origin', 'http://3000--other.localhost:7480']])).toBe(false)
  expect(asks([['origin', 'http://evil.example']], 'POST')).toBe(false)
  expect(asks([['origin', 'null'], ['sec-fetch-site', 'cross-site'], ['sec-fetch-mode', 'navigate']], 'POST')).toBe(false)
  expect(asks([['sec-fetch-site', 'same-site'], ['sec-fetch-mode', 'no-cors']])).toBe(false)
  expect(asks([['sec-fetch-site', 'same-site'], ['sec-fetch-mode', 'no-cors'], ['referer', 'http://3000--other.localhost:7480/x']])).toBe(false)
})

test('without TLS a browser does not say who asks: what it loads for a page is believed from pages of the workspace alone', () => {
  const base = createPreviewHosts({ port: 80, base: 'http://preview.example.net', publicUrl: null })
  const site = { workspaceId: WorkspaceId.parse('ws_abcdefghjkmn'), workspace: 'demo', labels: ['demo'], port: 3000, origin: base.origin({ port: 3000, label: 'demo' }), onTheWeb: true, settings: null }
  const asks = (headers: Headers, method = 'GET') => causedHere({ method, headers: [['host', new URL(site.origin).host], ['user-agent', 'Mozilla/5.0 (X11)'], ...headers] }, site, base)
  const sibling = base.origin({ port: 3000, label: 'other' })
  // A script or a picture of a neighbour's page, which may also hide where it stands.
  expect(asks([['accept', '*/*'], ['referer', `${sibling}/x`]])).toBe(false)
  expect(asks([['accept', '*/*']])).toBe(false)
  expect(asks([['accept', 'text/html']], 'POST')).toBe(false)
  expect(asks([['accept', '*/*'], ['referer', `${site.origin}/x`]])).toBe(true)
  expect(asks([['accept', 'text/html,*/*'], ['referer', `${sibling}/x`]])).toBe(true)
  expect(causedHere({ method: 'GET', headers: [['host', 'x'], ['user-agent', 'curl/8'], ['accept', '*/*']] }, site, base)).toBe(true)
})

test('a page that looks again by itself is nobody who came', () => {
  const head = (headers: Headers) => ({ method: 'GET', target: '/', minor: 1 as const, headers })
  const navigates: Headers = [['sec-fetch-mode', 'navigate'], ['accept', 'text/html']]
  expect(isByPerson(head([...navigates, ['sec-fetch-site', 'none']]))).toBe(true)
  expect(isByPerson(head([...navigates, ['sec-fetch-site', 'same-origin'], ['sec-fetch-user', '?1']]))).toBe(true)
  expect(isByPerson(head([...navigates, ['sec-fetch-site', 'same-origin']]))).toBe(false)
  expect(isByPerson(head([['sec-fetch-mode', 'cors'], ['sec-fetch-site', 'none']]))).toBe(false)
  expect(isNavigation(head([['accept', 'text/html,*/*']]))).toBe(true)
  expect(isNavigation(head([['accept', '*/*']]))).toBe(false)
})
