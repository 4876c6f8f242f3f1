import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Provider } from '@berth/core'
import { createEc2Provider, credentialsIn, credentialsOf, type Credentials } from '@berth/providers/ec2'
import { z } from 'zod'
import { settingsOf, type ProviderContext } from './context.ts'

const Settings = z.strictObject({
  /** A file as Amazon's own tools have it, which only the server may read. Else AWS_ACCESS_KEY_ID and its siblings. */
  credentialsFile: z.string().startsWith('/').optional(),
  /** In that file; `default` where none is named. */
  profile: z.string().min(1).optional(),
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/).optional(),
  /** Where instances are made; all of one virtual network. Else the default ones of the region. */
  subnets: z.array(z.string().startsWith('subnet-')).optional(),
  image: z.string().startsWith('ami-').optional(),
  /** Of those that Berth knows prices of, these alone. */
  instanceTypes: z.array(z.string().min(1)).optional(),
  rootGb: z.number().int().min(8).max(16_384).optional(),
  /** Of the disk with the tree, the home and the state. */
  volumeGb: z.number().int().min(1).max(16_384).optional(),
  /** Without a word of this server for so long, an instance ends; its disk stays. */
  endAfterHours: z.number().int().min(1).max(720).optional(),
  /** Of another API that speaks the same. */
  endpoint: z.url({ protocol: /^https?$/ }).optional(),
})

export function ec2(context: ProviderContext): Provider {
  const { credentialsFile, profile = 'default', ...settings } = settingsOf(Settings, context.home, 'ec2')
  const path = credentialsFile ?? join(context.home, 'providers', 'ec2.credentials')
  // Read at each use, so that new keys count at once.
  const credentials = (): Credentials | null => (existsSync(path) ? credentialsIn(readFileSync(path, 'utf8'), profile) : credentialsOf(process.env))
  return createEc2Provider({ ...context, ...settings, credentials })
}
