/** Terminals for tests of the drivers: real tmux, the smallest that works. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Terminal, Terminals } from '../../../contracts.ts'
import { remindOfDead } from '../../terminal/tmux.ts'

export interface TestTerminals extends Terminals {
  /** Types keys as a person at the terminal would. */
  type(terminalId: string, ...keys: string[]): void
  pid(terminalId: string): number
  /** What happened in which order: pastes and keys. */
  readonly log: string[]
  /** The daemon goes away, the terminals may stay. */
  end(): void
  endKeeper(): void
}

export function createTmuxTerminals(options: { dir: string; user: { uid: number; gid: number } | null }): TestTerminals {
  const socket = join(options.dir, 'tmux.sock')
  const log: string[] = []
  const tmux = (args: readonly string[], input?: string): { ok: boolean; out: string } => {
    const { IS_SANDBOX: _sandbox, TMUX: _tmux, ...env } = process.env
    const result = spawnSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], { input, encoding: 'utf8', env })
    return { ok: result.status === 0, out: result.stdout.trimEnd() }
  }
  const terminalOf = (terminalId: string): Terminal => ({
    terminalId, backend: 'tmux', title: terminalId,
    paste: (text) => {
      log.push(`paste ${text}`)
      tmux(['load-buffer', '-b', 'p', '-'], text)
      tmux(['paste-buffer', '-p', '-r', '-d', '-b', 'p', '-t', terminalId])
      return Promise.resolve()
    },
    key: (name) => { log.push(`key ${name}`); tmux(['send-keys', '-t', terminalId, name]); return Promise.resolve() },
    write: (bytes) => { tmux(['send-keys', '-l', '-t', terminalId, Buffer.from(bytes).toString()]); return Promise.resolve() },
    snapshot: () => Promise.resolve(tmux(['capture-pane', '-p', '-t', terminalId]).out),
    picture: () => Promise.resolve({ ansi: tmux(['capture-pane', '-e', '-p', '-t', terminalId]).out, cols: 120, rows: 32 }),
    exited: () => {
      const [dead, pid, server, status] = tmux(['display-message', '-p', '-t', terminalId, '#{pane_dead} #{pane_pid} #{pid} #{pane_dead_status}']).out.split(' ')
      if (dead === '0') {
        remindOfDead({ pid: Number(pid), server: Number(server) })
        return Promise.resolve(null)
      }
      return Promise.resolve({ code: status === undefined || status === '' ? null : Number(status) })
    },
    attach: () => Promise.resolve({ write: () => Promise.resolve(), resize: () => Promise.resolve(), detach: () => Promise.resolve() }),
    viewers: () => 0,
    kill: () => { tmux(['kill-session', '-t', terminalId]); return Promise.resolve() },
    inputAgeMs: () => null,
  })
  const has = (terminalId: string): boolean => tmux(['has-session', '-t', terminalId]).ok
  return {
    log,
    open({ terminalId, argv, cwd, env }) {
      if (has(terminalId)) return Promise.resolve({ terminal: terminalOf(terminalId), adopted: true })
      const drop = options.user === null ? [] : ['setpriv', `--reuid=${options.user.uid}`, `--regid=${options.user.gid}`, '--clear-groups']
      const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
      const started = tmux(['start-server', ';', 'set-option', '-g', 'remain-on-exit', 'on', ';', 'new-session', '-d', '-s', terminalId, '-x', '120', '-y', '40', '-c', cwd, ...drop, 'env', '-i', ...variables, ...argv])
      if (!started.ok) throw new Error('tmux did not start')
      return Promise.resolve({ terminal: terminalOf(terminalId), adopted: false })
    },
    get: (terminalId) => Promise.resolve(has(terminalId) ? terminalOf(terminalId) : null),
    list: () => Promise.resolve([]),
    type: (terminalId, ...keys) => { tmux(['send-keys', '-t', terminalId, ...keys]) },
    pid: (terminalId) => Number(tmux(['display-message', '-p', '-t', terminalId, '#{pane_pid}']).out),
    end: () => { tmux(['kill-server']) },
    endKeeper: () => { tmux(['kill-server']) },
  }
}
