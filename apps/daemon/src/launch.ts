/**
 * `launch SPEC`: becomes another program. The spec is a 0600 file that is removed as soon as it is read, because
 * arguments and environment of the program may hold secrets that must not stand in anybody's argv. Runs as the
 * daemon's user, hands the terminal to the agent's user, drops to it, and execs: no process of ours stays.
 */
import { fchownSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isatty } from 'node:tty'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { selfCommand } from './self.ts'
import { endFirst } from './services/processes/victim.ts'

export interface LaunchSpec {
  readonly argv: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly user: { readonly uid: number; readonly gid: number; readonly name: string } | null
}

/** Writes the spec and answers the argv that launches it, once. */
export function prepareLaunch(dir: string, spec: LaunchSpec): string[] {
  const path = join(dir, `launch-${randomBytes(8).toString('hex')}.json`)
  writeFileSync(path, JSON.stringify(spec), { mode: 0o600, flag: 'wx' })
  return selfCommand('launch', path)
}

const NOT_FOUND = 127
const NOT_RUN = 126

export function launchMain(argv: readonly string[]): number {
  const path = argv[0]
  if (path === undefined) return 2
  // Ours: nobody else writes into the daemon's 0700 directory.
  const spec = JSON.parse(readFileSync(path, 'utf8')) as LaunchSpec
  rmSync(path, { force: true })
  endFirst('self')
  if (spec.user !== null) drop(spec.user)
  try {
    process.chdir(spec.cwd)
  } catch {
    return refuse(`cannot enter ${spec.cwd}`, NOT_RUN)
  }
  const [name = '', ...rest] = spec.argv
  const program = Bun.which(name, { PATH: spec.env['PATH'] ?? '', cwd: spec.cwd })
  if (program === null) return refuse(`${name}: not found in this machine`, NOT_FOUND)
  // A handled signal becomes the default again by exec; an ignored one, as the runtime has these, would stay ignored.
  process.on('SIGPIPE', () => {})
  process.on('SIGXFSZ', () => {})
  execve(program, [name, ...rest], spec.env)
  return refuse(`${name}: cannot be run`, NOT_RUN)
}

function drop(user: { uid: number; gid: number; name: string }): void {
  if (process.getuid?.() !== 0) return
  // Programs that open their terminal by its name need to own it.
  if (isatty(0)) fchownSync(0, user.uid, user.gid)
  try {
    // The runtime has it, its types do not yet say so.
    const host = process as typeof process & { initgroups(user: string, group: number): void }
    host.initgroups(user.name, user.gid)
  } catch {
    process.setgroups?.([user.gid])
  }
  process.setgid?.(user.gid)
  process.setuid?.(user.uid)
}

function execve(program: string, argv: string[], env: Record<string, string>): void {
  // Bun has it, its types do not yet say so.
  const host = process as typeof process & { execve(file: string, argv: string[], env: Record<string, string>): void }
  host.execve(program, argv, env)
}

function refuse(message: string, code: number): number {
  process.stderr.write(`${message}\n`)
  return code
}
