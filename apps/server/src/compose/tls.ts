/** Puts our own https in front of the listeners, where the settings say so. */
import type { Clock } from '@berth/core'
import { createCloudflareTxt } from '../tls/cloudflare-txt.ts'
import type { Previews } from '../previews/index.ts'
import { createSites } from '../previews/sites.ts'
import type { ServiceDeps } from '../services/deps.ts'
import { listPreviews } from '../services/previews.ts'
import { openTls, type Tls } from '../tls/index.ts'
import { namesOf } from '../tls/settings.ts'
import type { Closers } from './closers.ts'
import { cloudflareOf, markOf } from './cloudflare.ts'
import type { ServerConfig } from './config.ts'
import type { Drain } from './drain.ts'
import { previewBaseOf } from './preview-base.ts'

export interface TlsPlaces {
  readonly home: string
  readonly installation: string
  readonly config: ServerConfig
  readonly clock: Clock
  readonly log: (line: string) => void
  readonly closers: Closers
  readonly drain: Pick<Drain, 'add'>
  readonly page: { readonly localUrl: string }
  readonly link: { readonly loopbackUrl: string }
  readonly services: ServiceDeps
  readonly previews: Previews
}

/** Null: somebody else does TLS, or nobody. */
export async function startTls(places: TlsPlaces): Promise<Tls | null> {
  const { config, home, installation, clock, log, services, previews } = places
  if (config.tls === undefined) return null
  const names = namesOf({ publicUrl: config.publicUrl ?? null, linkUrl: config.linkUrl ?? null, previewBase: previewBaseOf(config), gitUrl: config.hosting?.url ?? null })
  const tls = await openTls({
    home, config: config.tls, names, clock, log, previews,
    page: placeOf(places.page.localUrl), link: placeOf(places.link.loopbackUrl),
    exists: (host) => isPreviewOfSomething({ ...services, previews }, host),
    cloudflare: () => createCloudflareTxt(cloudflareOf(config), markOf(installation)),
  })
  places.closers.add('https', () => tls.stop())
  // What is under way in it is under way behind it too.
  places.drain.add({ stopAccepting: () => tls.stopAccepting(), pending: () => 0 })
  return tls
}

function placeOf(url: string): { hostname: string; port: number } {
  const { hostname, port } = new URL(url)
  return { hostname: hostname.replace(/^\[|\]$/g, ''), port: Number(port) }
}

/** A stranger who makes up names makes us ask for no certificates: the workspace is there and so is the port. */
async function isPreviewOfSomething(deps: ServiceDeps & { readonly previews: Previews }, host: string): Promise<boolean> {
  const name = deps.previews.hosts.named(host)
  const site = name === null ? null : await createSites({ store: deps.store, clock: deps.clock, hosts: deps.previews.hosts }).find(name)
  if (site === null) return false
  return (await listPreviews(deps, site.workspaceId)).some(({ port }) => port === site.port)
}
