/**
 * Images of Fly: no machine is bought for one. It is the usual image's layers and one more with the daemon and agents' programs,
 * put to Fly's registry under an app of its own, which has no machine and costs nothing. The app's name says of which toolbox
 * and base it is, its network whose; when the manifest is there, it is ready.
 */
import { createHash } from 'node:crypto'
import { ProviderFault, type Inventory, type Leftover, type MachineImage, type Provider, type ProviderImages, type Step } from '@berth/core'
import { installationShown } from '../owner-labels.ts'
import { createRegistry, parseReference, type Registry } from '../oci-registry.ts'
import { describedIn, putImage } from '../toolbox-layer.ts'
import type { Api } from './client.ts'
import type { App } from './machine.ts'

export interface FlyImagesDeps {
  readonly api: Api
  readonly options: { readonly installation: string; readonly organization: string; readonly image: string; readonly registry: string; readonly token: () => string | null; readonly log: (line: string) => void; readonly now: () => number }
  apps(signal: AbortSignal): Promise<Inventory<App>>
  /** Null: there is none. */
  app(name: string, signal: AbortSignal): Promise<App | null>
}
export interface FlyImages {
  readonly images: ProviderImages
  readonly leftovers: Pick<Provider, 'leftovers' | 'removeLeftover'>
  /** For a new machine of this toolbox. Null: none. */
  fitting(toolbox: string, signal: AbortSignal): Promise<string | null>
}

export const REGISTRY = 'registry.fly.io'
const TAG = 'berth'
const KIND = 'image'
const NAME = /^berth-([a-z0-9]+)-image-([a-z0-9]{8,32})-([0-9a-f]{6})$/
const NETWORK = /^berth-images-([a-z0-9]{16,64})-([a-z0-9]{1,9})$/
const SECOND = 1000
/** Nobody waits for it any more, whatever became of who did. */
const FORGOTTEN_AFTER_MS = 45 * 60_000

interface Ours { readonly app: App; readonly toolbox: string; readonly createdAt: number }
interface Seen extends Ours { readonly image: MachineImage }

export function createFlyImages(deps: FlyImagesDeps): FlyImages {
  const { options } = deps
  const token = (): string => options.token() ?? ''
  // Their own tools show the registry a token without the word before it.
  const registry = createRegistry({ host: options.registry, credential: () => ({ user: 'x', password: token().replace(/^FlyV1 /, '') }) })
  const there: At = { ...deps, registry }
  return {
    images: {
      price: async () => ({ currency: 'USD', monthlyMicrosPerGb: 0, note: 'Fly publishes no price of what its registry keeps; no machine is bought for it' }),
      build: (wanted, { signal, log }) => build(there, wanted, { signal, log }),
      async list(signal) {
        const { items, ...rest } = await seen(there, signal)
        return { ...rest, items: items.map(({ image }) => image) }
      },
      async remove(name, { signal }) {
        for (const { app, image } of (await seen(there, signal)).items) if (image.name === name || image.state === 'failed') await removeApp(there, app.name, signal)
        return { done: true, value: null }
      },
      async giveUp({ signal }) {
        for (const { app, image } of (await seen(there, signal)).items) if (image.state !== 'ready') await removeApp(there, app.name, signal)
        return { done: true, value: null }
      },
    },
    leftovers: {
      async leftovers(installation, signal) {
        const { items, ...rest } = await seen(there, signal)
        const owner = { installation, workspaceId: 'image', generation: 0 }
        return { ...rest, items: items.filter(({ image }) => image.state !== 'making').map(({ app, createdAt, image }): Leftover => ({ kind: KIND, name: app.name, owner, createdAt, ...(image.state === 'ready' ? { kept: true } : {}) })) }
      },
      async removeLeftover({ kind, name }, signal) {
        if (kind !== KIND) throw new ProviderFault('invalid', `fly knows no ${kind} (${name})`)
        await removeApp(there, name, signal)
      },
    },
    async fitting(toolbox, signal) {
      const app = await deps.app(appFor(there, toolbox), signal)
      if (app === null || oursIn(there, app) === null) return null
      try {
        return await registry.manifest(app.name, TAG, signal) === null ? null : nameOf(there, app)
      } catch (error) {
        signal.throwIfAborted()
        // A machine without it fetches what it needs.
        options.log(`fly: is there a prepared image? ${error instanceof Error ? error.message : String(error)}`)
        return null
      }
    },
  }
}

interface At extends FlyImagesDeps { readonly registry: Registry }

const appFor = ({ options }: At, toolbox: string): string => `berth-${installationShown(options.installation).toLowerCase()}-image-${toolbox}-${createHash('sha256').update(options.image).digest('hex').slice(0, 6)}`
const nameOf = ({ options }: At, { name }: App): string => `${options.registry}/${name}:${TAG}`

/** Null: it is none of ours. */
function oursIn({ options }: At, app: App): Ours | null {
  const toolbox = NAME.exec(app.name)?.[2]
  const [, installation, began = ''] = NETWORK.exec(app.network ?? '') ?? []
  return toolbox === undefined || installation !== options.installation ? null : { app, toolbox, createdAt: Number.parseInt(began, 36) * SECOND || 0 }
}

async function seen(at: At, signal: AbortSignal): Promise<Inventory<Seen>> {
  const { items, ...rest } = await at.apps(signal)
  return { ...rest, items: await Promise.all(items.flatMap((app) => oursIn(at, app) ?? []).map((ours) => look(at, ours, signal))) }
}

async function look(at: At, ours: Ours, signal: AbortSignal): Promise<Seen> {
  const { app, toolbox, createdAt } = ours
  const manifest = await at.registry.manifest(app.name, TAG, signal)
  const same = { name: nameOf(at, app), toolbox, currency: 'USD', monthlyMicros: null }
  if (manifest === null) return { ...ours, image: { ...same, base: '', state: at.options.now() - createdAt > FORGOTTEN_AFTER_MS ? 'failed' : 'making', createdAt, sizeBytes: null } }
  const { base, sizeBytes, createdAt: madeAt } = describedIn(manifest)
  return { ...ours, image: { ...same, base, state: 'ready', createdAt: madeAt || createdAt, sizeBytes } }
}

async function build(at: At, wanted: Parameters<ProviderImages['build']>[0], { signal, log }: { signal: AbortSignal; log: ((line: string) => void) | undefined }): Promise<Step<MachineImage>> {
  signal.throwIfAborted()
  const { options, registry } = at
  const next = (detail: string): Step<never> => ({ done: false, poll: {}, afterMs: 0, detail })
  const all = await seen(at, signal)
  if (!all.complete) throw new ProviderFault('transient', 'Fly gave only a part of a list', { hint: 'it is tried again' })
  const name = appFor(at, wanted.toolbox.hash)
  const mine = all.items.find(({ app }) => app.name === name)
  if (mine === undefined) {
    await makeApp(at, name, signal)
    return next('its app is made')
  }
  if (mine.image.state !== 'ready') {
    const base = parseReference(options.image)
    await putImage({ ...base, name: options.image, registry: createRegistry({ host: base.host, credential: null }) }, { registry, repository: name, tag: TAG }, { wanted, now: options.now(), signal, log })
    return next('the image is put to the registry')
  }
  // Those of other toolboxes and bases fit no machine any more.
  for (const { app } of all.items) if (app.name !== name) await removeApp(at, app.name, signal)
  return { done: true, value: mine.image }
}

async function makeApp(at: At, name: string, signal: AbortSignal): Promise<void> {
  const { api, options } = at
  try {
    await api.call('/apps', { method: 'POST', body: { name, org_slug: options.organization, network: `berth-images-${options.installation}-${Math.floor(options.now() / SECOND).toString(36)}` }, what: 'making the app of the image' }, signal)
  } catch (error) {
    // The answer of before was lost, or the name is taken where we cannot look.
    const there = error instanceof ProviderFault && error.category === 'conflict' ? await at.app(name, signal) : null
    if (there === null || oursIn(at, there) === null) throw error
  }
}

/** Reads once more whose it is, right before. Gone is done. */
async function removeApp(at: At, name: string, signal: AbortSignal): Promise<void> {
  const app = await at.app(name, signal)
  if (app === null) return
  if (oursIn(at, app) === null) throw new ProviderFault('conflict', `the app ${name} belongs to somebody else`, { hint: 'look at it at fly.io' })
  await at.api.call(`/apps/${name}`, { method: 'DELETE', what: 'removing the app of the image' }, signal).catch((error: unknown) => {
    if (!(error instanceof ProviderFault) || error.category !== 'not_found') throw error
  })
}
