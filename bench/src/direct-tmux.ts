/** The floor of the terminal benchmarks: a tmux of our own on a private socket, attached to without Berth. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { viewOnPty } from './terminal-viewer.ts'
import type { Viewer } from './terminal-viewer.ts'

export interface DirectTmux {
  attach(session: string): Viewer
  close(): void
}

/** One session for each command, 80 by 24, without a status line. */
export function startTmux(sessions: Readonly<Record<string, string>>): DirectTmux {
  const tmux = Bun.which('tmux')
  if (tmux === null) throw new BerthError('unsupported', 'tmux is missing, and with it what terminals are compared with', { hint: 'install tmux' })
  const dir = mkdtempSync(join(tmpdir(), 'berth-bench-tmux-'))
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', TERM: 'xterm-256color', LANG: 'C.UTF-8', HOME: dir, PS1: '$ ' }
  const base = [tmux, '-u', '-S', join(dir, 'tmux.sock'), '-f', '/dev/null']
  const run = (args: readonly string[]): void => {
    const { exitCode, stderr } = Bun.spawnSync([...base, ...args], { cwd: dir, env })
    if (exitCode !== 0) throw new BerthError('internal', `tmux ${args[0]}: ${stderr.toString().trim()}`)
  }
  const close = (): void => {
    Bun.spawnSync([...base, 'kill-server'], { cwd: dir, env })
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    for (const [name, command] of Object.entries(sessions)) run(['new-session', '-d', '-s', name, '-x', '80', '-y', '24', '--', 'sh', '-c', command])
    run(['set', '-g', 'status', 'off'])
    return { attach: (session) => viewOnPty([...base, 'attach-session', '-t', `=${session}`], env), close }
  } catch (error) {
    close()
    throw error
  }
}
