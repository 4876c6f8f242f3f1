/** A computer's disk for QEMU: Debian with its cloud kernel and real cloud-init, made once on this host and kept. */
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { DROPPED_PATHS, MASKED_TIMERS, PACKAGES } from './image.ts'

export interface DiskImage { readonly disk: string; readonly kernel: string; readonly initrd: string }

const KERNEL_PACKAGES = ['linux-image-cloud-amd64', 'initramfs-tools', 'busybox', 'udev', 'cloud-guest-utils', 'e2fsprogs']
/** There and off, as it is after somebody switched it off: a machine without `--docker` starts none, one with it needs no mirror. */
const ENGINE_PACKAGES = ['docker.io', 'apparmor']
const ENGINE_UNITS = ['multi-user.target.wants/docker.service', 'multi-user.target.wants/containerd.service', 'sockets.target.wants/docker.socket']
/** All that a disk of QEMU's needs before it is the root. */
const INITRAMFS = { 'conf.d/berth': 'MODULES=list\n', modules: 'virtio_pci\nvirtio_blk\next4\n' }
const CLOUD_CONFIG = 'datasource_list: [NoCloud, None]\nlocale: false\nssh_genkeytypes: [ed25519]\n'
const NAME = createHash('sha256').update(JSON.stringify([PACKAGES, KERNEL_PACKAGES, ENGINE_PACKAGES, INITRAMFS, CLOUD_CONFIG, MASKED_TIMERS])).digest('hex').slice(0, 12)

/** Takes a minute once in a host's life; throws where mmdebstrap, mke2fs or qemu-img is missing. */
export async function diskImage(): Promise<DiskImage> {
  const dir = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'berth-sim', `disk-${NAME}`)
  if (!existsSync(dir)) await make(dir)
  return { disk: join(dir, 'disk.qcow2'), kernel: join(dir, 'vmlinuz'), initrd: join(dir, 'initrd') }
}

async function make(dir: string): Promise<void> {
  const making = `${dir}.${randomBytes(4).toString('hex')}`
  const root = join(making, 'root')
  await mkdir(root, { recursive: true })
  try {
    const hooks = Object.entries(INITRAMFS).map(([name, text]) => `mkdir -p "$1/etc/initramfs-tools/conf.d" && printf '${text.replaceAll('\n', '\\n')}' > "$1/etc/initramfs-tools/${name}"`)
    await run(['mmdebstrap', '--quiet', '--variant=minbase', `--include=${[...PACKAGES, ...KERNEL_PACKAGES, ...ENGINE_PACKAGES].join(',')}`, ...DROPPED_PATHS, ...hooks.map((hook) => `--essential-hook=${hook}`), 'bookworm', `${root}.tar`])
    await run(['tar', '-xf', `${root}.tar`, '-C', root])
    for (const unit of MASKED_TIMERS) await symlink('/dev/null', join(root, 'etc/systemd/system', unit))
    for (const link of ENGINE_UNITS) await rm(join(root, 'etc/systemd/system', link), { force: true })
    await symlink('/lib/systemd/system/systemd-networkd.service', join(root, 'etc/systemd/system/multi-user.target.wants/systemd-networkd.service'))
    await writeFile(join(root, 'etc/machine-id'), '')
    await writeFile(join(root, 'etc/cloud/cloud.cfg.d/99_sim.cfg'), CLOUD_CONFIG)
    const boot = await readdir(join(root, 'boot'))
    for (const [name, prefix] of [['vmlinuz', 'vmlinuz-'], ['initrd', 'initrd.img-']] as const) {
      await run(['cp', join(root, 'boot', boot.find((each) => each.startsWith(prefix)) ?? prefix), join(making, name)])
      await chmod(join(making, name), 0o644)
    }
    await run(['mke2fs', '-q', '-t', 'ext4', '-d', root, join(making, 'disk.raw'), '3G'])
    await run(['qemu-img', 'convert', '-O', 'qcow2', join(making, 'disk.raw'), join(making, 'disk.qcow2')])
    for (const name of ['root', 'root.tar', 'disk.raw']) await rm(join(making, name), { recursive: true })
    await rename(making, dir)
  } finally {
    await rm(making, { recursive: true, force: true })
  }
}

async function run(argv: readonly string[]): Promise<void> {
  const child = Bun.spawn([...argv], { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
  const [stderr, exitCode] = await Promise.all([new Response(child.stderr).text(), child.exited])
  if (exitCode !== 0) throw new Error(`${argv[0] ?? ''} ended with ${exitCode}: ${stderr.trim().slice(-800)}`)
}
