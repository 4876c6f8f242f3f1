/**
 * The image that containers begin with when none is named, made before anybody waits for it. It holds no daemon: containers
 * of this host's engine see its toolbox as a directory, so it fits every one.
 */
import type { MachineImage, ProviderImages } from '@berth/core'
import type { Engine } from './engine.ts'
import { ensureImage, hasImage, isBuiltHere, type ImageDeps } from './images.ts'

interface Summary { readonly RepoTags?: readonly string[] | null; readonly Created: number; readonly Size: number }

const SECOND = 1000
/** Of nothing. */
const CURRENCY = 'USD'
/** No toolbox is called so: it fits none. */
const OLDER = ''
const OURS = /^berth\/(workspace|workspace-full|host-usr):[0-9a-f]+$/

/** `wanted`: of workspaces that name none; null: the one that is built here. */
export function createPreparedImages({ engine, imageDeps, wanted }: { engine: Engine; imageDeps(log: (line: string) => void, signal: AbortSignal): Promise<ImageDeps>; wanted: string | null }): ProviderImages {
  const list = async (signal: AbortSignal): Promise<MachineImage[]> => {
    const all = await engine.json<Summary[]>('/images/json', { what: 'listing images' }, signal)
    return all.flatMap(({ RepoTags, Created, Size }) => (RepoTags ?? []).filter((tag) => OURS.test(tag) || tag === wanted).map((name): MachineImage => ({ name, toolbox: isCurrent(name, wanted) ? null : OLDER, base: 'docker', state: 'ready', createdAt: Created * SECOND, sizeBytes: Size, currency: CURRENCY, monthlyMicros: null })))
  }
  return {
    price: async () => ({ currency: CURRENCY, monthlyMicrosPerGb: 0, note: 'it takes room on this computer' }),
    async build(_, { signal, log = () => {} }) {
      const { reference } = await ensureImage(await imageDeps(log, signal), wanted, signal)
      const made = (await list(signal)).find(({ name }) => name === reference)
      return { done: true, value: made ?? { name: reference, toolbox: null, base: 'docker', state: 'ready', createdAt: Date.now(), sizeBytes: null, currency: CURRENCY, monthlyMicros: null } }
    },
    list: async (signal) => ({ items: await list(signal), complete: true, missing: [] }),
    async remove(name, { signal }) {
      // What a person named is theirs.
      if (OURS.test(name) && await hasImage(engine, name, signal)) await (await engine.call(`/images/${name}`, { method: 'DELETE', what: 'removing the image', accept: [404] }, signal)).body?.cancel()
      return { done: true, value: null }
    },
    giveUp: async () => ({ done: true, value: null }),
  }
}

/** One of an older version of Berth begins nothing any more. */
const isCurrent = (name: string, wanted: string | null): boolean => (wanted === null ? isBuiltHere({ reference: name, hostPaths: [] }) || name.startsWith('berth/host-usr:') : name === wanted)
