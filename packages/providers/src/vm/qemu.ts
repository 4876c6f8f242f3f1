/** QEMU's words: what a computer is made of, and whether this host's processors make it a fast one. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const QEMU = 'qemu-system-x86_64'
export const QEMU_IMG = 'qemu-img'
/** What QEMU calls the computer's own disk. */
export const DRIVE = 'disk'
export const KVM_DEVICE = '/dev/kvm'
/** `kvm`: the host's own processors. `tcg`: each instruction translated, some twenty times slower. */
export type Acceleration = 'kvm' | 'tcg'

export interface Computer {
  readonly name: string
  readonly memoryBytes: number
  readonly cpus: number
  readonly acceleration: Acceleration
  readonly diskPath: string
  /** A directory with cloud-init's user-data and meta-data, which the computer sees as a disk named cidata. */
  readonly seedDir: string
  readonly control: string
  /** For an image without a boot loader. */
  readonly kernel: { readonly path: string; readonly initrd: string | null; readonly commandLine: string } | null
}

/** https://www.qemu.org/docs/master/system/invocation.html and https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html */
export function qemuArgv({ name, memoryBytes, cpus, acceleration, diskPath, seedDir, control, kernel }: Computer): string[] {
  return [
    QEMU, '-name', name, '-nodefaults', '-no-user-config', '-display', 'none', '-serial', 'stdio',
    '-machine', 'q35', ...accelerated(acceleration), '-smp', String(Math.max(1, Math.round(cpus))), '-m', `${Math.ceil(memoryBytes / 2 ** 20)}M`,
    '-drive', `file=${diskPath},format=qcow2,if=virtio,id=${DRIVE},discard=unmap,detect-zeroes=unmap`,
    '-drive', `driver=vvfat,dir=${seedDir},label=cidata,read-only=on,if=virtio`,
    '-netdev', 'user,id=net', '-device', 'virtio-net-pci,netdev=net', '-device', 'virtio-rng-pci',
    '-qmp', `unix:${control},server=on,wait=off`,
    '-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny',
    ...(kernel === null ? [] : ['-kernel', kernel.path, ...(kernel.initrd === null ? [] : ['-initrd', kernel.initrd]), '-append', kernel.commandLine]),
  ]
}

const accelerated = (acceleration: Acceleration): string[] => (acceleration === 'kvm' ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', 'tcg,thread=multi', '-cpu', 'max'])

/** Says 0x10 to QEMU's exit device: `mov al, 0x10; out 0xf4, al; hlt; jmp $-1`. A boot sector, on the least disk that a firmware reads. */
const SAYS_BYE = Buffer.concat([Buffer.from([0xb0, 0x10, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd]), Buffer.alloc(503), Buffer.from([0x55, 0xaa]), Buffer.alloc(2 ** 20 - 512)])
/** The device makes `2n + 1` of what it is told. */
const BYE_CODE = 0x10 * 2 + 1
const PROBE_TIMEOUT_MS = 10_000

/** Null: a guest boots so. Found out by booting one, because a device that is there may still run none. Else why not. */
export async function whyItDoesNotBoot(acceleration: Acceleration, signal: AbortSignal): Promise<string | null> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-vm-'))
  try {
    const sector = join(dir, 'sector')
    await writeFile(sector, SAYS_BYE)
    const child = Bun.spawn([QEMU, '-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'q35', ...accelerated(acceleration), '-m', '32M', '-device', 'isa-debug-exit,iobase=0xf4,iosize=0x4', '-drive', `file=${sector},format=raw,if=virtio`], { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe', signal: AbortSignal.any([signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)]), killSignal: 'SIGKILL' })
    const [said, code] = await Promise.all([new Response(child.stderr).text(), child.exited])
    signal.throwIfAborted()
    if (code === BYE_CODE) return null
    return said.trim().split('\n').at(-1)?.slice(0, 200) || 'a guest did not boot'
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
