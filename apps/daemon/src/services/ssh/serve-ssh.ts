/**
 * One connection of ssh: a run of `sshd -i` as the agent's user, with the bytes of the link as its network. What a person
 * started in it and detached lives on when it ends, as it would with any sshd; only sshd's own processes are ended.
 */
import { joiningHandlers } from '@berth/wire/join-socket'
import type { Subprocess } from 'bun'
import type { AsAgent, LinkStream } from '../../contracts.ts'
import { endFirst } from '../processes/victim.ts'

export interface SshRun { readonly argv: readonly string[]; readonly cwd: string; readonly onInput: () => void }

/** After the client went away sshd has this long to notice. */
const LEAVE_MS = 5000
const SAID_LIMIT = 2000
/** One socket for both ways, which we read in large pieces: of the pipes there is a read and a promise for each packet. */
const ON_SOCKET = ['/bin/sh', '-c', 'exec "$@" <&3 >&3 3>&-', 'sh'] as const

type Sshd = Subprocess<'ignore', 'ignore', 'pipe'>

export async function serveSsh(deps: { asAgent: AsAgent; log: (line: string) => void }, run: SshRun, stream: LinkStream): Promise<void> {
  const { argv, ...identity } = deps.asAgent.command([...ON_SOCKET, ...run.argv])
  // A group of its own, so that the end reaches its helpers and nobody else: each command of a person is a session apart.
  const sshd: Sshd = Bun.spawn({ cmd: argv, cwd: run.cwd, env: { PATH: '/usr/local/bin:/usr/bin:/bin' }, ...identity, detached: true, stdio: ['ignore', 'ignore', 'pipe', 'socket-fd'] })
  endFirst(sshd.pid)
  // Its helpers hold the connection open, should it die without them.
  const exited = sshd.exited.then(() => killGroup(sshd.pid, 'SIGKILL'))
  const said = tail(sshd.stderr)
  const { handlers, closed } = joiningHandlers(stream, { fromStream: run.onInput })
  try {
    // What takes a path or an address takes a descriptor too, and closes it; its type does not say so.
    await Bun.connect({ fd: sshd.stdio[3], allowHalfOpen: true, socket: handlers } as unknown as Bun.UnixSocketOptions<undefined>)
    await closed
  } finally {
    await end(sshd, exited)
    const words = await said
    if (words !== '') deps.log(`ssh: ${words}`)
  }
}

async function end(sshd: Sshd, exited: Promise<void>): Promise<void> {
  const hurry = setTimeout(() => killGroup(sshd.pid, 'SIGTERM'), LEAVE_MS)
  const force = setTimeout(() => killGroup(sshd.pid, 'SIGKILL'), 2 * LEAVE_MS)
  await exited
  clearTimeout(hurry)
  clearTimeout(force)
}

function killGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal)
  } catch {
    // Already gone.
  }
}

/** What it complained about last, for the machine's log. */
async function tail(readable: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of readable) text = (text + decoder.decode(chunk, { stream: true })).slice(-SAID_LIMIT)
  return text.trim().replaceAll(/[\r\n]+/g, '; ')
}
