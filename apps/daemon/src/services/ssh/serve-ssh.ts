/**
 * One connection of ssh: a run of `sshd -i` as the agent's user, with the bytes of the link as its network. What a person
 * started in it and detached lives on when it ends, as it would with any sshd; only sshd's own processes are ended.
 */
import type { Subprocess } from 'bun'
import type { AsAgent, ByteStream } from '../../contracts.ts'
import { endFirst } from '../processes/victim.ts'

export interface SshRun { readonly argv: readonly string[]; readonly cwd: string }

/** After the client went away sshd has this long to notice. */
const LEAVE_MS = 5000
const SAID_LIMIT = 2000

type Sshd = Subprocess<'pipe', 'pipe', 'pipe'>

export async function serveSsh(deps: { asAgent: AsAgent; log: (line: string) => void }, run: SshRun, stream: ByteStream & { onInput(): void }): Promise<void> {
  const { argv, ...identity } = deps.asAgent.command(run.argv)
  // A group of its own, so that the end reaches its helpers and nobody else: each command of a person is a session apart.
  const sshd = Bun.spawn(argv, { cwd: run.cwd, env: { PATH: '/usr/local/bin:/usr/bin:/bin' }, ...identity, detached: true, stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' })
  endFirst(sshd.pid)
  // Its helpers hold the connection open, should it die without them.
  const exited = sshd.exited.then(() => killGroup(sshd.pid, 'SIGKILL'))
  const said = tail(sshd.stderr)
  const up = toSshd(stream, sshd)
  try {
    await fromSshd(sshd, stream)
  } finally {
    await end(sshd, exited)
    await up
    const words = await said
    if (words !== '') deps.log(`ssh: ${words}`)
  }
}

/** Ends with either side. The rest of what the client says is dropped once sshd is gone. */
async function toSshd(stream: ByteStream & { onInput(): void }, { stdin }: Sshd): Promise<void> {
  try {
    for await (const chunk of stream.readable) {
      stream.onInput()
      await stdin.write(chunk)
      await stdin.flush()
    }
  } catch {
    // The link, the client or sshd went away: the end of input tells the rest.
  }
  try {
    await stdin.end()
  } catch {
    // Closed already.
  }
}

async function fromSshd({ stdout }: Sshd, stream: ByteStream): Promise<void> {
  const writer = stream.writable.getWriter()
  try {
    for await (const chunk of stdout) await writer.write(chunk)
    await writer.close()
  } catch {
    // Whoever read it is gone.
    stream.abort('the client is gone')
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
