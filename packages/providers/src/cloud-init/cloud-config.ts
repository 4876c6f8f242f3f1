/**
 * What a new machine of a cloud is told to do first: cloud-init's user data, rendered from a value. It brings the disk,
 * the agent's user and the daemon; the daemon does all else. https://cloudinit.readthedocs.io/en/latest/reference/modules.html
 *
 * Whoever is root in the machine reads it, and on most clouds every user does, by the metadata address: there is no
 * secret in it but the boot token, which is used up when the daemon has called home.
 */
import { ProviderFault } from '@berth/core'
import type { BootFile } from '@berth/wire/daemon'

export interface MachineBoot {
  readonly boot: BootFile
  readonly toolboxHash: string
  /** Where the vendor mounts the disk that outlives the machine. */
  readonly diskMount: string
  /** The disk as a device, for an image that did not mount it. */
  readonly diskDevice: string
}

const BOOT_PATH = '/etc/berth/boot.json'
const HEADER_PATH = '/etc/berth/authorization'
const START_PATH = '/usr/local/sbin/berth-start'
const UNIT = 'berth-daemon.service'
export const AGENT = { uid: 1000, gid: 1000, name: 'dev' } as const
export const PLACES = { workDir: '/workspace', homeDir: '/home/dev', stateDir: '/var/lib/berth', runDir: '/run/berth', toolboxDir: '/opt/berth' } as const

/** Throws a ProviderFault where it is longer than the vendor takes. */
export function cloudConfig(machine: MachineBoot, { limitBytes }: { limitBytes: number }): string {
  const { boot } = machine
  const file = (path: string, permissions: string, content: string) => ({ path, permissions, owner: 'root:root', encoding: 'b64', content: Buffer.from(content).toString('base64') })
  const config = {
    ssh_pwauth: false, disable_root: true,
    users: [{ name: AGENT.name, uid: AGENT.uid, homedir: PLACES.homeDir, shell: '/bin/bash', lock_passwd: true }],
    write_files: [
      file(BOOT_PATH, '0600', JSON.stringify(boot)),
      file(HEADER_PATH, '0600', `authorization: Bearer ${boot.workspaceId}.${boot.generation}.${boot.bootToken}\n`),
      file(START_PATH, '0755', startScript(machine)),
      file(`/etc/systemd/system/${UNIT}`, '0644', unit()),
    ],
    // Nobody comes in from outside: the daemon calls home, and people come through it.
    runcmd: [['sh', '-c', 'systemctl disable --now ssh.service ssh.socket sshd.service 2>/dev/null; true'], ['systemctl', 'daemon-reload'], ['systemctl', 'enable', UNIT], ['systemctl', 'start', '--no-block', UNIT]],
  }
  // JSON is YAML.
  const text = `#cloud-config\n${JSON.stringify(config)}\n`
  if (Buffer.byteLength(text) > limitBytes) throw new ProviderFault('invalid', `the machine's first instructions take ${Buffer.byteLength(text)} bytes of ${limitBytes}`, { hint: 'this is a fault of Berth' })
  return text
}

function unit(): string {
  return ['[Unit]', 'Description=Berth workspace', 'Wants=network-online.target', 'After=network-online.target', '', '[Service]', `ExecStart=${START_PATH}`, 'Restart=always', 'RestartSec=2', 'KillMode=mixed', 'TimeoutStopSec=20', 'OOMPolicy=continue', 'TasksMax=infinity', '', '[Install]', 'WantedBy=multi-user.target', ''].join('\n')
}

/** Runs at every boot; each line may be repeated. */
function startScript({ boot, toolboxHash, diskMount, diskDevice }: MachineBoot): string {
  const daemon = `${PLACES.toolboxDir}/${toolboxHash}/berth-daemon`
  return `#!/bin/sh
# Brings a workspace's disk and daemon.
set -eu
disk=${diskMount}
for try in $(seq 1 60); do
  mountpoint -q "$disk" && break
  if [ -e ${diskDevice} ]; then mkdir -p "$disk"; mount -o discard,nofail ${diskDevice} "$disk" && break; fi
  echo "waiting for the disk"; sleep 1
done
mountpoint -q "$disk" || { echo "the disk did not come"; exit 1; }
mkdir -p "$disk/work" "$disk/home" "$disk/state" ${PLACES.workDir} ${PLACES.homeDir} ${PLACES.stateDir} ${PLACES.runDir}
chmod 700 "$disk/state"
[ -e "$disk/.ours" ] || { chown ${AGENT.uid}:${AGENT.gid} "$disk/work" "$disk/home"; touch "$disk/.ours"; }
mountpoint -q ${PLACES.workDir} || mount --bind "$disk/work" ${PLACES.workDir}
mountpoint -q ${PLACES.homeDir} || mount --bind "$disk/home" ${PLACES.homeDir}
mountpoint -q ${PLACES.stateDir} || mount --bind "$disk/state" ${PLACES.stateDir}
# Every user of a machine may ask the vendor for these instructions. Nobody does from here on; the token in them is used
# up by a new machine's first call, also where the disk still has the token of the machine before.
ip route replace prohibit 169.254.169.254/32
[ -e /etc/berth/enrols ] || { rm -f ${PLACES.stateDir}/link-token.json; touch /etc/berth/enrols; }
if [ ! -x ${daemon} ]; then
  mkdir -p ${PLACES.toolboxDir}/${toolboxHash} ${PLACES.toolboxDir}/agents
  ln -sfn ../agents ${PLACES.toolboxDir}/${toolboxHash}/agents
  curl --fail --silent --show-error --location --retry 60 --retry-delay 2 --retry-all-errors --header @${HEADER_PATH} --output ${daemon}.new ${boot.linkUrl}/toolbox/${toolboxHash}/berth-daemon
  chmod 755 ${daemon}.new
  mv ${daemon}.new ${daemon}
fi
exec ${daemon} supervise --boot ${BOOT_PATH}
`
}
