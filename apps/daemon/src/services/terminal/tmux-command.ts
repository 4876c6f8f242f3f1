/** Runs the tmux client against our server's socket, as the daemon's user. */
import { BerthError } from '@berth/wire/error'
import { MACHINE_ENV } from '../../machine.ts'

export interface TmuxResult { readonly exitCode: number; readonly stdout: string; readonly stderr: string }
export interface TmuxCommand {
  (args: readonly string[], stdin?: Uint8Array): Promise<string>
  attempt(args: readonly string[], stdin?: Uint8Array): Promise<TmuxResult>
  /** Waits for a channel's signal. Gives the exit code; 1: the server is gone. */
  wait(channel: string, signal: AbortSignal): Promise<number>
  readonly clientArgv: (args: readonly string[]) => string[]
  readonly env: Record<string, string>
}

export function createTmuxCommand(deps: { program: string; socket: string; machineBoot: string }): TmuxCommand {
  const clientArgv = (args: readonly string[]): string[] => [deps.program, '-u', '-S', deps.socket, '-f', '/dev/null', ...args]
  // Nothing else: the server keeps this environment, and none of ours is for the programs it starts.
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', TERM: 'xterm-256color', LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', [MACHINE_ENV]: deps.machineBoot }
  const attempt: TmuxCommand['attempt'] = async (args, stdin) => {
    const child = Bun.spawn(clientArgv(args), { cwd: '/', env, stdin: stdin === undefined ? 'ignore' : new Blob([stdin as Uint8Array<ArrayBuffer>]), stdout: 'pipe', stderr: 'pipe' })
    const [stdout, stderr, exitCode] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
    return { exitCode, stdout, stderr }
  }
  const run = async (args: readonly string[], stdin?: Uint8Array): Promise<string> => {
    const result = await attempt(args, stdin)
    if (result.exitCode === 0) return result.stdout
    throw new BerthError('not_a_terminal', `tmux ${args[0]}: ${result.stderr.trim()}`, { hint: 'the terminal has ended; open it again' })
  }
  return Object.assign(run, {
    attempt, clientArgv, env,
    async wait(channel: string, signal: AbortSignal) {
      const child = Bun.spawn(clientArgv(['wait-for', channel]), { cwd: '/', env, stdin: 'ignore', stdout: 'ignore', stderr: 'ignore', signal })
      return child.exited
    },
  })
}
