/**
 * The `vm` provider: a machine is a computer of its own on this host, by QEMU, with a kernel of its own. QEMU itself runs
 * in the sandbox that a local machine has: whoever breaks out of the guest is in there, with no network, one disk and a
 * user that nobody else has. A stop shuts it down and keeps the disk.
 */
import { join } from 'node:path'
import { ProviderFault, type MachineMade, type MachineSpec, type Provider, type ProviderCheck } from '@berth/core'
import { ENGINE_IS_ROOT, SUDO_NOTICE } from '../extras.ts'
import { createProcessMachines } from '../local/life.ts'
import { uidsOf, type Place } from '../local/machine-dir.ts'
import { checkSandbox } from '../local/probe.ts'
import { VM_MARK } from '../local/process-tree.ts'
import { keyOf, tidyImages } from './images.ts'
import { QEMU, QEMU_IMG, whyItDoesNotBoot, type Acceleration } from './qemu.ts'
import { startComputer } from './start.ts'

export interface VmProviderOptions {
  readonly installation: string
  readonly home: string
  readonly log: (line: string) => void
  /** A disk image with cloud-init, qcow2 or raw, on this host. */
  readonly image?: string
  /** For an image without a boot loader. */
  readonly kernel?: string
  readonly initrd?: string
  readonly commandLine?: string
  /** Of each computer's disk, which takes as much of the host's as is written to it. */
  readonly diskGb?: number
  /** `host` or `host:port` that machines may reach although it is private. */
  readonly egressAllow?: readonly string[]
  /** Loopback ports of this host that machines may reach as `host.docker.internal:<port>`. */
  readonly hostPorts?: readonly number[]
  /** For a guest to end its services; then the plug is pulled. */
  readonly graceMs?: number
  /** `auto`: KVM where a guest boots by it. */
  readonly acceleration?: 'auto' | Acceleration
}

/** A guest ends its services first. */
const STOP_GRACE_MS = 60_000
const LEAST_MEMORY_BYTES = 256 * 2 ** 20

export function createVmProvider(options: VmProviderOptions): Provider {
  const place: Place = { home: join(options.home, 'vms'), outside: null }
  let acceleration: Promise<{ readonly is: Acceleration; readonly why: string | null }> | null = null
  /** Found out once; a failed look is looked at again. */
  const accelerationNow = (signal: AbortSignal) => {
    acceleration ??= accelerationOf(options.acceleration ?? 'auto', signal).catch((error: unknown) => {
      acceleration = null
      throw error
    })
    return acceleration
  }
  const machines = createProcessMachines({
    name: 'vm', installation: options.installation, place, mark: VM_MARK, graceMs: options.graceMs ?? STOP_GRACE_MS,
    check: (signal) => check(options, accelerationNow, signal),
    quote: () => ({ currency: 'USD', runningMicrosPerHour: 0, stoppedMicrosPerHour: 0, note: 'runs on this computer' }),
    refuse,
    isolationFor(_, { ok, detail, hint }) {
      if (!ok) throw new ProviderFault('unsupported', `no computer can be made here: ${detail}`, { hint: hint ?? 'use --provider docker' })
      return 'vm'
    },
    usersFor: async ({ owner }, signal) => ({ uid: uidsOf(owner)?.daemon ?? null, ...((await accelerationNow(signal)).is === 'tcg' ? { slow: true as const } : {}) }),
    async start(started, { signal, log }) {
      const { is } = await accelerationNow(signal)
      log?.(started.isNew ? 'making a computer' : 'switching the computer on')
      await startComputer({ options, acceleration: is, started }, signal)
    },
    madeFrom: async (spec) => madeWith(spec),
  })
  return {
    ...machines,
    isSetUp: () => options.image !== undefined,
    async tidy() {
      const { image, kernel = null, initrd = null } = options
      return tidyImages(place, options.installation, image === undefined ? null : await keyOf({ image, kernel, initrd }).catch(() => null))
    },
  }
}

async function check(options: VmProviderOptions, accelerationNow: (signal: AbortSignal) => Promise<{ is: Acceleration; why: string | null }>, signal: AbortSignal): Promise<ProviderCheck> {
  const refused = (detail: string, hint: string): ProviderCheck => ({ ok: false, isolation: 'vm', detail, hint })
  if (options.image === undefined) return refused('not set up', 'run `berth provider setup vm --image <a disk image with cloud-init>`, such as Debian’s genericcloud')
  if (process.platform !== 'linux' || process.arch !== 'x64') return refused('computers are made on Linux with an x86-64 processor alone', 'use --provider docker')
  for (const program of [QEMU, QEMU_IMG]) if (Bun.which(program) === null) return refused(`${program} is not installed`, 'install qemu-system-x86 and qemu-utils')
  const sandbox = await checkSandbox('auto', signal)
  if (sandbox.isolation !== 'sandbox') return refused(`QEMU has no sandbox here: ${sandbox.detail}`, sandbox.hint ?? 'install bubblewrap')
  try {
    await keyOf({ image: options.image, kernel: options.kernel ?? null, initrd: options.initrd ?? null })
  } catch (error) {
    if (!(error instanceof ProviderFault)) throw error
    return refused(error.message, error.hint)
  }
  const { is, why } = await accelerationNow(signal)
  const can = ['docker', 'sudo'] as const
  if (is === 'kvm') return { ok: true, isolation: 'vm', detail: 'QEMU with KVM', hint: null, can }
  return { ok: true, isolation: 'vm', can, detail: 'QEMU without KVM, some twenty times slower than this host', hint: why === null ? null : `KVM runs no guest here: ${why}` }
}

async function accelerationOf(wanted: 'auto' | Acceleration, signal: AbortSignal): Promise<{ is: Acceleration; why: string | null }> {
  if (wanted !== 'auto') return { is: wanted, why: null }
  const why = await whyItDoesNotBoot('kvm', signal)
  return { is: why === null ? 'kvm' : 'tcg', why }
}

/** Null: as any. */
function madeWith({ docker, sudo }: MachineSpec): MachineMade | null {
  const notices = [...(sudo === true ? [SUDO_NOTICE] : []), ...(docker === true ? [ENGINE_IS_ROOT] : [])]
  return notices.length === 0 ? null : { from: 'default', notices, ports: [], recovery: null }
}

function refuse({ image, memoryBytes }: MachineSpec): void {
  if (image !== null) throw new ProviderFault('unsupported', 'the vm provider has one image for all', { hint: 'leave the image out, or set it by `berth provider setup vm --image`' })
  if (memoryBytes < LEAST_MEMORY_BYTES) throw new ProviderFault('invalid', 'a computer needs 256 MiB of memory at least', { hint: 'leave it out for the default' })
}
