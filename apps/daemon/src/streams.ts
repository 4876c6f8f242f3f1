/** Byte streams that the server opens to this machine. Each names a service; none names an address. */
import { BerthError } from '@berth/wire/error'
import type { StreamOpen } from '@berth/wire/daemon'
import type { AsAgent, LinkStream, Terminal, Terminals } from './contracts.ts'
import { serveUploadStream } from './services/files/upload.ts'
import { serveTcpStream } from './services/ports/tcp.ts'
import { PATH_AGAIN } from './services/programs-on-path.ts'
import { serveRunStream } from './services/run/run-stream.ts'
import type { Ssh } from './services/ssh/index.ts'
import { serveSyncStream } from './services/sync/serve-sync.ts'
import type { Since } from './services/sync/since.ts'
import { serveTerminalStream } from './services/terminal/stream.ts'

export const SHELL_TERMINAL = 'shell'

export interface StreamDeps {
  readonly terminals: Terminals
  readonly asAgent: AsAgent
  readonly ssh: Pick<Ssh, 'serve'>
  readonly since: Since
  readonly workDir: string
  readonly homeDir: string
  readonly humanInput: () => void
  readonly previewTraffic: () => void
  readonly log: (line: string) => void
}

export function createStreams(deps: StreamDeps): (open: StreamOpen, stream: LinkStream) => void {
  const serve = async (open: StreamOpen, stream: LinkStream): Promise<void> => {
    switch (open.service) {
      case 'terminal': return serveTerminalStream(await terminalOf(deps, open.terminalId), open, { ...stream, onInput: deps.humanInput })
      case 'tcp': return serveTcpStream(open.port, stream, deps.previewTraffic)
      case 'upload': return serveUploadStream({ asAgent: deps.asAgent, homeDir: deps.homeDir }, open.name, stream)
      case 'ssh': return deps.ssh.serve(open.authorizedKey, stream, deps.humanInput)
      case 'sync': return serveSyncStream({ asAgent: deps.asAgent, workDir: deps.workDir, since: deps.since }, { ...stream, onInput: deps.humanInput })
      case 'run': return serveRunStream({ asAgent: deps.asAgent, workDir: deps.workDir }, { ...stream, onInput: deps.humanInput })
      case 'egress': return stream.abort('this machine is no way out')
      case 'http': return stream.abort('this machine serves no http')
    }
  }
  return (open, stream) => {
    serve(open, stream).catch((cause: unknown) => {
      const message = cause instanceof Error ? cause.message : String(cause)
      if (!(cause instanceof BerthError)) deps.log(`${open.service} stream: ${message}`)
      stream.abort(message)
    })
  }
}

async function terminalOf(deps: StreamDeps, terminalId: string): Promise<Terminal> {
  const there = await deps.terminals.get(terminalId)
  if (there !== null && (terminalId !== SHELL_TERMINAL || (await there.exited()) === null)) return there
  if (terminalId !== SHELL_TERMINAL) throw new BerthError('not_found', `no terminal ${terminalId}`, { hint: 'the agent may not be running; use `shell`' })
  const env = deps.asAgent.environment()
  const shell = ['bash', 'sh'].map((name) => Bun.which(name, { PATH: env['PATH'] ?? '' })).find((found) => found !== null)
  if (shell === undefined) throw new BerthError('unsupported', 'this image has no shell', { hint: 'use an image with /bin/sh to get one' })
  const { terminal } = await deps.terminals.open({ terminalId, title: 'shell', argv: [shell, '-l'], cwd: deps.workDir, env: { ...env, SHELL: shell, PROMPT_COMMAND: `${PATH_AGAIN}; unset PROMPT_COMMAND` } })
  return terminal
}
