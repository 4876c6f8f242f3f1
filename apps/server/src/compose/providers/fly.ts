import type { Provider } from '@berth/core'
import { createFlyProvider } from '@berth/providers/fly'
import { z } from 'zod'
import { settingsOf, tokenFrom, type ProviderContext } from './context.ts'

const Settings = z.strictObject({
  /** A file with the token of an organization, which only the server may read. Else FLY_API_TOKEN. */
  tokenFile: z.string().startsWith('/').optional(),
  organization: z.string().regex(/^[a-z0-9-]+$/).optional(),
  /** The first that has room when a workspace is made. */
  regions: z.array(z.string().regex(/^[a-z]{3}$/)).min(1).optional(),
  image: z.string().min(1).optional(),
  /** Of prepared images, by its host. */
  registry: z.string().regex(/^[a-z0-9.-]+(:\d{1,5})?$/).optional(),
  cpuKind: z.enum(['shared', 'performance']).optional(),
  /** Of the volume with the tree, the home and the state. */
  volumeGb: z.number().int().min(1).max(500).optional(),
  /** Without a word of this server for so long, a machine ends; its volume stays. */
  endAfterHours: z.number().int().min(1).max(720).optional(),
  /** Of another API that speaks the same. */
  endpoint: z.url({ protocol: /^https?$/ }).optional(),
})

export function fly(context: ProviderContext): Provider {
  const { tokenFile, ...settings } = settingsOf(Settings, context.home, 'fly')
  return createFlyProvider({ ...context, ...settings, token: tokenFrom(context, 'fly', { tokenFile, variable: 'FLY_API_TOKEN' }) })
}
