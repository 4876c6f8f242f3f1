/** Which machine is made for what was asked, and what it costs. Prices are integer micro-units of USD, as published in 2026 for the cheapest regions. */
import { ProviderFault, type Quote } from '@berth/core'

export interface Wanted { readonly memoryBytes: number; readonly cpus: number }
export interface Guest { readonly cpu_kind: CpuKind; readonly cpus: number; readonly memory_mb: number }
export type CpuKind = 'shared' | 'performance'

const MIB = 1024 ** 2
const STEP_MB = 256
const HOURS_A_MONTH = 730
const VOLUME_GB_MONTH_MICROS = 150_000
const GB_HOUR_MICROS = 6940
/** `withMb` comes with each processor; what is beyond is paid for on top. */
const KINDS: Readonly<Record<CpuKind, { readonly cpus: readonly number[]; readonly withMb: number; readonly mostMb: number; readonly hourlyMicros: number }>> = {
  shared: { cpus: [1, 2, 4, 8], withMb: 256, mostMb: 2048, hourlyMicros: 2700 },
  performance: { cpus: [1, 2, 4, 8, 16], withMb: 2048, mostMb: 8192, hourlyMicros: 43_100 },
}

/** The fewest processors that may have so much memory. */
export function guestFor({ memoryBytes, cpus }: Wanted, kind: CpuKind): Guest {
  const { cpus: counts, withMb, mostMb } = KINDS[kind]
  const wantedMb = Math.ceil(memoryBytes / MIB / STEP_MB) * STEP_MB
  const count = counts.find((each) => each >= cpus && each * mostMb >= wantedMb)
  if (count === undefined) throw new ProviderFault('unsupported', `Fly has no machine with ${cpus} ${kind} processors and ${wantedMb} MB`, { hint: 'ask for less memory or fewer processors, or `berth provider setup fly --cpu-kind performance`' })
  return { cpu_kind: kind, cpus: count, memory_mb: Math.max(wantedMb, count * withMb) }
}

export function quoteOf(guest: Guest, volumeGb: number): Quote {
  const { withMb, hourlyMicros } = KINDS[guest.cpu_kind]
  const running = Math.ceil(guest.cpus * hourlyMicros + (guest.memory_mb - guest.cpus * withMb) / 1024 * GB_HOUR_MICROS)
  const disk = Math.ceil(volumeGb * VOLUME_GB_MONTH_MICROS / HOURS_A_MONTH)
  return { currency: 'USD', runningMicrosPerHour: running + disk, stoppedMicrosPerHour: disk, note: `${guest.cpu_kind}-cpu-${guest.cpus}x with ${guest.memory_mb} MB, by the second; stopped, its volume of ${volumeGb} GB is paid for` }
}
