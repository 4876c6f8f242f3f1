/** Starts a computer: its disk, its first instructions and its sandbox are written first, then one process is started. */
import { chmod, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ProviderFault, type LinkAddress, type Owner } from '@berth/core'
import { cloudConfig } from '../cloud-init/cloud-config.ts'
import type { ComputerSpec } from '../local/computer-init.ts'
import { launchHost } from '../local/launch-host.ts'
import type { StartedMachine } from '../local/life.ts'
import { ownerKey, readJson, readMachine, readProcess, replaceDir, type MachineRecord } from '../local/machine-dir.ts'
import type { HostSpec } from '../local/machine-host.ts'
import { PLAIN_BUN } from '../local/plain-bun.ts'
import { isAlive, sweep, VM_MARK } from '../local/process-tree.ts'
import { copyPrograms, COMPUTER_PROGRAM } from '../local/programs.ts'
import { EGRESS_PORT, INSIDE, sandboxArgv, writeAccounts, type Identity } from '../local/sandbox.ts'
import { writeWalls } from '../local/start.ts'
import { machineName } from '../owner-labels.ts'
import { remoteBoot } from '../remote-boot.ts'
import { copyDisk, DISK } from './copy-disk.ts'
import { keepImage, makeDisk, STANDS_ON, type KeptImage } from './images.ts'
import type { VmProviderOptions } from './index.ts'
import { KVM_DEVICE, qemuArgv, type Acceleration } from './qemu.ts'

/** What the guest calls its gateway is the sandbox's loopback. https://www.qemu.org/docs/master/system/devices/net.html#using-the-user-mode-network-stack */
const GATEWAY = '10.0.2.2'
const LINK_PORT = 7878
const CONTROL = `${INSIDE.run}/control.sock`
/** Threads of QEMU itself; what runs in the guest is the guest's. */
const QEMU_TASKS = 512
/** NoCloud takes more; nothing of ours comes near. */
const USER_DATA_LIMIT = 64 * 1024

export async function startComputer({ options, acceleration, started }: { options: VmProviderOptions; acceleration: Acceleration; started: StartedMachine }, signal: AbortSignal): Promise<void> {
  const { owner, spec, machine: { dir, record } } = started
  const link = linkOf(spec.boot.link)
  await rm(join(dir, 'process.json'), { force: true })
  const image = await imageFor({ options, started }, signal)
  await copyPrograms(join(dir, 'programs'))
  await mkdir(join(dir, 'sock'), { recursive: true })
  await chmod(join(dir, 'sock'), 0o755)
  await replaceDir(join(dir, 'run'), record.uid)
  await replaceDir(join(dir, 'boot'), record.uid, instructions(started, image))
  await writeAccounts(dir, identityOf(record), owner.workspaceId.replace('_', '-'))
  await writeWalls(dir, spec.egress ?? 'open')
  const computer: ComputerSpec = {
    ports: { [join(INSIDE.host, 'sock/egress.sock')]: EGRESS_PORT, [join(INSIDE.host, 'sock/link.sock')]: LINK_PORT },
    control: CONTROL,
    argv: qemuArgv({
      name: machineName(owner), memoryBytes: spec.memoryBytes, cpus: spec.cpus, acceleration, diskPath: join(INSIDE.state, DISK), seedDir: INSIDE.boot, control: CONTROL,
      kernel: image.kernel === null ? null : { path: image.kernel, initrd: image.initrd, commandLine: options.commandLine ?? DEFAULT_COMMAND_LINE },
    }),
  }
  const argv = sandboxArgv({
    dir, identity: identityOf(record), hostname: owner.workspaceId.replace('_', '-'), toolboxDir: spec.boot.toolbox.hostDir, pids: QEMU_TASKS, readOnlyPaths: [image.dir],
    ...(acceleration === 'kvm' ? { devices: [KVM_DEVICE], groups: [(await stat(KVM_DEVICE)).gid] } : {}),
    command: [join(INSIDE.host, 'bun'), join(INSIDE.host, 'programs', COMPUTER_PROGRAM), JSON.stringify(computer)],
  })
  const host: HostSpec = {
    argv, endBy: 'stdin', users: null, link, egress: { allow: options.egressAllow ?? [], hostPorts: options.hostPorts ?? [] },
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8', HOME: INSIDE.home, ...PLAIN_BUN, [VM_MARK]: ownerKey(owner) },
  }
  await writeFile(join(dir, 'host.json'), JSON.stringify(host), { mode: 0o600 })
  await launchHost({ dir, owner, mark: VM_MARK }, signal)
}

const DEFAULT_COMMAND_LINE = 'root=/dev/vda rw console=ttyS0'

const identityOf = ({ uid }: MachineRecord): Identity => (uid === null ? { kind: 'self' } : { kind: 'uid', uid })

/** What the machine stands on, for its life. */
async function imageFor({ options, started }: { options: VmProviderOptions; started: StartedMachine }, signal: AbortSignal): Promise<KeptImage> {
  const { machine: { dir, record: { uid } }, spec: { systemOf } } = started
  const disk = join(dir, 'state', DISK)
  const standsOn = await readJson<KeptImage>(join(dir, STANDS_ON))
  if (standsOn !== null && await stat(disk).catch(() => null) !== null) return standsOn
  const copied = systemOf === undefined ? null : await copyOf(options, { systemOf, dir, disk, uid }, signal)
  if (copied !== null) return copied
  if (options.image === undefined) throw new ProviderFault('image', 'no image is set', { hint: 'run `berth provider setup vm --image <a disk image with cloud-init>`' })
  const image = await keepImage(join(options.home, 'vms'), { image: options.image, kernel: options.kernel ?? null, initrd: options.initrd ?? null }, signal)
  await standOn(dir, image)
  await makeDisk(disk, image, { bytes: (options.diskGb ?? DEFAULT_DISK_GB) * 1e9, uid }, signal)
  return image
}
const DEFAULT_DISK_GB = 20

/** Null: there is no such computer any more. */
async function copyOf({ home, installation }: VmProviderOptions, { systemOf, dir, disk, uid }: { systemOf: Owner; dir: string; disk: string; uid: number | null }, signal: AbortSignal): Promise<KeptImage | null> {
  const other = await readMachine({ home: join(home, 'vms'), outside: null }, systemOf)
  if (other === null || other.record === null || systemOf.installation !== installation || ownerKey(other.record.owner) !== ownerKey(systemOf)) return null
  const image = await readJson<KeptImage>(join(other.dir, STANDS_ON))
  if (image === null) return null
  const running = await readProcess(other.dir)
  // What is left of one that ended would still write to its disk.
  if (running === null || !isAlive(running)) await sweep(VM_MARK, ownerKey(systemOf), signal)
  const copied: KeptImage = { ...image, copied: true }
  await standOn(dir, copied)
  await copyDisk(other.dir, { to: disk, uid }, signal)
  return copied
}

async function standOn(dir: string, image: KeptImage): Promise<void> {
  await writeFile(join(dir, `${STANDS_ON}.new`), JSON.stringify(image), { mode: 0o600 })
  await rename(join(dir, `${STANDS_ON}.new`), join(dir, STANDS_ON))
}

function instructions({ owner, spec }: StartedMachine, { copied }: KeptImage): Record<string, string> {
  const proxy = `http://${GATEWAY}:${EGRESS_PORT}`
  const direct = `localhost,127.0.0.1,::1,${GATEWAY}`
  const boot = remoteBoot(owner, { boot: { ...spec.boot, link: { unixSocket: null, loopbackUrl: null, publicUrl: `http://${GATEWAY}:${LINK_PORT}` } } }, { isolation: 'vm', what: 'a computer on this host' })
  const env = { ...boot.env, HTTP_PROXY: proxy, HTTPS_PROXY: proxy, http_proxy: proxy, https_proxy: proxy, NO_PROXY: direct, no_proxy: direct }
  return {
    'user-data': cloudConfig({ boot: { ...boot, env }, toolboxHash: spec.boot.toolbox.hash, diskMount: '/var/lib/berth-disk', diskDevice: null, restarts: true, ...(copied === true ? { copied } : {}), ...(spec.sudo === true ? { sudo: true } : {}), ...(spec.docker === true ? { docker: true } : {}) }, { limitBytes: USER_DATA_LIMIT }),
    'meta-data': `instance-id: ${machineName(owner)}\nlocal-hostname: ${owner.workspaceId.replace('_', '-')}\n`,
  }
}

/** Where the host process connects for the guest. */
function linkOf({ unixSocket, loopbackUrl }: LinkAddress): NonNullable<HostSpec['link']> {
  if (unixSocket !== null) return { path: unixSocket }
  if (loopbackUrl === null) throw new ProviderFault('invalid', 'the server offers no address that this machine could dial', { hint: 'start the server with its link socket' })
  const url = new URL(loopbackUrl)
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 80) }
}
