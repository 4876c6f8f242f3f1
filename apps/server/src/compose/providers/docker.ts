import type { Provider } from '@berth/core'
import { createDockerProvider } from '@berth/providers/docker'
import { defaultToolboxDir, ensureDevcontainerCli } from '@berth/toolbox'
import { z } from 'zod'
import { settingsOf, type ProviderContext } from './context.ts'

const Settings = z.strictObject({
  /** Path of the engine's socket, or a DOCKER_HOST value. */
  socket: z.string().min(1).optional(),
  defaultImage: z.string().min(1).optional(),
  baseImage: z.enum(['auto', 'host-usr']).optional(),
  /** Addresses, with a port or without, that machines may reach although they are private. */
  egressAllow: z.array(z.string().regex(/^\d+\.\d+\.\d+\.\d+(\/\d+)?(:\d+)?$/)).optional(),
  /** Ports of this host that machines may reach as `host.docker.internal:<port>`. */
  hostPorts: z.array(z.number().int().min(1).max(65535)).optional(),
  /** Images made for projects, together; above it those that were not used for long go. */
  keepImagesBytes: z.number().int().positive().optional(),
})

export function docker(context: ProviderContext): Provider {
  const devcontainerCli = (log: (line: string) => void, signal: AbortSignal) => ensureDevcontainerCli({ dir: defaultToolboxDir(process.env), log }, signal)
  return createDockerProvider({ ...context, devcontainerCli, ...settingsOf(Settings, context.home, 'docker') })
}
