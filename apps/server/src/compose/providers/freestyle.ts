import type { Provider } from '@berth/core'
import { createFreestyleProvider } from '@berth/providers/freestyle'
import { z } from 'zod'
import { settingsOf, tokenFrom, type ProviderContext } from './context.ts'

const Settings = z.strictObject({
  /** A file with the API key of an account, which only the server may read. Else FREESTYLE_API_KEY. */
  tokenFile: z.string().startsWith('/').optional(),
  /** A snapshot, by its id or slug. Else one of the vendor's, by what was asked for. */
  image: z.string().min(1).optional(),
  /** Without a word of this server for so long, a machine shuts down; its disk stays. */
  endAfterHours: z.number().int().min(1).max(720).optional(),
  /** Of another API that speaks the same. */
  endpoint: z.url({ protocol: /^https?$/ }).optional(),
})

export function freestyle(context: ProviderContext): Provider {
  const { tokenFile, ...settings } = settingsOf(Settings, context.home, 'freestyle')
  return createFreestyleProvider({ ...context, ...settings, key: tokenFrom(context, 'freestyle', { tokenFile, variable: 'FREESTYLE_API_KEY' }) })
}
