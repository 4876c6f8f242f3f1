/** The daemon's own terminals, with what the tests of the drivers need beside them. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createHolderTerminals } from '../../terminal/holder.ts'
import { createTmuxTerminals, findTmux } from '../../terminal/tmux.ts'
import type { Terminal } from '../../../contracts.ts'
import type { TestTerminals } from './tmux-terminals.ts'

const KEYS: Readonly<Record<string, string>> = { Enter: '\r', Escape: '\u001b', 'C-d': '\u0004' }

export function createRealTerminals(options: { keeper: 'tmux' | 'holder'; stateDir: string; machineBoot: string; user: { uid: number; gid: number; name: string } | null }): TestTerminals {
  const deps = { stateDir: options.stateDir, machineBoot: options.machineBoot, user: options.user, log: () => {} }
  const tmux = findTmux()
  const terminals = options.keeper === 'tmux' && tmux !== null ? createTmuxTerminals({ ...deps, tmux }) : createHolderTerminals(deps)
  const log: string[] = []
  const watched = (terminal: Terminal): Terminal => ({
    ...terminal,
    paste: (text) => { log.push(`paste ${text}`); return terminal.paste(text) },
    key: (name) => { log.push(`key ${name}`); return terminal.key(name) },
  })
  return {
    log,
    open: async (spec) => {
      const { terminal, adopted } = await terminals.open(spec)
      return { terminal: watched(terminal), adopted }
    },
    get: async (terminalId) => {
      const terminal = await terminals.get(terminalId)
      return terminal === null ? null : watched(terminal)
    },
    list: () => terminals.list(),
    type: (terminalId, ...keys) => { void terminals.get(terminalId).then((terminal) => terminal?.write(new TextEncoder().encode(keys.map((key) => KEYS[key] ?? key).join('')))) },
    pid: (terminalId) => markedProcess(`BERTH_TERMINAL=${options.machineBoot}/${terminalId}`),
    end: () => { terminals.close() },
    // Its keeper outlives a daemon, and would outlive the test.
    endKeeper() {
      terminals.close()
      if (tmux !== null) spawnSync(tmux, ['-S', join(options.stateDir, 'tmux.sock'), 'kill-server'])
    },
  }
}

/** The oldest process that carries the mark in its environment: the program of the terminal. */
function markedProcess(mark: string): number {
  const found = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).sort((a, b) => a - b).find((pid) => {
    try { return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(mark) } catch { return false }
  })
  return found ?? 0
}
