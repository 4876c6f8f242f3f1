/** Terminals kept by tmux: one server of ours on a private socket, one session for each terminal. */
import type { Terminal, Terminals } from '../../contracts.ts'
import { endMarked, endTree } from '../processes/end.ts'
import { readProcess } from '../processes/table.ts'
import { pasteText } from './paste.ts'
import { checkTerminalId, DEFAULT_SIZE, HISTORY_LINES, launchArgv, LOG_LIMIT_BYTES, socketPath, terminalMark } from './spec.ts'
import type { TerminalDeps, TerminalSpec } from './spec.ts'
import { createTmuxCommand } from './tmux-command.ts'
import type { TmuxCommand } from './tmux-command.ts'
import { attachTmux } from './tmux-viewer.ts'
import type { TmuxViewers } from './tmux-viewer.ts'

const DIED = 'berth-died'
const STATUS_TRIES = 40
const STATUS_PAUSE_MS = 25
const UNREAPED_LOOK_MS = 500
const SETTINGS: readonly (readonly string[])[] = [
  ['set', '-g', 'exit-empty', 'off'], ['set', '-g', 'remain-on-exit', 'on'], ['set', '-g', 'remain-on-exit-format', ''],
  ['set', '-g', 'window-size', 'latest'], ['set', '-g', 'status', 'off'], ['set', '-g', 'history-limit', String(HISTORY_LINES * 5)],
  // No key of the person's is ours: what they type goes to the program.
  ['set', '-g', 'prefix', 'None'], ['set', '-g', 'prefix2', 'None'], ['unbind-key', '-a', '-T', 'root'], ['set', '-g', 'mouse', 'off'], ['set', '-s', 'escape-time', '0'],
  ['set', '-s', 'set-clipboard', 'off'], ['set', '-g', 'allow-rename', 'off'], ['set', '-g', 'default-terminal', 'screen-256color'],
  ['set', '-ga', 'terminal-overrides', ',*:Tc:smcup@:rmcup@'], ['set', '-g', 'focus-events', 'on'],
  ['set-hook', '-g', 'pane-died', `wait-for -S ${DIED}`],
]

interface Pane { readonly pid: number; readonly server: number }
interface Known { readonly terminal: Terminal; readonly viewers: TmuxViewers; title: string; endedSeen: boolean; readonly pane: Promise<Pane | null> }

export function createTmuxTerminals(deps: TerminalDeps & { readonly tmux: string }): Terminals & { close(): void } {
  const command = createTmuxCommand({ program: deps.tmux, socket: socketPath(deps.stateDir, 'tmux.sock'), machineBoot: deps.machineBoot })
  const known = new Map<string, Known>()
  const stop = new AbortController()
  let watching = false

  const look = async (): Promise<void> => {
    for (const [terminalId, entry] of known) {
      const ended = await readExit(command, terminalId)
      if (ended === null || entry.endedSeen) continue
      entry.endedSeen = true
      entry.viewers.ended(ended.code)
      deps.changed?.({ terminalId, title: entry.title, state: 'closed' })
    }
  }
  const watch = async (): Promise<void> => {
    if (watching) return
    watching = true
    // A signal nobody waited for is remembered by tmux, so nothing is missed between two waits.
    while (!stop.signal.aborted) {
      const result = await command.wait(DIED, stop.signal)
      if (stop.signal.aborted) return
      await look()
      if (result !== 0) break
    }
    watching = false
  }
  // tmux 3.3 sometimes misses that a program ended and leaves it unreaped; it is told again.
  const reaper = setInterval(() => {
    for (const entry of known.values()) if (!entry.endedSeen) void entry.pane.then(remindOfDead)
  }, UNREAPED_LOOK_MS)
  reaper.unref()
  const remember = (terminalId: string, title: string): Known => {
    const there = known.get(terminalId)
    if (there !== undefined) return there
    const viewers: TmuxViewers = attachTmux({ command, terminalId, exitCode: async () => (await readExit(command, terminalId))?.code ?? null })
    const entry: Known = { terminal: createTerminal({ deps, command, terminalId, title, viewers, forget: () => { known.delete(terminalId) } }), viewers, title, endedSeen: false, pane: readPids(command, terminalId) }
    known.set(terminalId, entry)
    watch().catch((cause: unknown) => { deps.log(`terminals: ${String(cause)}`) })
    return entry
  }
  const find = async (terminalId: string): Promise<Known | null> => {
    const shown = await command.attempt(['display-message', '-p', '-t', `=${terminalId}:`, '#{session_name} #{@berth-title}'])
    if (shown.exitCode !== 0 || !shown.stdout.startsWith(`${terminalId} `)) return null
    return remember(terminalId, shown.stdout.slice(terminalId.length + 1).trim())
  }

  return {
    async open(spec) {
      checkTerminalId(spec.terminalId)
      const there = await find(spec.terminalId)
      if (there !== null && (await readExit(command, spec.terminalId)) === null) return { terminal: there.terminal, adopted: true }
      if (there !== null) await there.terminal.kill()
      await startSession(deps, command, spec)
      const entry = remember(spec.terminalId, spec.title)
      deps.changed?.({ terminalId: spec.terminalId, title: spec.title, state: 'open' })
      return { terminal: entry.terminal, adopted: false }
    },
    async get(terminalId) {
      checkTerminalId(terminalId)
      return (await find(terminalId))?.terminal ?? null
    },
    async list() {
      const listed = await command.attempt(['list-sessions', '-F', '#{session_name}'])
      const names = listed.exitCode === 0 ? listed.stdout.split('\n').filter(Boolean) : []
      const found = await Promise.all(names.map(find))
      return found.flatMap((entry) => (entry === null ? [] : [entry.terminal]))
    },
    close() {
      stop.abort()
      clearInterval(reaper)
      for (const entry of known.values()) entry.viewers.closeAll()
    },
  }
}

async function startSession(deps: TerminalDeps, command: TmuxCommand, spec: TerminalSpec): Promise<void> {
  const size = { cols: spec.cols ?? DEFAULT_SIZE.cols, rows: spec.rows ?? DEFAULT_SIZE.rows }
  const settings = SETTINGS.flatMap((setting) => [...setting, ';'])
  await command(['start-server', ';', ...settings.slice(0, -1)])
  const launch = launchArgv(deps, spec, 'screen-256color')
  await command(['new-session', '-d', '-s', spec.terminalId, '-x', String(size.cols), '-y', String(size.rows), '-c', deps.stateDir, '--', ...launch, ';', 'set', '-t', `=${spec.terminalId}:`, '@berth-title', spec.title.replace(/[#;]/g, ' ')])
  if (spec.logFile === undefined) return
  const file = spec.logFile.replaceAll("'", "'\\''").replaceAll('#', '##')
  await command.attempt(['pipe-pane', '-O', '-t', `=${spec.terminalId}:`, `exec head -c ${LOG_LIMIT_BYTES} >> '${file}'`])
}

/** Null while the program runs. A session that is gone has ended somehow. */
async function readExit(command: TmuxCommand, terminalId: string): Promise<{ code: number | null } | null> {
  // The terminal closes a moment before tmux hears how the program ended.
  for (let tries = 1; ; tries++) {
    const ended = await readPane(command, terminalId)
    if (ended === null || ended.told || tries === STATUS_TRIES) return ended === null ? null : { code: ended.code }
    await Bun.sleep(STATUS_PAUSE_MS)
  }
}

async function readPane(command: TmuxCommand, terminalId: string): Promise<{ code: number | null; told: boolean } | null> {
  const pane = await command.attempt(['list-panes', '-t', `=${terminalId}:`, '-F', '#{pane_dead} #{pane_dead_status} #{pane_dead_signal}'])
  if (pane.exitCode !== 0) return { code: null, told: true }
  const [dead, status = '', killedBy = ''] = pane.stdout.split('\n')[0]?.split(' ') ?? []
  if (dead !== '1') return null
  if (status !== '') return { code: Number(status), told: true }
  return killedBy === '' ? { code: null, told: false } : { code: 128 + Number(killedBy), told: true }
}

async function readPids(command: TmuxCommand, terminalId: string): Promise<Pane | null> {
  const shown = await command.attempt(['display-message', '-p', '-t', `=${terminalId}:`, '#{pane_pid} #{pid}']).catch(() => null)
  const [pid = 0, server = 0] = shown?.exitCode === 0 ? shown.stdout.trim().split(' ').map(Number) : []
  return pid > 1 && server > 1 ? { pid, server } : null
}

/** Where the program of a pane ended and tmux left it unreaped, tmux is told again. */
export function remindOfDead(pane: Pane | null): void {
  const found = pane === null ? null : readProcess(pane.pid)
  if (found?.state !== 'Z' || found.parent !== pane?.server) return
  try {
    process.kill(found.parent, 'SIGCHLD')
  } catch { /* it ended meanwhile */ }
}

function createTerminal(at: { deps: TerminalDeps; command: TmuxCommand; terminalId: string; title: string; viewers: TmuxViewers; forget: () => void }): Terminal {
  const { command, terminalId, viewers } = at
  const target = `=${terminalId}:`
  const viaBuffer = async (bytes: Uint8Array, ...flags: string[]): Promise<void> => {
    const buffer = `berth-${terminalId}-${crypto.randomUUID()}`
    await command(['load-buffer', '-b', buffer, '-'], bytes)
    await command(['paste-buffer', ...flags, '-d', '-b', buffer, '-t', target])
  }
  return {
    terminalId, backend: 'tmux', title: at.title,
    paste: (text) => viaBuffer(new TextEncoder().encode(pasteText(text)), '-p'),
    key: async (name) => { await command(['send-keys', '-t', target, name]) },
    write: (bytes) => viaBuffer(bytes, '-r'),
    snapshot: async () => (await command(['capture-pane', '-p', '-t', target])).replace(/\n+$/, '\n'),
    async picture() {
      const [ansi, size] = await Promise.all([command(['capture-pane', '-e', '-p', '-t', target]), command(['display-message', '-p', '-t', target, '#{pane_width} #{pane_height}'])])
      const [cols = DEFAULT_SIZE.cols, rows = DEFAULT_SIZE.rows] = size.trim().split(' ').map(Number)
      return { ansi: ansi.replace(/\n$/, ''), cols, rows }
    },
    exited: () => readExit(command, terminalId),
    attach: (viewer) => viewers.attach(viewer),
    viewers: () => viewers.count(),
    inputAgeMs: () => viewers.inputAgeMs(),
    async kill() {
      const pane = await command.attempt(['list-panes', '-t', target, '-F', '#{pane_pid}'])
      const pid = Number(pane.stdout.trim())
      if (pane.exitCode === 0 && pid > 1) await endTree(pid)
      await endMarked(terminalMark(at.deps, terminalId).join('='))
      await command.attempt(['kill-session', '-t', `=${terminalId}`])
      viewers.closeAll()
      at.forget()
    },
  }
}

export function findTmux(): string | null {
  return Bun.which('tmux', { PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin' })
}
