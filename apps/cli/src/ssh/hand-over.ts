/**
 * `berth ssh --hand-over <workspace>`: gives ssh a connection through the server's door and is gone. Whatever is not as
 * plain as that (a machine never met, one that is stopped, no server) is left to `berth ssh --stdio` at the other end of a
 * pair of sockets.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { DOOR_OPEN, DOOR_PATH } from '@berth/wire/reach-door'
import { TOKEN_FILE } from '@berth/wire/server-file'
import type { Context } from '../context.ts'
import { selfCli } from '../self.ts'
import { readHosts } from './hosts.ts'
import { descriptors, type Descriptors } from './pass-descriptor.ts'
import { sshHome } from './ssh-home.ts'

const STDOUT = 1

export async function handOver(context: Context, { word }: { word: string }): Promise<void> {
  const calls = descriptors()
  const descriptor = calls === null ? null : ((await throughTheDoor(context, calls, word)) ?? byStdio(context, calls, word))
  if (calls !== null && descriptor !== null && calls.pass(STDOUT, descriptor)) return
  throw new BerthError('unsupported', 'a connection cannot be handed to ssh here', { hint: '`berth ssh-config` writes the other way' })
}

async function throughTheDoor({ home }: Context, calls: Descriptors, word: string): Promise<number | null> {
  const host = (await readHosts({ home }))[word]
  if (!host?.hostKey || host.server !== null) return null
  const [token, key] = await Promise.all([join(home, TOKEN_FILE), sshHome(home).publicKey].map((path) => readFile(path, 'utf8').catch(() => '')))
  const ask = { token: (token ?? '').trim(), workspace: word, key: Buffer.from((key ?? '').trim()).toString('base64url') }
  return calls.open(join(home, ...DOOR_PATH), `${JSON.stringify(ask)}\n`, DOOR_OPEN)
}

/** ssh waits until this process has ended, so another one stays. */
function byStdio(context: Context, calls: Descriptors, word: string): number | null {
  const [ours, theirs] = calls.pair() ?? [null, null]
  if (ours === null) return null
  const child = Bun.spawn(selfCli(['ssh', '--stdio', word]), { cwd: context.cwd, env: { ...context.env }, stdin: ours, stdout: ours, stderr: 'ignore', detached: true })
  child.unref()
  return theirs
}
