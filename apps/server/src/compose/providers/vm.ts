import type { Provider } from '@berth/core'
import { createVmProvider } from '@berth/providers/vm'
import { z } from 'zod'
import { settingsOf, type ProviderContext } from './context.ts'

const path = z.string().startsWith('/')
const Settings = z.strictObject({
  /** A disk image with cloud-init, qcow2 or raw. */
  image: path.optional(),
  /** For an image without a boot loader. */
  kernel: path.optional(),
  initrd: path.optional(),
  commandLine: z.string().min(1).max(1000).optional(),
  diskGb: z.number().int().min(2).max(10_000).optional(),
  /** `host` or `host:port` that machines may reach although it is private. */
  egressAllow: z.array(z.string().min(1)).optional(),
  /** Loopback ports of this host that machines may reach as `host.docker.internal:<port>`. */
  hostPorts: z.array(z.number().int().min(1).max(65535)).optional(),
  acceleration: z.enum(['auto', 'kvm', 'tcg']).optional(),
})

export function vm(context: ProviderContext): Provider {
  return createVmProvider({ ...context, ...settingsOf(Settings, context.home, 'vm') })
}
