/** A terminal through the whole server: a browser's socket on one side, a machine's link on the other. */
import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { PROTOCOL_VERSION, randomIds } from '@berth/wire'
import type { EventBody, Workspace } from '@berth/wire'
import { ENROL_PATH, LINK_PATH } from '@berth/wire/daemon'
import { createMux } from '@berth/wire/mux'
import type { MuxStream } from '@berth/wire/mux'
import { createTerminalDecoder, encodeTerminalFrame } from '@berth/wire/terminal-frames'
import { startHarness } from './test/harness.ts'
import type { Harness } from './test/harness.ts'

let b: Harness
let workspace: Workspace
let machine: Awaited<ReturnType<typeof dial>>
beforeAll(async () => {
  b = await startHarness({ allowedMs: 50 })
  const made = await b.create()
  await b.until(made.id, ({ phase }) => phase === 'starting')
  machine = await dial(made)
  workspace = await b.until(made.id, ({ phase }) => phase === 'running')
}, 60_000)
afterAll(async () => {
  machine?.close()
  await b?.close()
})

/** A daemon as the wire sees it: enrols, says hello, says that its agent is up, and hands over what is opened. */
async function dial({ id, generation }: { id: Workspace['id']; generation: number }) {
  const bootToken = await b.server.store.links.issueBootToken(id, generation || 1, Date.now())
  const enrolled = await fetch(`${b.server.linkUrl}${ENROL_PATH}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ workspaceId: id, generation: 1, bootToken }) })
  const { linkToken } = (await enrolled.json()) as { linkToken: string }
  const socket = new WebSocket(`${b.server.linkUrl.replace('http', 'ws')}${LINK_PATH}`, { headers: { authorization: `Bearer ${linkToken}` } } as unknown as string[])
  socket.binaryType = 'arraybuffer'
  const streams: { open: unknown; stream: MuxStream }[] = []
  let opened: (() => void) | null = null
  const mux = createMux({
    role: 'daemon', onFault: (reason) => { throw new Error(reason) },
    send: (frame) => { socket.send(frame as Uint8Array<ArrayBuffer>) }, bufferedAmount: () => socket.bufferedAmount,
    onOpen: (open, stream) => {
      streams.push({ open, stream })
      opened?.()
    },
  })
  const ready: EventBody = { type: 'workspace.step', step: 'agent', title: 'Start the agent', state: 'done', durationMs: 1, detail: null }
  socket.addEventListener('open', () => socket.send(JSON.stringify({
    type: 'hello', protocol: PROTOCOL_VERSION, daemonVersion: '0.1.0', workspaceId: id, generation: 1, boot: 'boot', machineBoot: 'machine',
    journal: { id: 'journal', firstN: 1, lastN: 1 }, platform: { os: 'linux', arch: 'x64', libc: 'glibc', tmux: false }, isolation: 'none',
  })))
  const welcomed = Promise.withResolvers<{ epoch: number; reportMs?: number }>()
  socket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) => {
    if (typeof data !== 'string') return mux.receive(new Uint8Array(data))
    const message = JSON.parse(data) as { type: string; epoch: number; reportMs?: number }
    if (message.type === 'welcome') {
      socket.send(JSON.stringify({ type: 'events', epoch: message.epoch, journalId: 'journal', entries: [{ n: 1, id: randomIds.event(), ageMs: 0, body: ready }] }))
      welcomed.resolve(message)
    }
  })
  return {
    welcome: await welcomed.promise,
    close: () => socket.close(),
    async next() {
      if (streams.length === 0) await new Promise<void>((resolve) => { opened = resolve })
      return streams.shift() ?? Promise.reject(new Error('nothing was opened'))
    },
  }
}

function attach(query: string, headers: Record<string, string> = { authorization: `Bearer ${b.server.token}` }) {
  const url = `${b.server.url.replace('http', 'ws')}/api/v1/workspaces/${workspace.id}/terminals/agent/attach?${query}`
  const socket = new WebSocket(url, { headers } as unknown as string[])
  socket.binaryType = 'arraybuffer'
  const messages: (string | ArrayBuffer)[] = []
  let heard: (() => void) | null = null
  socket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) => {
    messages.push(data)
    heard?.()
  })
  const closed = new Promise<number>((resolve) => { socket.addEventListener('close', ({ code }) => resolve(code)) })
  return {
    socket, closed,
    opened: new Promise<void>((resolve) => { socket.addEventListener('open', () => resolve()) }),
    async next(): Promise<string | Uint8Array> {
      if (messages.length === 0) await new Promise<void>((resolve) => { heard = resolve })
      const data = messages.shift() ?? ''
      return typeof data === 'string' ? data : new Uint8Array(data)
    },
  }
}

/** What a browser that was signed in sends. */
async function browser(): Promise<Record<string, string>> {
  const link = new URL((await b.client.createSignInLink({ next: '/' })).url)
  const host = new URL(b.server.pageUrl).host
  const signed = await fetch(`${b.server.url}/sign-in`, { method: 'POST', redirect: 'manual', headers: { host, origin: b.server.pageUrl }, body: new URLSearchParams({ code: link.searchParams.get('code') ?? '' }) })
  return { host, origin: b.server.pageUrl, cookie: signed.headers.get('set-cookie')?.split(';')[0] ?? '' }
}

describe('a terminal', () => {
  it('carries bytes and controls both ways, and ends with its program', async () => {
    const viewer = attach('cols=100&rows=30&mode=control')
    const { open, stream } = await machine.next()
    expect(open).toEqual({ service: 'terminal', terminalId: 'agent', cols: 100, rows: 30, mode: 'control' })
    await viewer.opened
    const writer = stream.writable.getWriter()
    await writer.write(encodeTerminalFrame({ kind: 'control', control: { type: 'ready', cols: 100, rows: 30, backend: 'holder' } }))
    expect(JSON.parse((await viewer.next()) as string)).toEqual({ type: 'ready', cols: 100, rows: 30, backend: 'holder' })
    await writer.write(encodeTerminalFrame({ kind: 'bytes', bytes: new Uint8Array([0, 27, 255]) }))
    expect(await viewer.next()).toEqual(new Uint8Array([0, 27, 255]))

    const reader = stream.readable.getReader()
    const decode = createTerminalDecoder()
    const frames: unknown[] = []
    viewer.socket.send(new Uint8Array([3]))
    viewer.socket.send(JSON.stringify({ type: 'resize', cols: 80, rows: 24 }))
    while (frames.length < 2) frames.push(...decode((await reader.read()).value ?? new Uint8Array()))
    expect(frames).toEqual([{ kind: 'bytes', bytes: new Uint8Array([3]) }, { kind: 'control', control: { type: 'resize', cols: 80, rows: 24 } }])
    await writer.close()
    expect(await viewer.closed).toBe(1000)
  })

  it('tells the machine when the viewer leaves, and refuses what is no control', async () => {
    const viewer = attach('mode=watch')
    const { stream } = await machine.next()
    await viewer.opened
    viewer.socket.send('{"type":"resize","cols":-1}')
    expect(await viewer.closed).toBe(1003)
    const gone = await stream.readable.getReader().read().then(({ done }) => done, () => true)
    expect(gone).toBe(true)
  })

  it('ends when its credential is revoked', async () => {
    const viewer = attach('cols=80&rows=24', await browser())
    const { stream } = await machine.next()
    await viewer.opened
    for (const { id, kind } of await b.client.listTokens()) if (kind === 'browser') await b.client.revokeToken({ id })
    expect(await viewer.closed).toBe(4401)
    expect(await stream.readable.getReader().read().then(({ done }) => done, () => true)).toBe(true)
  })

  it('ends when its workspace is taken off the web, for browsers only, however the address is written', async () => {
    const session = await browser()
    const [page, program] = [attach('cols=80&rows=24', session), attach('cols=80&rows=24')]
    await Promise.all([page.opened, program.opened])
    await b.client.setWeb({ id: workspace.id, on: false })
    expect(await page.closed).toBe(4401)
    expect(program.socket.readyState).toBe(WebSocket.OPEN)
    for (const name of [workspace.id, workspace.id.replace('_', '%5F'), `%77${workspace.id.slice(1)}`]) expect((await fetch(`${b.server.url}/api/v1/workspaces/${name}`, { headers: session })).status).toBe(404)
    await b.client.setWeb({ id: workspace.id, on: true })
    expect((await fetch(`${b.server.url}/api/v1/workspaces/${workspace.id}`, { headers: session })).status).toBe(200)
    program.socket.close()
  })

  it('is nobody\'s without a credential, nor with a size that is none', async () => {
    for (const [query, headers] of [['cols=80', {}], ['cols=0', undefined]] as const) {
      const viewer = attach(query, headers)
      expect(await viewer.closed).not.toBe(1000)
    }
  })
})

it('a machine is told how often to report', () => {
  expect(machine.welcome.reportMs).toBe(60_000)
})
