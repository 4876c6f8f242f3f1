/**
 * 100 MB of garbage on every socket there is: nobody falls over, nobody grows, nothing is made or lost, and the
 * agent's workspace does not notice.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startScriptedModel, type ScriptedModel } from '@berth/testkit/scripted-model'
import { createToolbox } from '@berth/toolbox'
import type { Workspace } from '@berth/wire'
import { SERVER_FILE, TOKEN_FILE } from '@berth/wire/server-file'
import { flood, garbageChunk, GARBAGE_BYTES } from './garbage.ts'
import { takeInventory, type Inventory } from './inventory.ts'
import { eventually, startProduct, TOOLBOX, type Product } from './product.ts'
import { modelWords, setUpProviders } from './providers.ts'
import { dirtyRepository } from './repository.ts'

/** Resident memory that nobody may reach; the largest honest process here stays well below half of it. */
const MEMORY_LIMIT_MB = 400

let product: Product
let model: ScriptedModel
let repository: Awaited<ReturnType<typeof dirtyRepository>>
let workspace: Workspace
let server: { pid: number; url: string; linkUrl: string }
let token: string
let before: Inventory

beforeAll(async () => {
  repository = await dirtyRepository()
  model = await startScriptedModel({ hostname: '127.0.0.1' })
  product = startProduct()
  setUpProviders(product.home, model)
  workspace = await product.json<Workspace>(['up', '.', '--provider', 'local', ...modelWords(model), '--no-open', '-y', '--name', 'calm'], { cwd: repository.dir })
  await eventually(async () => (await now()).agentState === 'idle', 'the agent')
  server = JSON.parse(readFileSync(join(product.home, SERVER_FILE), 'utf8'))
  token = readFileSync(join(product.home, TOKEN_FILE), 'utf8').trim()
  before = await settledInventory()
}, 180_000)

afterAll(async () => {
  await product.close()
  await model.close()
  repository.remove()
}, 60_000)

async function now(): Promise<Workspace> {
  const found = (await product.json<Workspace[]>(['list'])).find(({ id }) => id === workspace.id)
  if (!found) throw new Error('the workspace is gone')
  return found
}

/** Two in a row that agree: what a start leaves behind for a moment is over. */
async function settledInventory(): Promise<Inventory> {
  let last = await takeInventory(product.home)
  return await eventually(async () => {
    const next = await takeInventory(product.home)
    // Where the host has gh, Claude Code asks it for a login as it starts, and that may take it seconds.
    const same = Bun.deepEquals(next, last) && !next.processes.some((line) => / gh /.test(line))
    last = next
    return same ? next : null
  }, 'an inventory that stays')
}

const MOMENT_MS = 10_000
async function nothingHappened({ written = 0 }: { /** Entries of the record that come with it. */ written?: number } = {}): Promise<void> {
  expect(await now()).toMatchObject({ phase: 'running', agentState: 'idle', generation: 1 })
  // A process of a moment (a git, a ps) may be there by chance; the others are the same ones, by pid.
  const expected = { ...before, rows: { ...before.rows, audit: (before.rows?.['audit'] ?? 0) + written } }
  let after = before
  await eventually(async () => {
    after = await takeInventory(product.home)
    return Bun.deepEquals(after, expected)
  }, 'the inventory of before', MOMENT_MS).catch(() => {})
  expect(after).toEqual(expected)
  before = expected
  for (const line of before.processes) {
    const pid = Number(line.split(' ')[0])
    expect([line, residentMb(pid) < MEMORY_LIMIT_MB]).toEqual([line, true])
  }
}

function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
}

const request = (line: string, headers: Record<string, string>) => `${line} HTTP/1.1\r\n${Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
const UPGRADE = { host: 'l', upgrade: 'websocket', connection: 'upgrade', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }
/** Hanging up on what was not read yet may cost the answer. */
const REFUSED = /^HTTP\/1\.1 4\d\d |^$/
const at = (url: string) => ({ host: '127.0.0.1', port: Number(new URL(url).port) })

describe('100 MB of garbage', () => {
  test('on the control listener: raw, as a body, as a header', async () => {
    const { host } = new URL(server.url)
    const length = { 'content-type': 'application/json', 'content-length': String(GARBAGE_BYTES) }
    await flood(at(server.url), 'noise')
    expect((await flood(at(server.url), 'line', { prefix: `GET /${'?'}` })).answer).toMatch(REFUSED)
    expect((await flood(at(server.url), 'line', { prefix: request('POST /api/v1/workspaces', { host, ...length }) })).answer).toStartWith('HTTP/1.1 401 ')
    const refused = await flood(at(server.url), 'line', { prefix: request('POST /api/v1/workspaces', { host, authorization: `Bearer ${token}`, ...length }) })
    expect(refused.answer).toStartWith('HTTP/1.1 413 ')
    expect(refused.answer).toContain('"code":"too_large"')
    await nothingHappened()
  }, 60_000)

  test('on the link listener, TCP and unix: raw, as an enrolment, as frames without a token', async () => {
    for (const to of [at(server.linkUrl), { path: join(product.home, 'link/link.sock') }]) {
      for (const kind of ['noise', 'line', 'numbers'] as const) await flood(to, kind)
      expect((await flood(to, 'line', { prefix: request('POST /link/v1/enrol', { host: 'l', 'content-length': String(GARBAGE_BYTES) }) })).answer).toMatch(REFUSED)
      expect((await flood(to, 'numbers', { prefix: request('POST /link/v1/enrol', { host: 'l', 'transfer-encoding': 'chunked' }) })).answer).toMatch(REFUSED)
      expect((await flood(to, 'noise', { prefix: request('GET /link/v1', UPGRADE) })).answer).toMatch(/^HTTP\/1\.1 101 |^$/)
    }
    await nothingHappened()
  }, 60_000)

  test("on the sockets of the workspace's machine: hooks, link, egress, terminals", async () => {
    const machine = join(product.home, 'workspaces', workspace.id, 'machine-g1')
    const sockets = ['run/hook.sock', 'sock/link.sock', 'sock/egress.sock', 'state/tmux.sock'].map((name) => join(machine, name)).filter((path) => existsSync(path))
    expect(sockets.map((path) => path.slice(machine.length + 1))).toContain('run/hook.sock')
    for (const path of sockets) for (const kind of ['noise', 'line', 'numbers'] as const) await flood({ path }, kind)
    await nothingHappened()
  }, 60_000)

  test('on the terminal socket of a browser: texts that are no control, then bytes faster than anybody types', async () => {
    const terminals = (await (await product.fetch(`/api/v1/workspaces/${workspace.id}/terminals`)).json()) as { terminalId: string }[]
    const path = `/api/v1/workspaces/${workspace.id}/terminals/${terminals[0]?.terminalId}/attach`
    const text = await floodAttach(path, new TextDecoder('latin1').decode(garbageChunk('line')))
    expect(text.code).toBe(1003)
    // Watching, so that what is typed may not reach the agent: the flood itself is the input under test.
    const bytes = await floodAttach(`${path}?mode=watch`, garbageChunk('noise'))
    expect([1000, 1003, 1013, 'all taken']).toContain(bytes.code)
    expect((await (await product.fetch(path)).json()) as object).toMatchObject({ code: 'bad_request' })
    // Each try to enter the terminal is written down.
    await nothingHappened({ written: 3 })
  }, 60_000)

  test('on the socket of a terminal holder: the program lives, a viewer still sees it', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'berth-holder-'))
    const { hash } = await createToolbox({ dir: TOOLBOX, log: () => {} }).ensureDaemon(undefined, AbortSignal.timeout(60_000))
    const socket = join(dir, 't.sock')
    writeFileSync(join(dir, 'spec.json'), JSON.stringify({ socket, title: 't', launch: ['/bin/sh', '-c', 'echo here I am; exec cat'], cols: 80, rows: 24, logFile: null }))
    const holder = Bun.spawn([join(TOOLBOX, hash, 'berth-daemon'), 'holder', join(dir, 'spec.json')], { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
    try {
      await eventually(async () => existsSync(socket), 'the holder')
      for (const kind of ['noise', 'line', 'numbers'] as const) await flood({ path: socket }, kind)
      expect(holder.exitCode).toBe(null)
      expect(await ringOf(socket)).toContain('here I am')
      expect(residentMb(holder.pid)).toBeLessThan(MEMORY_LIMIT_MB)
    } finally {
      holder.kill('SIGKILL')
      await holder.exited
      rmSync(dir, { recursive: true, force: true })
    }
  }, 60_000)
})

async function floodAttach(path: string, chunk: string | Uint8Array): Promise<{ code: number | 'all taken' }> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}${path}`, { headers: { authorization: `Bearer ${token}` } } as unknown as string[])
  const closed = new Promise<number>((resolve) => { socket.addEventListener('close', ({ code }) => { resolve(code) }) })
  await Promise.race([closed, new Promise((resolve) => { socket.addEventListener('open', resolve) })])
  for (let sent = 0; sent < GARBAGE_BYTES && socket.readyState === WebSocket.OPEN; sent += chunk.length) {
    socket.send(chunk as string)
    while (socket.bufferedAmount > 4 * 1024 * 1024 && socket.readyState === WebSocket.OPEN) await Bun.sleep(5)
  }
  const taken = socket.readyState === WebSocket.OPEN ? new Promise<'all taken'>((resolve) => { setTimeout(resolve, 1000, 'all taken') }) : closed
  const code = await Promise.race([closed, taken])
  socket.close()
  return { code }
}

/** Asks the holder what its terminal shows, in its own frames. */
function ringOf(path: string): Promise<string> {
  const ask = Buffer.from(JSON.stringify({ do: 'ring' }))
  const header = Buffer.alloc(5)
  header[0] = 1
  header.writeUInt32BE(ask.length, 1)
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => socket.write(Buffer.concat([header, ask])))
    let text = ''
    socket.on('data', (data) => {
      text += data.toString('latin1')
      if (!text.includes('"done"')) return
      socket.destroy()
      resolve(text)
    })
    socket.on('error', reject)
    socket.on('close', () => { reject(new Error(`the holder hung up: ${text}`)) })
  })
}
