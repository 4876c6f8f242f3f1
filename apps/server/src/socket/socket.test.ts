/** The page's socket against a whole server: what follows of events, the list, text of the moment, hostile pages. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'bun:test'
import { createPageSocket } from '@berth/client/page-socket'
import type { PageSocket } from '@berth/client/page-socket'
import { randomIds } from '@berth/wire'
import type { ApprovalAsk, EventBody, StoredEvent, WorkspaceId } from '@berth/wire'
import type { JournalEntry } from '@berth/wire/daemon'
import { SOCKET_MESSAGE_LIMIT, SOCKET_PATH, WATCH_LIMIT } from '@berth/wire/live'
import type { FromPage, ToPage } from '@berth/wire/live'
import { startHarness } from '../test/harness.ts'
import type { Harness } from '../test/harness.ts'

let b: Harness
beforeAll(async () => {
  b = await startHarness()
}, 60_000)
afterAll(() => b?.close())

interface RawPage {
  readonly socket: WebSocket
  readonly heard: ToPage[]
  say(message: FromPage): void
  /** The first message, past or future, that fits. */
  until<T extends ToPage['type']>(type: T, fits?: (message: Extract<ToPage, { type: T }>) => boolean): Promise<Extract<ToPage, { type: T }>>
  readonly closed: Promise<CloseEvent>
}
const open = new Set<{ close(): void }>()
afterEach(() => {
  for (const one of open) one.close()
  open.clear()
})

const socketUrl = (): string => `${b.server.url.replace(/^http/, 'ws')}${SOCKET_PATH}`
async function page(headers: Record<string, string> = { authorization: `Bearer ${b.server.token}` }): Promise<RawPage> {
  const socket = new WebSocket(socketUrl(), { headers } as unknown as string[])
  open.add(socket)
  const heard: ToPage[] = []
  const listeners = new Set<() => void>()
  socket.onmessage = ({ data }) => {
    heard.push(JSON.parse(String(data)) as ToPage)
    for (const listener of listeners) listener()
  }
  const closed = new Promise<CloseEvent>((resolve) => { socket.onclose = resolve })
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve()
    socket.onerror = () => reject(new Error('refused'))
  })
  return {
    socket, heard, closed,
    say: (message) => socket.send(JSON.stringify(message)),
    until: (type, fits = () => true) => new Promise((resolve) => {
      const look = (): void => {
        const found = heard.find((message) => message.type === type && fits(message as Parameters<typeof fits>[0]))
        if (found === undefined) return
        listeners.delete(look)
        resolve(found as never) // the type was asked for
      }
      listeners.add(look)
      look()
    }),
  }
}
const seqs = (events: readonly StoredEvent[]): number[] => events.map(({ seq }) => seq)
const eventsOf = ({ heard }: RawPage, id: WorkspaceId): StoredEvent[] => heard.flatMap((message) => (message.type === 'events' && message.workspaceId === id ? message.events : []))
const notice = (message: string): { body: EventBody } => ({ body: { type: 'workspace.notice', level: 'info', code: 'test', message, hint: null } })
const append = (id: WorkspaceId, ...texts: string[]) => b.server.store.events.append(id, texts.map(notice), Date.now())
const watch = (workspaceId: WorkspaceId, after: number, at: string | null = null): FromPage => ({ type: 'watch', workspaceId, after, at, hunkId: null })
const upTo = (id: WorkspaceId, seq: number) => (message: ToPage & { type: 'events' }): boolean => message.workspaceId === id && (message.events.at(-1)?.seq ?? 0) >= seq

/** Stored as a daemon's upload, with its projections. */
async function uploaded(id: WorkspaceId, ...bodies: EventBody[]): Promise<void> {
  const { generation } = await b.until(id, (workspace) => workspace.generation > 0)
  const { epoch } = await b.server.store.links.openLink({ workspaceId: id, generation, journalId: `j-${crypto.randomUUID()}`, lastN: 0, boot: 'b', daemonVersion: '0', isolation: 'none', server: 's' }, Date.now())
  const entries: JournalEntry[] = bodies.map((body, at) => ({ n: at + 1, id: randomIds.event(), ageMs: 0, body }))
  expect(await b.server.store.links.upload({ workspaceId: id, epoch, journalId: `k-${crypto.randomUUID()}`, entries }, Date.now())).toMatchObject({ kind: 'stored' })
}

describe('watching', () => {
  it('gives what is stored, says when that is all, and then what comes', async () => {
    const { id } = await b.create()
    await append(id, 'one', 'two')
    const it = await page()
    it.say(watch(id, 0))
    await it.until('events', (message) => message.upToDate)
    await append(id, 'three')
    const tail = await b.server.store.events.tail(id)
    await it.until('events', upTo(id, tail))
    expect(seqs(eventsOf(it, id))).toEqual(Array.from({ length: eventsOf(it, id).length }, (_, at) => at + 1))
    expect(JSON.stringify(eventsOf(it, id))).toContain('three')
  })

  it('begins at the cursor, and says when there is nothing more', async () => {
    const { id } = await b.create()
    await append(id, ...Array.from({ length: 600 }, (_, at) => `text ${at}`))
    const it = await page()
    it.say(watch(id, 590))
    await it.until('events', (message) => message.upToDate)
    expect(seqs(eventsOf(it, id))[0]).toBe(591)
  })

  it('refuses what is not there, and a cursor that is not of this history', async () => {
    const { id } = await b.create()
    const it = await page()
    const nothing = randomIds.workspace()
    it.say(watch(nothing, 0))
    expect(await it.until('refused')).toMatchObject({ workspaceId: nothing, code: 'not_found' })
    it.say(watch(id, 1_000_000))
    expect(await it.until('cursor-gone')).toMatchObject({ workspaceId: id, floor: 0 })
    it.say(watch(id, 0))
    await it.until('events', (message) => message.upToDate)
  })

  it(`watches ${WATCH_LIMIT} at once and no more`, async () => {
    const it = await page()
    const ids = Array.from({ length: WATCH_LIMIT + 1 }, () => randomIds.workspace())
    const { id } = await b.create()
    // Those that are not there are let go of again; the place is free once the page was told.
    for (const one of ids) it.say(watch(one, 0))
    await Promise.all(ids.map((one) => it.until('refused', (message) => message.workspaceId === one)))
    expect(it.heard.some((message) => message.type === 'refused' && message.code === 'too_many')).toBe(true)
    it.say(watch(id, 0))
    await it.until('events', (message) => message.workspaceId === id)
  })

  it('passes the text of the moment on to those who watch, and to nobody else', async () => {
    const [one, other] = [await b.create(), await b.create()]
    const [near, far] = [await page(), await page()]
    near.say(watch(one.id, 0))
    far.say(watch(other.id, 0))
    await Promise.all([near.until('events'), far.until('events')])
    const item = { kind: 'text', sessionId: one.sessionId ?? randomIds.session(), messageId: 'm', role: 'agent', at: 0, append: 'hello' } as const
    b.server.pages.live(one.id, [item])
    expect(await near.until('live')).toEqual({ type: 'live', workspaceId: one.id, items: [item] })
    far.say({ type: 'ping' })
    await far.until('pong')
    expect(far.heard.some(({ type }) => type === 'live')).toBe(false)
  })

  it('holds nothing in memory for a page that does not read, and tells it everything later', async () => {
    const { id } = await b.create()
    const big = 'x'.repeat(20_000)
    for (let batch = 0; batch < 20; batch++) await append(id, ...Array.from({ length: 50 }, (_, at) => `${batch}.${at} ${big}`))
    const tail = await b.server.store.events.tail(id)
    const it = await page()
    it.say(watch(id, 0))
    await it.until('events', upTo(id, tail))
    expect(seqs(eventsOf(it, id))).toEqual(Array.from({ length: tail }, (_, at) => at + 1))
    // Each message is one that a slow phone takes in a second.
    expect(Math.max(...it.heard.map((message) => JSON.stringify(message).length))).toBeLessThan(100_000)
  }, 30_000)
})

describe('a page that is cut off', () => {
  it('gets nothing twice and nothing missing, however often it is cut', async () => {
    const { id } = await b.create()
    const readers = Array.from({ length: 8 }, (_, reader) => startReader(id, 1 + (reader % 4)))
    const rounds = 60
    for (let round = 0; round < rounds; round++) await append(id, ...Array.from({ length: 1 + ((round * 7) % 13) }, (_, at) => `round ${round}.${at}`)).then(async () => {
      if (round % 12 === 11) for (const reader of readers) await reader.has(await b.server.store.events.tail(id))
    })
    const tail = await b.server.store.events.tail(id)
    for (const reader of readers) {
      await reader.has(tail)
      expect(reader.got).toEqual(Array.from({ length: tail }, (_, at) => at + 1))
    }
    expect(readers.reduce((sum, { cuts }) => sum + cuts(), 0)).toBeGreaterThan(20)
  }, 60_000)
})

describe('the list', () => {
  it('comes whole, then each workspace and question as it changes', async () => {
    const { id, sessionId } = await b.create()
    const it = await page()
    it.say({ type: 'list' })
    const list = await it.until('list')
    expect(list.workspaces.map((workspace) => workspace.id)).toContain(id)
    const ask: ApprovalAsk = { approvalId: randomIds.approval(), sessionId: sessionId ?? randomIds.session(), kind: 'permission', tool: 'Bash', title: 'Bash: ls', toolCallId: null, input: { command: 'ls' }, cwd: null, contentHash: 'h' }
    await uploaded(id, { type: 'approval.asked', ask })
    expect(await it.until('approval')).toMatchObject({ approval: { approvalId: ask.approvalId, state: 'open' } })
    expect(await it.until('workspace', ({ workspace }) => workspace.id === id && workspace.needsYou === 1)).toBeDefined()
    await b.server.store.approvals.decide(ask.approvalId, { behavior: 'allow', scope: 'once' }, { who: 'me', via: 'api', at: Date.now() }, Date.now())
    expect(await it.until('approval', ({ approval }) => approval.state === 'decided')).toMatchObject({ approval: { decidedBy: { who: 'me' } } })
    expect(await it.until('workspace', ({ workspace }) => workspace.id === id && workspace.needsYou === 0 && workspace.tail >= 3)).toBeDefined()
    const later = await b.create()
    expect(await it.until('workspace', ({ workspace }) => workspace.id === later.id)).toBeDefined()
  })
})

describe('who is looking', () => {
  it('is told to those who look, counted for everybody, and over when they leave', async () => {
    const { id } = await b.create()
    const [one, other] = [await page(), await page()]
    one.say(watch(id, 0, 'stream'))
    other.say(watch(id, 0, 'review'))
    const { viewers } = await one.until('presence', (message) => message.viewers.length === 2 && message.viewers.every(({ at }) => at !== null))
    expect(viewers.map(({ at }) => at).toSorted()).toEqual(['review', 'stream'])
    other.say(watch(id, 0, 'terminal'))
    await one.until('presence', (message) => message.viewers.some(({ at }) => at === 'terminal'))
    await one.until('workspace', ({ workspace }) => workspace.viewers === 2)
    other.socket.close()
    await one.until('presence', (message) => message.viewers.length === 1 && one.heard.indexOf(message) > 0 && one.heard.slice(0, one.heard.indexOf(message)).some((past) => past.type === 'presence' && past.viewers.length === 2))
    await b.until(id, () => true)
    await one.until('workspace', ({ workspace }) => workspace.viewers === 1 && one.heard.some((past) => past.type === 'workspace' && past.workspace.viewers === 2))
  })

  it('is no activity by itself: only what a person does is', async () => {
    const { id } = await b.create()
    const before = (await b.client.getWorkspace({ id })).lastActiveAt
    const it = await page()
    it.say(watch(id, 0))
    await it.until('workspace', ({ workspace }) => workspace.viewers === 1)
    expect((await b.client.getWorkspace({ id })).lastActiveAt).toBe(before)
    it.say({ type: 'input', workspaceId: id })
    await it.until('workspace', ({ workspace }) => workspace.lastActiveAt > before)
  })

  it('knows which card is on a focused screen, of whom', async () => {
    const me = await b.server.store.access.bootstrap(Date.now())
    const approvalId = randomIds.approval()
    const it = await page()
    it.say({ type: 'focus', approvalId })
    it.say({ type: 'ping' })
    await it.until('pong')
    expect(b.server.pages.isCardOnFocusedScreen(approvalId, me.userId)).toBe(true)
    expect(b.server.pages.isCardOnFocusedScreen(randomIds.approval(), me.userId)).toBe(false)
    expect(b.server.pages.isCardOnFocusedScreen(approvalId, randomIds.user())).toBe(false)
    it.say({ type: 'focus', approvalId: null })
    it.say({ type: 'list' })
    await it.until('list')
    expect(b.server.pages.isCardOnFocusedScreen(approvalId, me.userId)).toBe(false)
  })
})

describe('hostile pages', () => {
  it('are let go of when they cannot be understood, send too much, or too fast', async () => {
    const garbage = await page()
    garbage.socket.send('{"type":"watch","workspaceId":"../../etc"}')
    expect((await garbage.closed).code).toBe(1003)
    const binary = await page()
    binary.socket.send(new Uint8Array([1, 2, 3]))
    expect((await binary.closed).code).toBe(1003)
    const large = await page()
    large.socket.send(JSON.stringify({ type: 'ping', pad: 'x'.repeat(SOCKET_MESSAGE_LIMIT) }))
    expect((await large.closed).code).toBe(1009)
    const fast = await page()
    for (let at = 0; at < 500; at++) fast.socket.send('{"type":"ping"}')
    expect((await fast.closed).code).toBe(1008)
    const newer = await page()
    newer.socket.send('{"type":"of tomorrow"}')
    newer.say({ type: 'ping' })
    await newer.until('pong')
  })

  it('of other sites do not get in with the cookie of a person', async () => {
    const link = new URL((await b.client.createSignInLink({ next: '/' })).url)
    const host = new URL(b.server.pageUrl).host
    const signed = await fetch(`${b.server.url}/sign-in`, { method: 'POST', redirect: 'manual', headers: { host, origin: b.server.pageUrl }, body: new URLSearchParams({ code: link.searchParams.get('code') ?? '' }) })
    const cookie = signed.headers.get('set-cookie')?.split(';')[0] ?? ''
    await expect(page({ host, cookie, origin: 'http://evil.example' })).rejects.toThrow('refused')
    await expect(page({ host, cookie })).rejects.toThrow('refused')
    await expect(page({ authorization: 'Bearer nothing' })).rejects.toThrow('refused')
    const own = await page({ host, cookie, origin: b.server.pageUrl })
    own.say({ type: 'ping' })
    await own.until('pong')
  })
})

/** A page that is cut off while it reads: after every so many messages, four times. */
function startReader(id: WorkspaceId, every: number) {
  const got: number[] = []
  let messages = 0
  let look = (): void => {}
  const cutter = createCutter(b.server.url, b.server.token)
  const socket: PageSocket = createPageSocket({
    url: cutter.url, on: () => {}, onState: () => {},
    onEvents(_, events) {
      got.push(...seqs(events))
      messages += 1
      if (cutter.cuts() < 4 && messages % every === 0) cutter.cut()
      look()
    },
  })
  open.add({ close: () => { socket.close(); cutter.close() } })
  socket.watch(id, 0)
  return {
    got, cuts: cutter.cuts,
    has: (seq: number) => new Promise<void>((resolve) => {
      look = () => { if ((got.at(-1) ?? 0) >= seq) resolve() }
      look()
    }),
  }
}

/** A socket's way to the server that can be cut at any byte: what a bad network does. */
function createCutter(target: string, token: string) {
  const { hostname, port } = new URL(target)
  const pairs = new Set<{ end(): void }>()
  let cuts = 0
  const server = Bun.listen<{ far: Bun.Socket | null; early: Uint8Array[] }>({
    hostname: '127.0.0.1', port: 0,
    socket: {
      async open(near) {
        near.data = { far: null, early: [] }
        const pair = { end: () => { near.terminate(); near.data.far?.terminate() } }
        pairs.add(pair)
        const far = await Bun.connect({ hostname, port: Number(port), socket: {
          data: (_, bytes) => void near.write(bytes),
          close: () => { pairs.delete(pair); near.end() },
          error: () => near.terminate(),
        } }).catch(() => null)
        near.data.far = far
        for (const bytes of near.data.early) far?.write(bytes)
      },
      data(near, bytes) {
        // The browser's half carries no token; the test's page is a browser without cookies.
        const text = Buffer.from(bytes).toString('latin1')
        const sent = text.startsWith('GET ') ? Buffer.from(text.replace('\r\n', `\r\nauthorization: Bearer ${token}\r\n`).replace(/origin: [^\r]*\r\n/i, ''), 'latin1') : bytes
        if (near.data.far === null) near.data.early.push(sent)
        else near.data.far.write(sent)
      },
      close: (near) => void near.data.far?.end(),
      error: (near) => near.data.far?.terminate(),
    },
  })
  return {
    url: `ws://127.0.0.1:${server.port}${SOCKET_PATH}`,
    cuts: () => cuts,
    cut() {
      for (const pair of pairs) {
        cuts += 1
        pair.end()
      }
      pairs.clear()
    },
    close: () => server.stop(true),
  }
}
