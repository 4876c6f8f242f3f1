/** How large a machine is made when its workspace does not say. A quote and a purchase must mean the same size. */
import { freemem, totalmem } from 'node:os'
import type { MachineSpec, Provider } from '@berth/core'
import type { Resources } from '@berth/wire'

const GIB = 1024 ** 3
/** Enough for an agent, a compiler and a development server. */
const DEFAULT_CPUS = 2

export function machineSize({ size }: Pick<Provider, 'size'>, { memoryBytes, cpus }: Resources): Pick<MachineSpec, 'memoryBytes' | 'cpus'> {
  return { memoryBytes: memoryBytes ?? size?.memoryBytes ?? hostMemoryBytes(), cpus: cpus ?? size?.cpus ?? DEFAULT_CPUS }
}

/** On this host: half of it at most, and what is free. */
function hostMemoryBytes(): number {
  return Math.max(GIB, Math.min(4 * GIB, Math.floor(totalmem() / 2), Math.max(GIB, freemem())))
}
