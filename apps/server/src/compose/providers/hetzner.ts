import type { Provider } from '@berth/core'
import { createHetznerProvider } from '@berth/providers/hetzner'
import { z } from 'zod'
import { settingsOf, tokenFrom, type ProviderContext } from './context.ts'

const Settings = z.strictObject({
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

export function hetzner(context: ProviderContext): Provider {
  const { tokenFile, ...settings } = settingsOf(Settings, context.home, 'hetzner')
  return createHetznerProvider({ ...context, ...settings, token: tokenFrom(context, 'hetzner', { tokenFile, variable: 'HCLOUD_TOKEN' }) })
}
