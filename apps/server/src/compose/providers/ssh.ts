import { join } from 'node:path'
import type { Provider } from '@berth/core'
import { createSshProvider } from '@berth/providers/ssh'
import { parseSshTarget } from '@berth/wire/ssh-target'
import { z } from 'zod'
import { settingsOf, type ProviderContext } from './context.ts'

const Settings = z.strictObject({
  host: z.string().refine((text) => parseSshTarget(text) !== null, 'expected user@host or user@host:port').optional(),
  /** A private key without a passphrase, which only the server may read. */
  identityFile: z.string().startsWith('/').optional(),
  /** Addresses, with a port or without, that machines may reach although they are private. */
  egressAllow: z.array(z.string().regex(/^\d+\.\d+\.\d+\.\d+(\/\d+)?(:\d+)?$/)).optional(),
})

export function ssh(context: ProviderContext): Provider {
  // `berth provider setup` writes both.
  return createSshProvider({ ...context, ...settingsOf(Settings, context.home, 'ssh'), knownHostsFile: join(context.home, 'providers/ssh.known_hosts') })
}
