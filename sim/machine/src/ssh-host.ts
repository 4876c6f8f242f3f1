/**
 * A host that a person has rented and reaches by ssh: Debian with systemd and its own OpenSSH, which lets in one key. Two
 * can come with it: root, and `admin`, who may become root.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMachines } from './index.ts'

export interface SshHost {
  /** Another one after a restart. */
  readonly address: string
  /** As a line of known_hosts. */
  readonly hostKey: string
  readonly identityFile: string
  readonly knownHostsFile: string
  /** As root on the host, past ssh; for tests that look. Throws where it fails. */
  exec(command: string): Promise<string>
  /** As `exec`, whatever comes of it. */
  look(command: string): Promise<{ exitCode: number; stdout: string }>
  /** Down and up again, as after a power cut; its host key stays. */
  restart(): Promise<void>
  /** From now on it shows another host key. */
  changeHostKey(): Promise<void>
  close(): Promise<void>
}

const NAME = 'host'
const UP_WITHIN_MS = 60_000
const LOOK_MS = 150

export async function startSshHost(prefix: string): Promise<SshHost> {
  const dir = mkdtempSync(join(tmpdir(), 'sim-ssh-host-'))
  const [identityFile, knownHostsFile] = [join(dir, 'id'), join(dir, 'known_hosts')]
  const made = Bun.spawnSync(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', identityFile])
  if (made.exitCode !== 0) throw new Error(`ssh-keygen: ${made.stderr.toString()}`)
  const publicKey = readFileSync(`${identityFile}.pub`, 'utf8').trim()
  const machines = createMachines(prefix)
  const look: SshHost['look'] = (command) => machines.exec(NAME, ['sh', '-c', command])
  let address = ''
  let hostKey = ''
  const pin = async (): Promise<void> => {
    address = await machines.address(NAME)
    const { stdout } = await look('cat /etc/ssh/ssh_host_ed25519_key.pub')
    hostKey = `${address} ${stdout.split(' ').slice(0, 2).join(' ')}`
    writeFileSync(knownHostsFile, `${hostKey}\n`)
  }
  const up = async (): Promise<void> => {
    for (const until = Date.now() + UP_WITHIN_MS; Date.now() < until; await Bun.sleep(LOOK_MS)) {
      const { stdout } = await look('systemctl is-system-running; test -e /etc/ssh/ssh_host_ed25519_key.pub && test -s /root/.ssh/authorized_keys && systemctl is-active ssh')
      if (/^(running|degraded)\nactive$/.test(stdout)) return pin()
    }
    throw new Error('the host does not come up')
  }
  const host: SshHost = {
    get address() { return address }, get hostKey() { return hostKey }, identityFile, knownHostsFile, look,
    async exec(command) {
      const { exitCode, stdout } = await look(command)
      if (exitCode !== 0) throw new Error(`${command}: ${exitCode} ${stdout}`)
      return stdout
    },
    async restart() {
      await machines.stop(NAME, true)
      await machines.start(NAME)
      await up()
    },
    async changeHostKey() {
      await host.exec('rm /etc/ssh/ssh_host_* && ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key && systemctl restart ssh')
    },
    async close() {
      await machines.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
  try {
    const user = (name: string, more: object = {}) => ({ name, ssh_authorized_keys: [publicKey], lock_passwd: true, ...more })
    const config = { disable_root: false, ssh_pwauth: false, users: [user('root'), user('admin', { shell: '/bin/bash', sudo: 'ALL=(ALL) NOPASSWD:ALL' })] }
    await machines.create({ name: NAME, hostname: 'vps', instanceId: prefix, userData: `#cloud-config\n${JSON.stringify(config)}\n`, volumes: {} })
    await up()
    return host
  } catch (error) {
    await host.close()
    throw error
  }
}
