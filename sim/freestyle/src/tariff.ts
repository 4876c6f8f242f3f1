/** What the vendor would charge: processors and memory while a machine is not paused or stopped, its disk always; a snapshot as a disk of its size, which is a guess. USD an hour, as published in May 2026. */
import type { Resources } from './model.ts'

const VCPU_HOUR = 0.04032
const MEMORY_GIB_HOUR = 0.0129
const STORAGE_GIB_HOUR = 0.000086
const MIB_A_GIB = 1024
const SECOND = 1000
const HOUR_S = 3600

export interface Charged { readonly kind: 'compute' | 'disk' | 'snapshot'; readonly id: string; readonly slug: string; readonly hourly: number }
export const computeHourly = ({ cpu, memory }: Resources): number => cpu * VCPU_HOUR + memory / MIB_A_GIB * MEMORY_GIB_HOUR
export const diskHourly = ({ storage }: Resources): number => storage / MIB_A_GIB * STORAGE_GIB_HOUR
export const costOf = ({ hourly }: Charged, ms: number): number => Math.ceil(ms / SECOND) / HOUR_S * hourly
