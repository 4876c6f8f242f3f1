/**
 * What a new machine of a cloud is told to do first: cloud-init's user data, rendered from a value. It brings the disk,
 * the agent's user and the daemon; the daemon does all else. https://cloudinit.readthedocs.io/en/latest/reference/modules.html
 *
 * Whoever is root in the machine reads it, and on most clouds every user does, by the metadata address: there is no
 * secret in it but the boot token, which is used up when the daemon has called home.
 */
import { ProviderFault } from '@berth/core'
import type { BootFile } from '@berth/wire/daemon'
import { bringDaemon, daemonIn, linkAuthorization } from '../bring-daemon.ts'
import { tellBoot } from '../tell-boot.ts'
import { deadMan, forgetting, renewal } from './kept-machine.ts'
import { ENGINE_UNIT, ownEngine } from './own-engine.ts'

export interface MachineBoot {
  readonly boot: BootFile
  readonly toolboxHash: string
  /** Where the vendor mounts the disk that outlives the machine. */
  readonly diskMount: string
  /** The disk as a device, for an image that did not mount it. Null: the machine's own disk outlives it, and that is a directory. */
  readonly diskDevice: string | null
  /** Lines of sh before each look for the device: where nobody formatted it. May be repeated. */
  readonly prepareDisk?: string
  /** It is started again with other instructions, and keeps its root. */
  readonly restarts?: true
  /** It switches itself off when its server did not answer for so long. Absent: never. */
  readonly endAfterMinutes?: number
  /** The machine's own disk is a copy of another's: of that workspace it keeps what was installed, and nothing else. */
  readonly copied?: true
  /** The agent's user may become root. */
  readonly sudo?: true
  /** With a Docker engine, which the agent's user may use. */
  readonly docker?: true
}

/** One of `write_files`. */
export const writtenFile = (path: string, permissions: string, content: string) => ({ path, permissions, owner: 'root:root', encoding: 'b64', content: Buffer.from(content).toString('base64') })
const BOOT_PATH = '/etc/berth/boot.json'
const HEADER_PATH = '/etc/berth/authorization'
const START_PATH = '/usr/local/sbin/berth-start'
export const UNIT = 'berth-daemon.service'
const TELL_PATH = '/usr/local/sbin/berth-tell-boot'
const TELL_UNIT = 'berth-tell-boot.service'
/** The stage that writes files, as cloud-init called it before its version 24.3, and since. */
const FILES_WRITTEN = ['cloud-init.service', 'cloud-init-network.service']
/** What was said before the daemon, and by what brings it. */
const SAID = ['cat /var/log/cloud-init-output.log', `journalctl --no-pager --boot --output cat --unit ${UNIT}`]
export const AGENT = { uid: 1000, gid: 1000, name: 'dev' } as const
export const PLACES = { workDir: '/workspace', homeDir: '/home/dev', stateDir: '/var/lib/berth', runDir: '/run/berth', toolboxDir: '/opt/berth' } as const

/** Throws a ProviderFault where it is longer than the vendor takes. */
export function cloudConfig(machine: MachineBoot, { limitBytes }: { limitBytes: number }): string {
  const { boot } = machine
  const end = machine.endAfterMinutes === undefined ? { files: [], units: [] } : deadMan({ linkUrl: boot.linkUrl, afterMinutes: machine.endAfterMinutes })
  const engine = machine.docker === true ? { files: ownEngine(boot, AGENT.gid), units: [ENGINE_UNIT] } : { files: [], units: [] }
  const begun = [TELL_UNIT, ...engine.units, UNIT]
  const bootcmd = [...(machine.copied === true ? forgetting(machine.diskMount) : []), ...(machine.restarts === true ? renewal(boot) : []), ...(machine.sudo === true || machine.docker === true ? [] : headStart(begun))]
  const config = {
    // To look for keys to print, its last stage makes a file of them in the home, which is the workspace's by then.
    ssh_pwauth: false, disable_root: true, no_ssh_fingerprints: true,
    users: [{ name: AGENT.name, uid: AGENT.uid, homedir: PLACES.homeDir, shell: '/bin/bash', lock_passwd: true, ...(machine.sudo === true ? { sudo: 'ALL=(ALL) NOPASSWD:ALL' } : {}) }],
    write_files: [
      writtenFile(BOOT_PATH, '0600', JSON.stringify(boot)),
      writtenFile(HEADER_PATH, '0600', linkAuthorization(boot)),
      writtenFile(START_PATH, '0755', startScript(machine)),
      writtenFile(`/etc/systemd/system/${UNIT}`, '0644', daemonUnit(START_PATH, engine.units)),
      writtenFile(TELL_PATH, '0755', tellBoot({ linkUrl: boot.linkUrl, headerPath: HEADER_PATH, sources: SAID })),
      writtenFile(`/etc/systemd/system/${TELL_UNIT}`, '0644', `[Unit]\nDescription=Berth boot log\n\n[Service]\nRemainAfterExit=yes\nExecStart=${TELL_PATH}\n`),
      ...[...end.files, ...engine.files].map(({ path, permissions, content }) => writtenFile(path, permissions, content)),
    ],
    ...(bootcmd.length === 0 ? {} : { bootcmd }),
    // Nobody comes in from outside: the daemon calls home, and people come through it.
    runcmd: [['systemctl', 'daemon-reload'], ['systemctl', 'start', '--no-block', ...begun], ['sh', '-c', 'systemctl disable --now ssh.service ssh.socket sshd.service 2>/dev/null; true'], ['systemctl', 'enable', ...engine.units, UNIT], ...end.units.map((name) => ['systemctl', 'enable', '--now', name])],
  }
  return userData(config, limitBytes)
}

/**
 * Once in a machine's life, as soon as its files and users are there and its network: what is left of cloud-init, which
 * takes seconds, is of no use to these units. Not where somebody is root who may install at once: what is left includes the
 * addresses of packages. `runcmd` starts them for those, and for an image whose stages have other names.
 */
function headStart(units: readonly string[]): readonly (readonly string[])[] {
  const begin = `systemctl daemon-reload && systemctl start --no-block ${units.join(' ')}`
  return [['cloud-init-per', 'instance', 'berth-begin', 'systemd-run', '--no-block', '--collect', '--unit', 'berth-begin', ...FILES_WRITTEN.map((stage) => `--property=After=${stage}`), 'sh', '-c', begin]]
}

/** JSON is YAML. Throws a ProviderFault where it is longer than the vendor takes. */
export function userData(config: object, limitBytes: number): string {
  const text = `#cloud-config\n${JSON.stringify(config)}\n`
  if (Buffer.byteLength(text) > limitBytes) throw new ProviderFault('invalid', `the machine's first instructions take ${Buffer.byteLength(text)} bytes of ${limitBytes}`, { hint: 'this is a fault of Berth' })
  return text
}

/** `after`: units that it waits for, come what may of them. */
export function daemonUnit(startPath: string, after: readonly string[] = []): string {
  return ['[Unit]', 'Description=Berth workspace', 'Wants=network-online.target', `After=${['network-online.target', ...after].join(' ')}`, '', '[Service]', `ExecStart=${startPath}`, 'Restart=always', 'RestartSec=2', 'KillMode=mixed', 'TimeoutStopSec=20', 'OOMPolicy=continue', 'TasksMax=infinity', '', '[Install]', 'WantedBy=multi-user.target', ''].join('\n')
}

/** Lines of sh that may be repeated: the tree, the home and the state on the disk that is mounted at `$disk`. */
export const PLACES_ON_DISK = `mkdir -p "$disk/work" "$disk/home" "$disk/state" ${PLACES.workDir} ${PLACES.homeDir} ${PLACES.stateDir} ${PLACES.runDir}
chmod 700 "$disk/state"
[ -e "$disk/.ours" ] || { chown ${AGENT.uid}:${AGENT.gid} "$disk/work" "$disk/home"; touch "$disk/.ours"; }
mountpoint -q ${PLACES.workDir} || mount --bind "$disk/work" ${PLACES.workDir}
mountpoint -q ${PLACES.homeDir} || mount --bind "$disk/home" ${PLACES.homeDir}
mountpoint -q ${PLACES.stateDir} || mount --bind "$disk/state" ${PLACES.stateDir}`

/** Runs at every boot; each line may be repeated. */
function startScript({ boot, toolboxHash, diskMount, diskDevice, prepareDisk = '' }: MachineBoot): string {
  const daemon = daemonIn(PLACES.toolboxDir, toolboxHash)
  return `#!/bin/sh
# Brings a workspace's disk and daemon.
set -eu
disk=${diskMount}
${diskDevice === null ? '' : bringDisk(diskDevice, prepareDisk)}${PLACES_ON_DISK}
# Every user of a machine may ask the vendor for these instructions. Nobody does from here on; the token in them is used
# up by a new machine's first call, also where the disk still has the token of the machine before.
ip route replace prohibit 169.254.169.254/32
[ -e /etc/berth/enrols ] || { rm -f ${PLACES.stateDir}/link-token.json; touch /etc/berth/enrols; }
${bringDaemon({ toolboxDir: PLACES.toolboxDir, hash: toolboxHash, linkUrl: boot.linkUrl, headerPath: HEADER_PATH })}
exec ${daemon} supervise --boot ${BOOT_PATH}
`
}

function bringDisk(device: string, prepare: string): string {
  return `for try in $(seq 1 60); do
  mountpoint -q "$disk" && break
${prepare === '' ? '' : `${prepare}\n`}  if [ -e ${device} ]; then mkdir -p "$disk"; mount -o discard,nofail ${device} "$disk" && break; fi
  echo "waiting for the disk"; sleep 1
done
mountpoint -q "$disk" || { echo "the disk did not come"; exit 1; }
`
}
