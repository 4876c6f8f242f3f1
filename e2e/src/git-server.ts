/** Repositories as the outside world offers them: git's own HTTP backend on loopback, and a real sshd without a port. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export { startGitServer, type GitServer } from '@berth/testkit/git-server'

/** GIT_SSH_COMMAND of a person whose ssh leads to a real sshd that lives as long as the connection. */
export function sshCommand(dir: string): string {
  const me = Bun.spawnSync(['id', '-un']).stdout.toString().trim()
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  // Where sshd runs as root it insists on the directory that its service would make.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  for (const name of ['host', 'user']) Bun.spawnSync(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(dir, name)])
  const keys = join(dir, 'authorized_keys')
  Bun.spawnSync(['cp', join(dir, 'user.pub'), keys])
  chmodSync(keys, 0o600)
  const config = join(dir, 'sshd_config')
  writeFileSync(config, `HostKey ${join(dir, 'host')}\nAuthorizedKeysFile ${keys}\nPubkeyAuthentication yes\nPasswordAuthentication no\nStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nPidFile none\n`)
  return `ssh -F /dev/null -i ${join(dir, 'user')} -l ${me} -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=${join(dir, 'known_hosts')} -o 'ProxyCommand=/usr/sbin/sshd -i -f ${config}'`
}
