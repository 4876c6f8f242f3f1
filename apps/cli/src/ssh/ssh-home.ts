/** Where this CLI keeps what ssh needs, below BERTH_HOME and readable by nobody else. */
import { createHash } from 'node:crypto'
import { lstatSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BerthError } from '@berth/wire/error'

export interface SshHome {
  readonly dir: string
  readonly key: string
  readonly publicKey: string
  readonly config: string
  readonly knownHosts: string
  readonly hosts: string
}

export function sshHome(home: string): SshHome {
  const dir = join(home, 'ssh')
  const key = join(dir, 'id_ed25519')
  return { dir, key, publicKey: `${key}.pub`, config: join(dir, 'config'), knownHosts: join(dir, 'known_hosts'), hosts: join(dir, 'hosts.json') }
}

/** The line of the public key; the pair is made at the first use. It opens nothing but what the server lets its owner reach. */
export async function publicKeyOf(at: SshHome): Promise<string> {
  const there = await readFile(at.publicKey, 'utf8').catch(() => null)
  if (there !== null && there.trim() !== '') return there.trim()
  await makeKey(at)
  return (await readFile(at.publicKey, 'utf8')).trim()
}

async function makeKey(at: SshHome): Promise<void> {
  await mkdir(at.dir, { recursive: true, mode: 0o700 })
  const fresh = `${at.key}.${process.pid}.new`
  const child = Bun.spawn([program('ssh-keygen'), '-q', '-t', 'ed25519', '-N', '', '-C', 'berth', '-f', fresh], { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
  const said = await new Response(child.stderr).text()
  if ((await child.exited) !== 0) throw new BerthError('internal', `ssh-keygen made no key: ${said.trim().slice(0, 300)}`)
  try {
    // The public half last: where it is, the key is too.
    await rename(fresh, at.key)
    await rename(`${fresh}.pub`, at.publicKey)
  } finally {
    await Promise.all([fresh, `${fresh}.pub`].map((path) => rm(path, { force: true })))
  }
}

export function program(name: string): string {
  const found = Bun.which(name)
  if (found !== null) return found
  throw new BerthError('unsupported', `${name} is not installed here`, { hint: 'install OpenSSH (openssh-client on Debian and Ubuntu)' })
}

/** With what ssh itself appends, a socket's path may have 104 bytes on macOS: a longer home puts them elsewhere. */
const SOCKET_DIR_LIMIT = 70

/** Directory of shared connections; null where none can be private. */
export async function socketDir(at: SshHome): Promise<string | null> {
  const near = join(at.dir, 'm')
  const dir = Buffer.byteLength(near) <= SOCKET_DIR_LIMIT ? near : join(tmpdir(), `berth-ssh-${createHash('sha256').update(at.dir).digest('hex').slice(0, 12)}`)
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const { uid, mode } = lstatSync(dir)
  const isOurs = lstatSync(dir).isDirectory() && (mode & 0o077) === 0 && uid === (process.getuid?.() ?? uid)
  return isOurs && Buffer.byteLength(dir) <= SOCKET_DIR_LIMIT ? dir : null
}

/** Whole or as before, and only when it differs: editors watch these files. True: it was written. */
export async function writeWhole(path: string, text: string): Promise<boolean> {
  if ((await readFile(path, 'utf8').catch(() => null)) === text) return false
  const aside = `${path}.${process.pid}.new`
  await writeFile(aside, text, { mode: 0o600 })
  await rename(aside, path)
  return true
}
