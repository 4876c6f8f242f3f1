/** Which of the vendor's own snapshots has enough of what was asked, and what it costs. Prices are integer micro-units. */
import { ProviderFault, type Quote } from '@berth/core'

/** Memory and disk in MiB. */
export interface Resources { readonly cpu: number; readonly memory: number; readonly storage: number }
export interface Wanted { readonly memoryBytes: number; readonly cpus: number }

const MIB = 1024 ** 2
const MIB_A_GIB = 1024
/** Ubuntu 24.04, the smallest first, as the vendor's client (0.2.17) lists them; a VM has the size of what it is made from. */
const SNAPSHOTS: readonly { readonly name: string; readonly resources: Resources }[] = [
  { name: 'freestyle/ubuntu-sm', resources: { cpu: 2, memory: 4096, storage: 16_384 } },
  { name: 'freestyle/ubuntu', resources: { cpu: 4, memory: 8192, storage: 32_768 } },
  { name: 'freestyle/ubuntu-lg', resources: { cpu: 8, memory: 16_384, storage: 65_536 } },
  { name: 'freestyle/ubuntu-xl', resources: { cpu: 16, memory: 32_768, storage: 131_072 } },
  { name: 'freestyle/ubuntu-2xl', resources: { cpu: 32, memory: 65_536, storage: 131_072 } },
]
/** USD an hour, of what exceeds a plan: https://www.freestyle.sh/pricing, as of May 2026. */
const VCPU_MICROS = 40_320
const MEMORY_GIB_MICROS = 12_900
const STORAGE_GIB_MICROS = 86
const HOURS_A_MONTH = 730
export const STORAGE_GIB_MONTH_MICROS = STORAGE_GIB_MICROS * HOURS_A_MONTH

export function snapshotFor({ memoryBytes, cpus }: Wanted): { name: string; resources: Resources } {
  const found = SNAPSHOTS.find(({ resources }) => resources.cpu >= cpus && resources.memory * MIB >= memoryBytes)
  if (found === undefined) throw new ProviderFault('unsupported', `Freestyle has no machine with ${cpus} processors and ${Math.ceil(memoryBytes / MIB / MIB_A_GIB)} GB`, { hint: 'ask for at most 32 processors and 64 GB' })
  return found
}

/** A month of a disk like that of one of the vendor's snapshots. Null: it is another's. */
export function storageMicrosOf(name: string): number | null {
  const found = SNAPSHOTS.find((each) => each.name === name)
  return found === undefined ? null : found.resources.storage / MIB_A_GIB * STORAGE_GIB_MONTH_MICROS
}

export function quoteFor({ cpu, memory, storage }: Resources): Quote {
  const disk = Math.ceil(storage / MIB_A_GIB * STORAGE_GIB_MICROS)
  const compute = cpu * VCPU_MICROS + Math.ceil(memory / MIB_A_GIB * MEMORY_GIB_MICROS)
  return { currency: 'USD', runningMicrosPerHour: compute + disk, stoppedMicrosPerHour: disk, note: `${cpu} processors, ${memory / MIB_A_GIB} GB and a disk of ${storage / MIB_A_GIB} GB, before what a plan includes; stopped, its disk is paid for` }
}
