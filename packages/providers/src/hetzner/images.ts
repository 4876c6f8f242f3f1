/**
 * Images of Hetzner Cloud: a snapshot of a server that fetched the daemon and agents' programs, and is deleted when the
 * snapshot is there. Both carry the installation's label, and one of their own that makes them no workspace's.
 */
import { createHash } from 'node:crypto'
import { ProviderFault, type CallContext, type ImageWanted, type Inventory, type Leftover, type MachineImage, type ProviderImages, type Step } from '@berth/core'
import { imageConfig } from '../cloud-init/image-config.ts'
import { createdAtIn, installationShown, OWNER_LABEL, type Labels } from '../owner-labels.ts'
import type { Api } from './client.ts'
import type { ServerType } from './sizes.ts'

export const IMAGE_LABEL = { toolbox: 'dev.berth.image', base: 'dev.berth.image-base', token: 'dev.berth.image-token' } as const

interface Snapshot { readonly id: number; readonly description: string; readonly status: string; readonly created: string; readonly image_size: number | null; readonly disk_size: number; readonly architecture: string; readonly labels: Labels }
interface Builder { readonly id: number; readonly name: string; readonly status: string; readonly locked: boolean; readonly created: string; readonly labels: Labels }

export interface ImageDeps {
  readonly api: Api
  readonly options: { readonly installation: string; readonly location: string; readonly image: string; readonly now: () => number }
  /** That have room for a machine which only fetches, the cheapest first. */
  sizes(signal: AbortSignal): Promise<readonly ServerType[]>
  firewall(signal: AbortSignal): Promise<number>
  readonly limitBytes: number
  readonly lookAgainMs: number
}

/** Net, EUR, a GB of snapshot and month, of before the change of prices in April 2026 and not looked up since; `GET /pricing` (`image.price_per_gb_month`) knows today's. */
const GB_MONTH_MICROS = 11_000
const GB = 1e9
/** One that fetches for longer has failed; what makes images gives up before. */
const MADE_WITHIN_MS = 20 * 60_000
/** Nobody waits for it any more, whatever became of who did. */
const FORGOTTEN_AFTER_MS = 45 * 60_000
const LABEL_LIMIT = 63

const labelText = (text: string): string => text.replace(/[^A-Za-z0-9._-]/g, '-').replace(/^[^A-Za-z0-9]+/, '').slice(0, LABEL_LIMIT).replace(/[^A-Za-z0-9]+$/, '')
const markOf = (token: string): string => createHash('sha256').update(token).digest('hex').slice(0, 16)
export const isOfImage = (labels: Labels): boolean => labels?.[IMAGE_LABEL.toolbox] !== undefined
const later = ({ lookAgainMs }: ImageDeps, detail: string): Step<never> => ({ done: false, poll: {}, afterMs: lookAgainMs, detail })

export function createImages(deps: ImageDeps): ProviderImages {
  return {
    price: { currency: 'EUR', monthlyMicrosPerGb: GB_MONTH_MICROS, note: 'net, by what the snapshot takes; the server that it is made of costs one begun hour' },
    build: (wanted, context) => build(deps, wanted, context),
    async list(signal) {
      const { items, ...rest } = await snapshots(deps, signal)
      return { ...rest, items: items.map(imageOf) }
    },
    async remove(name, { signal }) {
      const found = (await snapshots(deps, signal)).items.find(({ id }) => String(id) === name)
      if (found !== undefined) await removeSnapshot(deps, found.id, signal)
      return { done: true, value: null }
    },
    async giveUp({ signal }) {
      const { items } = await builders(deps, signal)
      for (const builder of items) await removeBuilder(deps, builder, signal)
      return items.length === 0 ? { done: true, value: null } : later(deps, 'the server is given back')
    },
  }
}

/** For a new server: of this toolbox and base, on a disk of this size. Null: none. */
export async function fittingImage(deps: ImageDeps, { toolbox, base }: { toolbox: string; base: string }, signal: AbortSignal): Promise<{ id: number; diskGb: number } | null> {
  const { items } = await snapshots(deps, signal)
  const found = oldestFirst(items).find(({ labels, status }) => status === 'available' && labels?.[IMAGE_LABEL.toolbox] === toolbox && labels[IMAGE_LABEL.base] === labelText(base))
  return found === undefined ? null : { id: found.id, diskGb: found.disk_size }
}

/** The server of a making that nobody waits for, and what is kept. */
export async function imageLeftovers(deps: ImageDeps, signal: AbortSignal): Promise<Inventory<Leftover>> {
  const [kept, made] = await Promise.all([snapshots(deps, signal), builders(deps, signal)])
  const owner = { installation: deps.options.installation, workspaceId: 'image', generation: 0 }
  return {
    items: [
      ...made.items.filter((builder) => deps.options.now() - bornAt(builder) > FORGOTTEN_AFTER_MS).map((builder): Leftover => ({ kind: 'image-server', name: String(builder.id), owner, createdAt: bornAt(builder) })),
      ...kept.items.map((snapshot): Leftover => ({ kind: 'image', name: String(snapshot.id), owner, createdAt: bornAt(snapshot), kept: true })),
    ],
    complete: kept.complete && made.complete, missing: [...kept.missing, ...made.missing],
  }
}
/** False: it is none of these. */
export async function removeImageLeftover(deps: ImageDeps, { kind, name }: Leftover, signal: AbortSignal): Promise<boolean> {
  if (kind === 'image') await removeSnapshot(deps, Number(name), signal)
  else if (kind === 'image-server') {
    const found = (await builders(deps, signal)).items.find(({ id }) => String(id) === name)
    if (found !== undefined) await removeBuilder(deps, found, signal)
  } else return false
  return true
}

const bornAt = ({ labels, created }: { labels: Labels; created: string }): number => createdAtIn(labels) || Date.parse(created) || 0
const oldestFirst = <T extends { readonly id: number }>(all: readonly T[]): T[] => [...all].sort((a, b) => a.id - b.id)
const selector = ({ options }: ImageDeps): string => `${OWNER_LABEL.installation}==${options.installation},${IMAGE_LABEL.toolbox}`

const snapshots = (deps: ImageDeps, signal: AbortSignal): Promise<Inventory<Snapshot>> => deps.api.list<Snapshot>('/images', { key: 'images', query: { type: 'snapshot', label_selector: selector(deps) }, what: 'listing images' }, signal)
const builders = (deps: ImageDeps, signal: AbortSignal): Promise<Inventory<Builder>> => deps.api.list<Builder>('/servers', { key: 'servers', query: { label_selector: selector(deps) }, what: 'looking for the server of an image' }, signal)

function imageOf(snapshot: Snapshot): MachineImage {
  const { id, status, image_size: size, labels } = snapshot
  return {
    name: String(id), toolbox: labels?.[IMAGE_LABEL.toolbox] ?? '', base: labels?.[IMAGE_LABEL.base] ?? '', state: status === 'available' ? 'ready' : status === 'creating' ? 'making' : 'failed',
    createdAt: bornAt(snapshot), sizeBytes: size === null ? null : Math.round(size * GB), monthlyMicros: size === null ? null : Math.ceil(size * GB_MONTH_MICROS),
  }
}

async function build(deps: ImageDeps, wanted: ImageWanted, { signal, log }: CallContext): Promise<Step<MachineImage>> {
  signal.throwIfAborted()
  const { hash } = wanted.toolbox
  const base = labelText(deps.options.image)
  const [kept, made] = await Promise.all([snapshots(deps, signal), builders(deps, signal)])
  if (!kept.complete || !made.complete) throw new ProviderFault('transient', 'Hetzner Cloud gave only a part of a list', { hint: 'it is tried again' })
  const mine = oldestFirst(kept.items).filter(({ labels }) => labels?.[IMAGE_LABEL.toolbox] === hash && labels[IMAGE_LABEL.base] === base)
  const ready = mine.find(({ status }) => status === 'available')
  if (ready !== undefined) return tidied(deps, ready, { snapshots: kept.items, builders: made.items }, signal)
  if (mine.length > 0) return later(deps, 'the snapshot is made')
  const [builder, ...more] = oldestFirst(made.items)
  for (const each of more) await removeBuilder(deps, each, signal)
  if (builder === undefined) {
    await buy(deps, wanted, { signal, ...(log === undefined ? {} : { log }) })
    return later(deps, 'a server starts, to make it of')
  }
  return goOn(deps, { wanted, builder, base }, { signal, ...(log === undefined ? {} : { log }) })
}

/** With the server that it is made of. */
async function goOn(deps: ImageDeps, { wanted, builder, base }: { wanted: ImageWanted; builder: Builder; base: string }, { signal, log }: { signal: AbortSignal; log?: (line: string) => void }): Promise<Step<MachineImage>> {
  const { hash } = wanted.toolbox
  // Of another toolbox, or with a token that nobody takes any more.
  if (builder.labels?.[IMAGE_LABEL.toolbox] !== hash || (builder.status !== 'off' && builder.labels[IMAGE_LABEL.token] !== markOf(wanted.link.token))) {
    await removeBuilder(deps, builder, signal)
    return later(deps, 'the server of an earlier try goes')
  }
  if (builder.locked) return later(deps, 'the server starts')
  if (builder.status !== 'off') {
    if (deps.options.now() - bornAt(builder) > MADE_WITHIN_MS) throw new ProviderFault('unknown', 'the server that the image was to be made of did not get ready', { committed: 'yes', hint: 'can machines reach this server at its linkUrl? then try again' })
    return later(deps, builder.status === 'running' ? 'the server fetches the daemon and the programs' : 'the server starts')
  }
  log?.('the server is ready and off; its disk is copied')
  const labels = { [OWNER_LABEL.installation]: deps.options.installation, [OWNER_LABEL.createdAt]: String(deps.options.now()), [IMAGE_LABEL.toolbox]: hash, [IMAGE_LABEL.base]: base }
  await deps.api.call(`/servers/${builder.id}/actions/create_image`, { method: 'POST', body: { type: 'snapshot', description: `Berth ${hash}: ${wanted.programs.join(', ') || 'no programs'}`.slice(0, 255), labels }, what: 'making the snapshot' }, signal)
  return later(deps, 'the snapshot is made')
}

/** What it was made of goes, and images of other toolboxes, which fit no machine any more. */
async function tidied(deps: ImageDeps, ready: Snapshot, others: { snapshots: readonly Snapshot[]; builders: readonly Builder[] }, signal: AbortSignal): Promise<Step<MachineImage>> {
  if (others.builders.length > 0) {
    for (const builder of others.builders) await removeBuilder(deps, builder, signal)
    return later(deps, 'the server it was made of is given back')
  }
  for (const snapshot of others.snapshots) if (snapshot.id !== ready.id && snapshot.status !== 'creating') await removeSnapshot(deps, snapshot.id, signal)
  return { done: true, value: imageOf(ready) }
}

async function buy(deps: ImageDeps, wanted: ImageWanted, { signal, log }: { signal: AbortSignal; log?: (line: string) => void }): Promise<void> {
  const { api, options } = deps
  const { hash } = wanted.toolbox
  const sizes = await deps.sizes(signal)
  const body = {
    name: `berth-${installationShown(options.installation)}-image`.toLowerCase(), image: options.image, location: options.location, firewalls: [{ firewall: await deps.firewall(signal) }], user_data: imageConfig(wanted, { limitBytes: deps.limitBytes }),
    labels: { [OWNER_LABEL.installation]: options.installation, [OWNER_LABEL.createdAt]: String(options.now()), [IMAGE_LABEL.toolbox]: hash, [IMAGE_LABEL.base]: labelText(options.image), [IMAGE_LABEL.token]: markOf(wanted.link.token) },
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

/** Reads once more whose it is, right before. */
async function removeSnapshot({ api, options }: ImageDeps, id: number, signal: AbortSignal): Promise<void> {
  await unlessGone(async () => {
    const { image } = await api.call<{ image: Snapshot }>(`/images/${id}`, { what: 'looking at the image' }, signal)
    refuseForeign(image.labels, options.installation, `the image ${id}`)
    await api.call(`/images/${id}`, { method: 'DELETE', what: 'removing the image' }, signal)
  })
}
async function removeBuilder({ api, options }: ImageDeps, { id, locked }: Builder, signal: AbortSignal): Promise<void> {
  if (locked) return
  await unlessGone(async () => {
    const { server } = await api.call<{ server: Builder }>(`/servers/${id}`, { what: 'looking at the server' }, signal)
    refuseForeign(server.labels, options.installation, `the server ${id}`)
    await api.call(`/servers/${id}`, { method: 'DELETE', what: 'giving the server back' }, signal)
  })
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
