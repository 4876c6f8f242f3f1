/** Records of workspaces in DNS, where the settings want them: looked over again and again, and soon after a change. */
import type { Store } from '@berth/core'
import { BerthError } from '@berth/wire'
import { startPeriodic } from '../loops/periodic.ts'
import { syncWorkspaceRecords } from '../names/workspace-records.ts'
import type { PreviewHosts } from '../previews/hosts.ts'
import type { Closers } from './closers.ts'
import { cloudflareOf, markOf } from './cloudflare.ts'
import type { ServerConfig } from './config.ts'
import { previewBaseOf } from './preview-base.ts'

/** Two minutes is what a person waits for a name at most; their own caches take a part of it. */
const LOOK_EVERY_MS = 30_000
const FIRST_LOOK_MS = 2000

export function startNames({ config, installation, store, closers, log }: { config: ServerConfig; installation: string; store: Store; closers: Closers; log: (line: string) => void }, hosts: PreviewHosts): void {
  const records = config.names?.records
  if (records === undefined) return
  const base = previewBaseOf(config)
  const target = records.target ?? (config.publicUrl === undefined ? undefined : new URL(config.publicUrl).hostname)
  if (base === null || target === undefined) throw new BerthError('config_invalid', 'names.records needs a domain for previews and where they lead', { hint: 'set previews.base, and publicUrl or names.records.target' })
  const cloudflare = cloudflareOf(config)
  const looking = startPeriodic({
    name: 'names', everyMs: LOOK_EVERY_MS, firstAfterMs: FIRST_LOOK_MS, log,
    run: (signal) => syncWorkspaceRecords({ store, cloudflare, hosts, base, target, proxied: records.proxied ?? false, mark: markOf(installation), log }, signal),
  })
  closers.add('the names', () => looking.stop())
}
