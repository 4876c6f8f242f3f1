/** What the vendor would charge: a machine by the second while it is not stopped, a volume by its size from creation to deletion. Prices in USD, as published. */
import type { Guest } from './model.ts'

const SECOND = 1000
const HOUR_S = 3600
const HOURS_A_MONTH = 730
const VOLUME_GB_MONTH = 0.15
/** An hour of one, by kind: with 256 MB, with 2 GB; and of each GB beyond. */
const CPU_HOUR: Readonly<Record<string, { readonly cpu: number; readonly withMb: number }>> = { shared: { cpu: 0.0027, withMb: 256 }, performance: { cpu: 0.0431, withMb: 2048 } }
const GB_HOUR = 0.00694

export function hourlyOf({ cpu_kind: kind = 'shared', cpus = 1, memory_mb: memory = 256 }: Guest): number {
  const { cpu, withMb } = CPU_HOUR[kind] ?? { cpu: Number.NaN, withMb: 0 }
  return cpus * cpu + Math.max(0, memory - cpus * withMb) / 1024 * GB_HOUR
}

export interface Charged { readonly kind: 'machine' | 'volume'; readonly id: string; readonly app: string; readonly hourly: number }
export const volumeHourly = (gb: number): number => gb * VOLUME_GB_MONTH / HOURS_A_MONTH

export const costOf = ({ hourly }: Charged, ms: number): number => Math.ceil(ms / SECOND) / HOUR_S * hourly
