/** Sizes of machines that have a name, on every provider. */
const GIB = 1024 ** 3

export const MACHINE_SIZES = {
  small: { memoryBytes: 2 * GIB, cpus: 1 },
  medium: { memoryBytes: 4 * GIB, cpus: 2 },
  large: { memoryBytes: 8 * GIB, cpus: 4 },
  xlarge: { memoryBytes: 16 * GIB, cpus: 8 },
} as const
export type MachineSize = keyof typeof MACHINE_SIZES
