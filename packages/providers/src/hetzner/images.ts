/** Images of Hetzner Cloud: a snapshot of a server that switched itself off when it had fetched everything. */
import { ProviderFault, type Inventory } from '@berth/core'
import { imageConfig } from '../cloud-init/image-config.ts'
import { describedAs, IMAGE_LABEL, isOfImage, markOf, type Builder, type ImageVendor, type Kept, type Making } from '../made-images.ts'
import { createdAtIn, installationShown, OWNER_LABEL, type Labels } from '../owner-labels.ts'
import type { Api } from './client.ts'
import type { PriceList, Prices } from './prices.ts'
import { quoteOfBought, type BoughtServer, type ServerType } from './sizes.ts'

interface Snapshot { readonly id: number; readonly status: string; readonly created: string; readonly image_size: number | null; readonly disk_size: number; readonly labels: Labels }
interface Server extends BoughtServer { readonly id: number; readonly status: string; readonly locked: boolean; readonly created: string; readonly labels: Labels }

export interface ImageDeps {
  readonly api: Api
  readonly options: { readonly installation: string; readonly location: string; readonly image: string; readonly now: () => number }
  /** That have room for a machine which only fetches, the cheapest first. */
  sizes(signal: AbortSignal): Promise<readonly ServerType[]>
  firewall(signal: AbortSignal): Promise<number>
  readonly prices: PriceList
  readonly limitBytes: number
  readonly lookAgainMs: number
}
/** With the disk that it needs. */
export interface Snapped extends Kept { readonly diskGb: number }

const GB = 1e9
const LABEL_LIMIT = 63
/** Ids grow; as text they are compared by length first. */
const ID_DIGITS = 16

export const labelText = (text: string): string => text.replace(/[^A-Za-z0-9._-]/g, '-').replace(/^[^A-Za-z0-9]+/, '').slice(0, LABEL_LIMIT).replace(/[^A-Za-z0-9]+$/, '')

export function imageVendor(deps: ImageDeps): ImageVendor & { kept(signal: AbortSignal): Promise<Inventory<Snapped>> } {
  const { api, options } = deps
  const selector = `${OWNER_LABEL.installation}==${options.installation},${IMAGE_LABEL.toolbox}`
  const ask = <T extends { readonly id: number }>(path: string, key: string, query: Record<string, string>, { what, signal }: { what: string; signal: AbortSignal }): Promise<Inventory<T>> => api.list<T>(path, { key, query: { ...query, label_selector: selector }, what }, signal)
  return {
    words: { vendor: 'Hetzner Cloud', machine: 'server', copy: 'snapshot' },
    installation: options.installation, now: options.now, lookAgainMs: deps.lookAgainMs,
    base: () => labelText(options.image),
    async price(signal) {
      const { currency, imageGbMonthMicros: monthlyMicrosPerGb, asked } = await deps.prices.ask(signal)
      return { currency, monthlyMicrosPerGb, note: `net, by what the snapshot takes${asked ? '' : ', as published in May 2026, because Hetzner could not be asked'}; the server that it is made of costs one begun hour` }
    },
    async kept(signal) {
      const [{ items, ...rest }, prices] = await Promise.all([ask<Snapshot>('/images', 'images', { type: 'snapshot' }, { what: 'listing images', signal }), deps.prices.ask(signal)])
      return { ...rest, items: items.map((snapshot) => keptOf(snapshot, prices)) }
    },
    async builders(signal) {
      const { items, ...rest } = await ask<Server>('/servers', 'servers', {}, { what: 'looking for the server of an image', signal })
      return { ...rest, items: items.map((server) => builderOf(server, deps.prices.known())) }
    },
    buy: (making) => buy(deps, making),
    async copy({ id }, { wanted, base, signal }) {
      const labels = { [OWNER_LABEL.installation]: options.installation, [OWNER_LABEL.createdAt]: String(options.now()), [IMAGE_LABEL.toolbox]: wanted.toolbox.hash, [IMAGE_LABEL.base]: base }
      await api.call(`/servers/${id}/actions/create_image`, { method: 'POST', body: { type: 'snapshot', description: describedAs({ wanted }), labels }, what: 'making the snapshot' }, signal)
    },
    removeKept: (name, signal) => unlessGone(async () => {
      const { image } = await api.call<{ image: Snapshot }>(`/images/${name}`, { what: 'looking at the image' }, signal)
      refuseForeign(image.labels, options.installation, `the image ${name}`)
      await api.call(`/images/${name}`, { method: 'DELETE', what: 'removing the image' }, signal)
    }),
    async removeBuilder({ id, state }, signal) {
      if (state === 'busy') return
      await unlessGone(async () => {
        const { server } = await api.call<{ server: Server }>(`/servers/${id}`, { what: 'looking at the server' }, signal)
        refuseForeign(server.labels, options.installation, `the server ${id}`)
        await api.call(`/servers/${id}`, { method: 'DELETE', what: 'giving the server back' }, signal)
      })
    },
  }
}

const bornAt = ({ labels, created }: { labels: Labels; created: string }): number => createdAtIn(labels) || Date.parse(created) || 0
const orderOf = (id: number): string => String(id).padStart(ID_DIGITS, '0')

function keptOf(snapshot: Snapshot, { currency, imageGbMonthMicros }: Prices): Snapped {
  const { id, status, image_size: size, disk_size: diskGb, labels } = snapshot
  return {
    name: String(id), order: orderOf(id), toolbox: labels?.[IMAGE_LABEL.toolbox] ?? '', base: labels?.[IMAGE_LABEL.base] ?? '', state: status === 'available' ? 'ready' : status === 'creating' ? 'making' : 'failed', diskGb,
    createdAt: bornAt(snapshot), sizeBytes: size === null ? null : Math.round(size * GB), currency, monthlyMicros: size === null ? null : Math.ceil(size * imageGbMonthMicros),
  }
}
function builderOf(server: Server, prices: Prices): Builder {
  const { id, status, locked, labels } = server
  return { id: String(id), order: orderOf(id), toolbox: labels?.[IMAGE_LABEL.toolbox] ?? '', tokenMark: labels?.[IMAGE_LABEL.token] ?? '', createdAt: bornAt(server), quote: quoteOfBought({ server, volume: null }, prices) ?? null, state: locked ? 'busy' : status === 'off' ? 'ready' : status === 'running' ? 'fetching' : 'starting' }
}

async function buy(deps: ImageDeps, { wanted, base, signal, log }: Making): Promise<void> {
  const { api, options } = deps
  const sizes = await deps.sizes(signal)
  const body = {
    name: `berth-${installationShown(options.installation)}-image`.toLowerCase(), image: options.image, location: options.location, firewalls: [{ firewall: await deps.firewall(signal) }], user_data: imageConfig(wanted, { limitBytes: deps.limitBytes }),
    labels: { [OWNER_LABEL.installation]: options.installation, [OWNER_LABEL.createdAt]: String(options.now()), [IMAGE_LABEL.toolbox]: wanted.toolbox.hash, [IMAGE_LABEL.base]: base, [IMAGE_LABEL.token]: markOf(wanted.link.token) },
  }
  for (const [at, { name }] of sizes.entries()) {
    try {
      log?.(`buying a ${name} in ${options.location}, to make the image of`)
      await api.call('/servers', { method: 'POST', body: { ...body, server_type: name }, what: 'making the server' }, signal)
      return
    } catch (error) {
      if (!(error instanceof ProviderFault) || error.category !== 'capacity' || at === sizes.length - 1) throw error
      log?.(`no ${name} is free in ${options.location}`)
    }
  }
}

function refuseForeign(labels: Labels, installation: string, what: string): void {
  if (labels?.[OWNER_LABEL.installation] !== installation || !isOfImage(labels)) throw new ProviderFault('conflict', `${what} belongs to somebody else`, { hint: 'look at it in the console of Hetzner' })
}
async function unlessGone(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof ProviderFault) || (error.category !== 'not_found' && !error.message.includes('(locked)'))) throw error
  }
}
