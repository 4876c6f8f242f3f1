/** What both keepers of terminals need to know. */
import { join } from 'node:path'
import { BerthError } from '@berth/wire/error'
import type { Terminals } from '../../contracts.ts'
import { prepareLaunch } from '../../launch.ts'
import type { LaunchSpec } from '../../launch.ts'

export type TerminalSpec = Parameters<Terminals['open']>[0]
export interface TerminalDeps {
  /** 0700, the daemon's: sockets and launch files. */
  readonly stateDir: string
  readonly machineBoot: string
  /** Who the programs run as; null: the daemon's own user. */
  readonly user: LaunchSpec['user']
  readonly log: (line: string) => void
  readonly changed?: (change: { terminalId: string; title: string; state: 'open' | 'closed' }) => void
}

export const DEFAULT_SIZE = { cols: 120, rows: 32 } as const
export const HISTORY_LINES = 2000
export const HOLDER_RING_BYTES = 1024 * 1024
export const LOG_LIMIT_BYTES = 8 * 1024 * 1024

export function checkTerminalId(terminalId: string): void {
  if (!/^[a-z0-9][a-z0-9_-]{0,63}$/.test(terminalId)) throw new BerthError('bad_request', `not a terminal id: ${terminalId.slice(0, 80)}`, { hint: 'lower-case letters, digits, dashes' })
}

/** Finds even those children of the program that left its session. */
export function terminalMark(deps: Pick<TerminalDeps, 'machineBoot'>, terminalId: string): readonly [string, string] {
  return ['BERTH_TERMINAL', `${deps.machineBoot}/${terminalId}`]
}

export function launchArgv(deps: TerminalDeps, spec: TerminalSpec, term: string): string[] {
  const [name, value] = terminalMark(deps, spec.terminalId)
  return prepareLaunch(deps.stateDir, { argv: spec.argv, cwd: spec.cwd, env: { ...spec.env, TERM: term, COLORTERM: 'truecolor', [name]: value }, user: deps.user })
}

/** A socket's path may have 107 bytes; a longer one is reached through the open directory. */
export function socketPath(dir: string, name: string): string {
  const path = join(dir, name)
  if (Buffer.byteLength(path) <= 100) return path
  throw new BerthError('config_invalid', `the state directory's path is too long for a socket: ${path}`, { hint: 'use a shorter BERTH_HOME' })
}
