/**
 * The providers of this server, in the order in which one is chosen when nobody says: where an engine answers, it is.
 * `<home>/providers/<name>.yaml` holds what a person set for one.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Provider } from '@berth/core'
import { createDockerProvider } from '@berth/providers/docker'
import { createHetznerProvider } from '@berth/providers/hetzner'
import { createLocalProvider } from '@berth/providers/local'
import { defaultToolboxDir, ensureDevcontainerCli } from '@berth/toolbox'
import { z } from 'zod'
import { parseSettings } from './config.ts'

export interface ProviderContext { readonly home: string; readonly installation: string; readonly log: (line: string) => void }

const DockerSettings = z.strictObject({
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
const LocalSettings = z.strictObject({
  /** `host` or `host:port` that machines may reach although it is private. */
  egressAllow: z.array(z.string().min(1)).optional(),
  /** Loopback ports of this host that machines may reach as `host.docker.internal:<port>`. */
  hostPorts: z.array(z.number().int().min(1).max(65535)).optional(),
  readOnlyPaths: z.array(z.string().startsWith('/')).optional(),
  sandbox: z.enum(['auto', 'none']).optional(),
})

const HetznerSettings = z.strictObject({
  /** A file with the token of a project, which only the server may read. Else HCLOUD_TOKEN. */
  tokenFile: z.string().startsWith('/').optional(),
  /** Where servers and disks are made: fsn1, nbg1, hel1, ash, hil, sin. */
  location: z.string().min(1).optional(),
  image: z.string().min(1).optional(),
  /** Of the disk that stays when the server is given back. */
  volumeGb: z.number().int().min(10).max(10_240).optional(),
  /** Of another API that speaks the same. */
  endpoint: z.url({ protocol: /^https?$/ }).optional(),
})

export function createProviders(context: ProviderContext): Provider[] {
  return [
    createDockerProvider({ ...context, devcontainerCli: (log, signal) => ensureDevcontainerCli({ dir: defaultToolboxDir(process.env), log }, signal), ...settingsOf(DockerSettings, context.home, 'docker') }),
    createLocalProvider({ ...context, ...settingsOf(LocalSettings, context.home, 'local') }),
    createHetznerProvider({ ...context, ...hetznerSettings(context.home) }),
  ]
}

function hetznerSettings(home: string) {
  const { tokenFile, ...settings } = settingsOf(HetznerSettings, home, 'hetzner')
  const path = tokenFile ?? join(home, 'providers', 'hetzner.token')
  return { ...settings, token: () => (existsSync(path) ? readFileSync(path, 'utf8').trim() || null : process.env['HCLOUD_TOKEN'] ?? null) }
}

/** What is set; what is absent keeps the provider's default. */
function settingsOf<S extends z.ZodObject>(schema: S, home: string, name: string): Given<z.infer<S>> {
  const path = join(home, 'providers', `${name}.yaml`)
  const settings = existsSync(path) ? parseSettings(schema, readFileSync(path, 'utf8'), path) : {}
  // zod leaves absent keys out, so no key here is undefined.
  return settings as Given<z.infer<S>>
}
type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> }
