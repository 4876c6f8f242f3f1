import { afterAll, beforeAll, expect, it } from 'bun:test'
import { startHarness } from './test/harness.ts'
import type { Harness } from './test/harness.ts'

const PUBLIC = 'https://berth.example.org'
let b: Harness
beforeAll(async () => {
  b = await startHarness({ publicUrl: PUBLIC })
}, 60_000)
afterAll(() => b?.close())

/** As it comes from a proxy that keeps the name and says nothing else. */
const ask = (path: string, init: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> } = {}) =>
  fetch(`${b.server.url}${path}`, { redirect: 'manual', ...init, headers: { host: 'berth.example.org', ...init.headers } })

async function signIn(headers: Record<string, string>): Promise<Response> {
  const { url } = await b.client.createSignInLink({})
  expect(url.startsWith(`${PUBLIC}/sign-in?`)).toBe(true)
  return ask('/sign-in', { method: 'POST', headers, body: new URLSearchParams({ code: new URL(url).searchParams.get('code') ?? '' }) })
}

it('gives a session that is bound to the name and to https, also behind a proxy that does not say https', async () => {
  const signed = await signIn({ origin: PUBLIC })
  expect(signed.status).toBe(303)
  const cookie = signed.headers.get('set-cookie') ?? ''
  expect(cookie).toMatch(/^__Host-berth=.*; Path=\/; HttpOnly; SameSite=Lax; .*; Secure$/)
  expect(cookie).not.toContain('Domain')
  const session = { cookie: cookie.split(';')[0] ?? '' }
  const post = (origin: string) => ask('/api/v1/push/test', { method: 'POST', headers: { ...session, origin, 'content-type': 'application/json' }, body: '{}' })
  expect((await ask('/api/v1/settings', { headers: session })).status).toBe(200)
  expect(await Promise.all([PUBLIC, 'http://berth.example.org', 'https://evil.example', 'https://evil.berth.example.org'].map(async (origin) => (await post(origin)).status))).toEqual([200, 403, 403, 403])
  // The plain name is another one, and not trusted with this one's session.
  expect((await ask('/api/v1/settings', { headers: { cookie: session.cookie.replace('__Host-berth', 'berth_session') } })).status).toBe(401)
  expect((await ask('/api/v1/settings', { headers: { ...session, host: 'berth.localhost' } })).status).toBe(401)
})

it('answers to no other name, and moves browsers of bare loopback names to the public one', async () => {
  expect((await ask('/health', { headers: { host: 'evil.example' } })).status).toBe(403)
  expect((await signIn({ host: 'localhost' })).headers.get('set-cookie')).toBeNull()
  expect((await ask('/sign-in?code=abc', { headers: { host: '127.0.0.1' } })).headers.get('location')).toBe(`${PUBLIC}/sign-in?code=abc`)
  expect((await b.client.server()).publicUrl).toBe(PUBLIC)
})
