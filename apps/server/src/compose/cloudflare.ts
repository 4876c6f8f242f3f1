/** Cloudflare as the settings have it: the token from a file or the environment, and what marks a record as ours. */
import { existsSync, readFileSync } from 'node:fs'
import { createCloudflare, type Cloudflare } from '../names/cloudflare.ts'
import type { ServerConfig } from './config.ts'

/** What stands before the comment of every record that is ours. */
export const markOf = (installation: string): string => `berth:${installation}:`

export function cloudflareOf({ names }: Pick<ServerConfig, 'names'>): Cloudflare {
  const { tokenFile, zone, endpoint } = names?.cloudflare ?? {}
  const token = (): string | null => (tokenFile !== undefined && existsSync(tokenFile) ? readFileSync(tokenFile, 'utf8').trim() : process.env['CLOUDFLARE_API_TOKEN'] ?? '') || null
  return createCloudflare({ token, ...(zone === undefined ? {} : { zone }), ...(endpoint === undefined ? {} : { endpoint }) })
}
