/** One repository of a host by ssh, with the server's own key for it. The key lies in a file while one operation lasts. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DeployKeyStore } from '@berth/core'
import { privateKeyFile } from '../ssh-keys/ed25519.ts'

export interface SshAccess { readonly url: string; /** For git. */ readonly command: string; release(): Promise<void> }
type OpenKey = NonNullable<Awaited<ReturnType<DeployKeyStore['of']>>>

const CONNECT_WITHIN_S = 15

/** `dir`: of the server alone. */
export async function openSshAccess(dir: string, key: Pick<OpenKey, 'sshUrl' | 'publicKey' | 'seed' | 'hostKeys'>): Promise<SshAccess> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const own = await mkdtemp(join(dir, 'key-'))
  const [identity, known] = [join(own, 'identity'), join(own, 'known_hosts')]
  await writeFile(identity, privateKeyFile(key), { mode: 0o600 })
  await writeFile(known, key.hostKeys, { mode: 0o600 })
  const options = ['BatchMode=yes', 'IdentitiesOnly=yes', 'IdentityAgent=none', 'StrictHostKeyChecking=yes', 'GlobalKnownHostsFile=/dev/null', `UserKnownHostsFile="${known}"`, 'UpdateHostKeys=no', 'PasswordAuthentication=no', 'ForwardAgent=no', `ConnectTimeout=${CONNECT_WITHIN_S}`, 'ServerAliveInterval=15']
  return {
    url: key.sshUrl,
    command: ['ssh', '-F', '/dev/null', '-i', quoted(identity), ...options.flatMap((option) => ['-o', quoted(option)])].join(' '),
    release: () => rm(own, { recursive: true, force: true }),
  }
}

/** For the shell that git starts it with. */
const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`
