import type { Provider } from '@berth/core'
import { createLocalProvider } from '@berth/providers/local'
import { z } from 'zod'
import { settingsOf, type ProviderContext } from './context.ts'

const Settings = z.strictObject({
  /** `host` or `host:port` that machines may reach although it is private. */
  egressAllow: z.array(z.string().min(1)).optional(),
  /** Loopback ports of this host that machines may reach as `host.docker.internal:<port>`. */
  hostPorts: z.array(z.number().int().min(1).max(65535)).optional(),
  readOnlyPaths: z.array(z.string().startsWith('/')).optional(),
  sandbox: z.enum(['auto', 'none']).optional(),
})

export function local(context: ProviderContext): Provider {
  return createLocalProvider({ ...context, ...settingsOf(Settings, context.home, 'local') })
}
