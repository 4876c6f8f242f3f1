/** A terminal through the whole server: a browser's socket on one side, a machine's link on the other. */
import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import type { Workspace } from '@berth/wire'
import { createTerminalDecoder, encodeTerminalFrame } from '@berth/wire/terminal-frames'
import { runDialled, type DialledMachine } from './test/dialled.ts'
import { startHarness } from './test/harness.ts'
import type { Harness } from './test/harness.ts'

let b: Harness
let workspace: Workspace
let machine: DialledMachine
beforeAll(async () => {
  b = await startHarness({ allowedMs: 50 })
  ;({ workspace, machine } = await runDialled(b))
}, 60_000)
afterAll(async () => {
  machine?.close()
  await b?.close()
})

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
