import type { Provider } from '@berth/core'
import { createKubernetesProvider } from '@berth/providers/kubernetes'
import { z } from 'zod'
import { settingsOf, type ProviderContext } from './context.ts'

const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/

const Settings = z.strictObject({
  /** A file that only the server may read. Nothing is asked of a cluster that is not named here. */
  kubeconfig: z.string().startsWith('/').optional(),
  context: z.string().min(1).optional(),
  /** As a pod of the cluster, by its service account. */
  inCluster: z.boolean().optional(),
  namespace: z.string().regex(NAME).optional(),
  image: z.string().min(1).optional(),
  imagePullSecret: z.string().regex(NAME).optional(),
  storageClass: z.string().regex(NAME).optional(),
  diskGb: z.number().int().min(1).max(10_240).optional(),
  runtimeClass: z.string().regex(NAME).optional(),
  podSecurity: z.enum(['restricted', 'baseline']).optional(),
  workload: z.enum(['statefulset', 'sandbox']).optional(),
  /** Addresses or networks, with a port or without, that machines may reach although they are private. */
  egressAllow: z.array(z.string().regex(/^[\d.]+(\/\d{1,2})?(:\d{1,5})?$/)).optional(),
  networkPolicies: z.enum(['enforced', 'unknown']).optional(),
  endAfterHours: z.number().int().min(1).max(720).optional(),
})

export function kubernetes(context: ProviderContext): Provider {
  const { egressAllow, ...settings } = settingsOf(Settings, context.home, 'kubernetes')
  return createKubernetesProvider({ installation: context.installation, log: context.log, ...settings, ...(egressAllow === undefined ? {} : { allow: egressAllow }) })
}
