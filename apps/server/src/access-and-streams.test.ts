import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { follow } from '@berth/client'
import { stream } from '@durable-streams/client'
import type { StoredEvent } from '@berth/wire'
import { createAttachment } from './http/attach.ts'
import type { AttachSocket } from './http/attach.ts'
import { encodeTerminalFrame } from '@berth/wire/terminal-frames'
import { startHarness } from './test/harness.ts'
import type { Harness } from './test/harness.ts'

let b: Harness
beforeAll(async () => {
  b = await startHarness()
})
afterAll(() => b?.close())

describe('signing in', () => {
  const page = () => new URL(b.server.pageUrl).host
  const post = (form: Record<string, string>, headers: Record<string, string> = {}) =>
    fetch(`${b.server.url}/sign-in`, { method: 'POST', redirect: 'manual', headers: { host: page(), origin: b.server.pageUrl, ...headers }, body: new URLSearchParams(form) })

  it('needs a press, works once, and gives a session that only our own page can use', async () => {
    const { url } = await b.client.createSignInLink({ next: '/workspaces' })
    const link = new URL(url)
    const code = link.searchParams.get('code') ?? ''
    for (let look = 0; look < 2; look++) expect(await (await fetch(`${b.server.url}${link.pathname}${link.search}`, { headers: { host: page() } })).text()).toContain('<button')
    expect((await post({ code }, { origin: 'http://evil.example' })).status).toBe(403)
    const signed = await post({ code, next: '/workspaces' })
    expect(signed.status).toBe(303)
    expect(signed.headers.get('location')).toBe('/workspaces')
    const cookie = signed.headers.get('set-cookie') ?? ''
    expect(cookie).toContain('HttpOnly; SameSite=Lax')
    expect(cookie).not.toContain('Domain')
    expect((await post({ code })).status).toBe(401)

    const session = { host: page(), cookie: cookie.split(';')[0] ?? '' }
    const asPage = (init: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> }, path = '/api/v1/workspaces') => fetch(`${b.server.url}${path}`, { ...init, headers: { ...session, ...init.headers } })
    expect((await asPage({})).status).toBe(200)
    expect((await asPage({ headers: { 'sec-fetch-site': 'same-site' } })).status).toBe(403)
    const body = JSON.stringify({ source: { kind: 'empty' }, agent: 'plain', command: 'true' })
    const json = { 'content-type': 'application/json' }
    expect((await asPage({ method: 'POST', body, headers: json })).status).toBe(403)
    expect((await asPage({ method: 'POST', body, headers: { ...json, origin: 'http://evil.berth.localhost' } })).status).toBe(403)
    expect((await asPage({ method: 'POST', body, headers: { ...json, origin: b.server.pageUrl } })).status).toBe(200)
  })

  it('moves browsers to the name that may hold a cookie, and never leaves the server', async () => {
    const redirected = await fetch(`${b.server.url}/sign-in?code=abc`, { redirect: 'manual', headers: { host: 'localhost:1' } })
    expect(redirected.headers.get('location')).toBe(`${b.server.pageUrl}/sign-in?code=abc`)
    expect((await post({ code: 'abc' }, { host: '127.0.0.1' })).headers.get('set-cookie')).toBeNull()
    const { url } = await b.client.createSignInLink({ next: '//evil.example' })
    expect((await post({ code: new URL(url).searchParams.get('code') ?? '', next: '//evil.example' })).headers.get('location')).toBe('/')
  })
})

describe('the stream of events', () => {
  it('is read and resumed by the official client', async () => {
    const made = await b.create()
    await b.until(made.id, ({ phase }) => phase === 'starting')
    const options = { url: `${b.server.url}/api/v1/workspaces/${made.id}/stream`, headers: { authorization: `Bearer ${b.server.token}` } }
    const first = await stream<StoredEvent>({ ...options, offset: '-1', live: false })
    const seen = await first.json()
    expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, index) => index + 1))
    for (const live of ['long-poll', 'sse'] as const) {
      const resumed = await stream<StoredEvent>({ ...options, offset: first.offset, live })
      const next = Promise.withResolvers<StoredEvent>()
      const unsubscribe = resumed.subscribeJson(async (batch) => {
        const message = batch.items.find(({ body }) => body.type === 'workspace.notice' && body['code'] === live)
        if (message) next.resolve(message)
      })
      await b.server.store.events.append(made.id, [{ body: { type: 'workspace.notice', level: 'info', code: live, message: live, hint: null } }], Date.now())
      expect((await next.promise).seq).toBeGreaterThan(seen.length)
      unsubscribe()
      resumed.cancel()
    }
  })

  it('begins with the oldest event that is kept', async () => {
    const made = await b.create()
    const notice = { type: 'workspace.notice' as const, level: 'info' as const, code: 'x', message: 'x', hint: null }
    await b.server.store.events.append(made.id, Array.from({ length: 40 }, () => ({ body: notice })), Date.now())
    await b.server.store.retention.prune({ keepMs: 1e9, viewerMs: 1e9, eventsPerWorkspace: 30 }, Date.now())
    const kept = (await (await b.fetch(`/api/v1/workspaces/${made.id}/stream?offset=-1`)).json()) as StoredEvent[]
    expect(kept[0]?.seq).toBeGreaterThan(1)
    const stop = new AbortController()
    for await (const { seq } of follow({ url: b.server.url, token: b.server.token }, made.id, { after: 0, signal: stop.signal })) {
      expect(seq).toBe(kept[0]?.seq ?? 0)
      break
    }
    stop.abort()
    expect((await b.fetch(`/api/v1/workspaces/${made.id}/stream?offset=1`)).status).toBe(410)
  })

  it('gives our own client every event once, and ends with the workspace', async () => {
    const made = await b.create()
    const seqs: number[] = []
    let last: StoredEvent['body'] | null = null
    await b.client.deleteWorkspace({ id: made.id })
    for await (const event of follow({ url: b.server.url, token: b.server.token }, made.id, { after: 0, signal: new AbortController().signal })) {
      seqs.push(event.seq)
      last = event.body
    }
    expect(last).toMatchObject({ type: 'workspace.phase', phase: 'deleted' })
    expect(seqs).toEqual(seqs.map((_, index) => index + 1))
    const closed = await b.fetch(`/api/v1/workspaces/${made.id}/stream?offset=now&live=long-poll`)
    expect([closed.status, closed.headers.get('stream-closed')]).toEqual([204, 'true'])
    expect(await (await b.fetch(`/api/v1/workspaces/${made.id}/stream?live=sse`)).json()).toMatchObject({ code: 'bad_request' })
  })
})

describe('git over the control listener', () => {
  it('takes a push by the token as password and by bearer, and nothing without', async () => {
    const made = await b.create({ source: { kind: 'hosted', label: '/home/me/project' } })
    const dir = await mkdtemp(join(tmpdir(), 'berth-push-'))
    const git = async (...args: string[]) => {
      const child = Bun.spawn(['git', '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], { cwd: dir, stdout: 'pipe', stderr: 'pipe', env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0' } })
      await new Response(child.stderr).text()
      return child.exited
    }
    try {
      await git('init', '-q', '-b', 'main')
      await git('commit', '-q', '--allow-empty', '-m', 'x')
      const url = `${b.server.url}/git/${made.id}`
      expect(await git('push', url, 'HEAD:refs/heads/berth/source')).not.toBe(0)
      const bearer = `http.extraHeader=Authorization: Bearer ${b.server.token}`
      expect(await git('-c', bearer, 'push', url, 'HEAD:refs/heads/berth/thing')).not.toBe(0)
      expect(await git('-c', bearer, 'push', url, 'HEAD:refs/heads/berth/source')).toBe(0)
      expect(await git('ls-remote', url.replace('://', `://any:${b.server.token}@`))).toBe(0)
      expect((await b.client.sourceReady({ id: made.id })).id).toBe(made.id)
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  })
})

describe('a viewer of a terminal', () => {
  it('that does not read stops what is read from the machine', async () => {
    let pulled = 0
    let buffered = 0
    const machine = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 1
        controller.enqueue(encodeTerminalFrame({ kind: 'bytes', bytes: new Uint8Array(64 * 1024) }))
      },
    }, { highWaterMark: 0 })
    const aborted = Promise.withResolvers<string>()
    const attachment = createAttachment({ readable: machine, writable: new WritableStream<Uint8Array>(), abort: aborted.resolve })
    const full = Promise.withResolvers<void>()
    // Stands for a browser's socket: it takes everything and gives nothing on.
    const socket = {
      sendBinary(bytes: Uint8Array) {
        buffered += bytes.length
        if (buffered > 1024 * 1024) full.resolve()
      },
      sendText() {}, close() {},
      getBufferedAmount: () => buffered,
    } as unknown as AttachSocket
    attachment.opened(socket)
    await full.promise
    await Promise.resolve()
    const before = pulled
    expect(buffered).toBeLessThan(2 * 1024 * 1024)
    buffered = 0
    attachment.drained()
    while (pulled === before) await Promise.resolve()
    attachment.closed()
    expect(await aborted.promise).toBe('the viewer left')
  })
})
