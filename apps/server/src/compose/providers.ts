/** The providers of this server, in the order in which one is chosen when nobody says. */
import type { Provider } from '@berth/core'
import { createLocalProvider } from '@berth/providers/local'

export interface ProviderContext { readonly home: string; readonly installation: string; readonly log: (line: string) => void }

export function createProviders({ home, installation, log }: ProviderContext): Provider[] {
  return [createLocalProvider({ home, installation, log })]
}
