/** Terminals kept by holders: one small process with a PTY for each, found again by its socket. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, openSync, closeSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { MACHINE_ENV } from '../../machine.ts'
import type { Terminal, Terminals } from '../../contracts.ts'
import { selfCommand } from '../../self.ts'
import { endMarked } from '../processes/end.ts'
import { connectHolder } from './holder-client.ts'
import type { HolderConnection } from './holder-client.ts'
import { encodeBytes, encodeJson } from './holder-frames.ts'
import type { HolderInfo } from './holder-frames.ts'
import type { HolderSpec } from './holder-process.ts'
import { pasteText } from './paste.ts'
import { createPump } from './pump.ts'
import { renderPicture, renderScreen } from './screen.ts'
import { checkTerminalId, DEFAULT_SIZE, launchArgv, socketPath, terminalMark } from './spec.ts'
import type { TerminalDeps, TerminalSpec } from './spec.ts'

const READY_MS = 10_000
const KEYS = { Enter: '\r', Escape: '\u001b', 'C-c': '\u0003' } as const

export function createHolderTerminals(deps: TerminalDeps): Terminals & { close(): void } {
  const dir = join(deps.stateDir, 'holders')
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const known = new Map<string, HeldTerminal>()

  const find = async (terminalId: string): Promise<HeldTerminal | null> => {
    const there = known.get(terminalId)
    if (there !== undefined && (await there.info()) !== null) return there
    if (there !== undefined) known.delete(terminalId)
    const socket = socketPath(dir, `${terminalId}.sock`)
    if (!existsSync(socket)) return null
    const info = await askInfo(socket)
    if (info === null) {
      rmSync(socket, { force: true })
      return null
    }
    const terminal = createTerminal(deps, { terminalId, socket, title: info.title, forget: () => { known.delete(terminalId) } })
    known.set(terminalId, terminal)
    terminal.watch()
    return terminal
  }
  return {
    async open(spec) {
      checkTerminalId(spec.terminalId)
      const there = await find(spec.terminalId)
      if (there !== null && (await there.exited()) === null) return { terminal: there, adopted: true }
      if (there !== null) await there.kill()
      await startHolder(deps, dir, spec)
      const started = await find(spec.terminalId)
      if (started === null) throw new BerthError('not_a_terminal', `the terminal ${spec.terminalId} ended as it began`)
      deps.changed?.({ terminalId: spec.terminalId, title: spec.title, state: 'open' })
      return { terminal: started, adopted: false }
    },
    async get(terminalId) {
      checkTerminalId(terminalId)
      return find(terminalId)
    },
    async list() {
      const names = readdirSync(dir).filter((name) => name.endsWith('.sock')).map((name) => name.slice(0, -'.sock'.length))
      const found = await Promise.all(names.map(find))
      return found.filter((terminal) => terminal !== null)
    },
    close() { for (const terminal of known.values()) terminal.release() },
  }
}

async function startHolder(deps: TerminalDeps, dir: string, spec: TerminalSpec): Promise<void> {
  const socket = socketPath(dir, `${spec.terminalId}.sock`)
  const path = join(dir, `start-${randomBytes(8).toString('hex')}.json`)
  const holder: HolderSpec = {
    socket, title: spec.title, launch: launchArgv(deps, spec, 'xterm-256color'), cols: spec.cols ?? DEFAULT_SIZE.cols, rows: spec.rows ?? DEFAULT_SIZE.rows, logFile: spec.logFile ?? null,
  }
  writeFileSync(path, JSON.stringify(holder), { mode: 0o600, flag: 'wx' })
  const log = openSync(join(dir, 'holders.log'), 'a', 0o600)
  const child = Bun.spawn(selfCommand('holder', path), { cwd: '/', env: { PATH: process.env['PATH'] ?? '', [MACHINE_ENV]: deps.machineBoot }, stdin: 'ignore', stdout: log, stderr: log, detached: true })
  closeSync(log)
  child.unref()
  const until = performance.now() + READY_MS
  while (performance.now() < until) {
    if (existsSync(socket) && (await askInfo(socket)) !== null) return
    if (child.exitCode !== null) throw new BerthError('not_a_terminal', `the terminal ${spec.terminalId} could not be opened`)
    await Bun.sleep(10)
  }
  child.kill('SIGKILL')
  throw new BerthError('timeout', `the terminal ${spec.terminalId} did not open in time`)
}

async function askInfo(socket: string): Promise<HolderInfo | null> {
  const answer = Promise.withResolvers<HolderInfo | null>()
  const connection = await connectHolder(socket, { onBytes: () => {}, onJson: (json) => { if (json.say === 'info') answer.resolve(json) }, onClose: () => answer.resolve(null) }).catch(() => null)
  if (connection === null) return null
  void connection.send(encodeJson({ do: 'info' }))
  const info = await answer.promise
  connection.close()
  return info
}

interface HeldTerminal extends Terminal { info(): Promise<HolderInfo | null>; watch(): void; release(): void }
type At = { readonly terminalId: string; readonly socket: string; readonly title: string; readonly forget: () => void }

function createTerminal(deps: TerminalDeps, at: At): HeldTerminal {
  const open = new Map<HolderConnection, { readonly own: boolean }>()
  let watcher: HolderConnection | null = null
  let lastInputAt: number | null = null
  const info = (): Promise<HolderInfo | null> => askInfo(at.socket)
  const write = async (bytes: Uint8Array): Promise<void> => {
    const connection = await connectHolder(at.socket, { onBytes: () => {}, onJson: () => {}, onClose: () => {} })
    await connection.send(encodeBytes(bytes))
    connection.end()
  }
  return {
    terminalId: at.terminalId, backend: 'holder', title: at.title, info, write,
    async paste(text) {
      const bracketed = (await info())?.bracketedPaste === true
      const typed = pasteText(text).replaceAll('\n', '\r')
      await write(new TextEncoder().encode(bracketed ? `\u001b[200~${typed}\u001b[201~` : typed))
    },
    key: (name) => write(new TextEncoder().encode(KEYS[name])),
    async snapshot() {
      const size = await info()
      return renderScreen(await readRing(at.socket), { cols: size?.cols ?? DEFAULT_SIZE.cols, rows: size?.rows ?? DEFAULT_SIZE.rows })
    },
    async picture() {
      const [size, ring] = await Promise.all([info(), readRing(at.socket)])
      const { cols, rows } = { cols: size?.cols ?? DEFAULT_SIZE.cols, rows: size?.rows ?? DEFAULT_SIZE.rows }
      return { ansi: renderPicture(ring, { cols, rows }), cols, rows }
    },
    async exited() {
      const state = await info()
      if (state === null) return { code: null }
      return state.exited ? { code: state.code } : null
    },
    viewers: () => [...open.values()].filter(({ own }) => !own).length,
    inputAgeMs: () => (lastInputAt === null ? null : performance.now() - lastInputAt),
    attach: (viewer) => attachHolder(at, viewer, { open, onInput: () => { lastInputAt = performance.now() } }),
    async kill() {
      const done = Promise.withResolvers<void>()
      const connection = await connectHolder(at.socket, { onBytes: () => {}, onJson: (json) => { if (json.say === 'done') done.resolve() }, onClose: () => done.resolve() }).catch(() => null)
      void connection?.send(encodeJson({ do: 'kill' }))
      if (connection !== null) await done.promise
      connection?.close()
      await endMarked(terminalMark(deps, at.terminalId).join('='))
      rmSync(at.socket, { force: true })
      at.forget()
    },
    watch() {
      // A connection of our own hears of the end even when nobody looks.
      const ended = (): void => { deps.changed?.({ terminalId: at.terminalId, title: at.title, state: 'closed' }) }
      connectHolder(at.socket, { onBytes: () => {}, onJson: (json) => { if (json.say === 'exit') ended() }, onClose: () => {} })
        .then((connection) => { watcher = connection }, () => {})
    },
    release() {
      watcher?.close()
      for (const connection of open.keys()) connection.close()
    },
  }
}

async function readRing(socket: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  const done = Promise.withResolvers<void>()
  const connection = await connectHolder(socket, { onBytes: (bytes) => { chunks.push(bytes) }, onJson: (json) => { if (json.say === 'done') done.resolve() }, onClose: () => done.resolve() }).catch(() => null)
  void connection?.send(encodeJson({ do: 'ring' }))
  if (connection !== null) await done.promise
  connection?.close()
  return Buffer.concat(chunks)
}

async function attachHolder(at: At, viewer: Parameters<Terminal['attach']>[0], count: { open: Map<HolderConnection, { readonly own: boolean }>; onInput: () => void }): ReturnType<Terminal['attach']> {
  let over = false
  const end = (code: number | null): void => {
    if (over) return
    over = true
    count.open.delete(connection)
    void pump.settled().then(() => { pump.close(); connection.close(); viewer.onExit(code) })
  }
  const pump = createPump({
    onBytes: viewer.onBytes,
    // The holder's own queue fills when we stop reading, and it paints anew when we read again.
    onOverflow: () => connection.pause(),
    onCaughtUp: () => { connection.resume() },
  })
  const connection = await connectHolder(at.socket, { onBytes: (bytes) => pump.push(bytes), onJson: (json) => { if (json.say === 'exit') end(json.code) }, onClose: () => end(null) })
  count.open.set(connection, { own: viewer.own === true })
  await connection.send(encodeJson({ do: 'attach', cols: viewer.cols, rows: viewer.rows, mode: viewer.mode }))
  return {
    async write(bytes) {
      if (over) return
      count.onInput()
      await connection.send(encodeBytes(bytes))
    },
    async resize(cols, rows) { if (!over) await connection.send(encodeJson({ do: 'resize', cols, rows })) },
    async detach() {
      over = true
      count.open.delete(connection)
      pump.close()
      connection.close()
    },
  }
}
