/**
 * Images of Amazon EC2: one of an instance that stopped itself when it had fetched everything. It stands on a snapshot, which
 * is what is paid for, and which stays when the image goes: one without its image counts as an image that failed.
 */
import { createHash } from 'node:crypto'
import { ProviderFault, type Inventory, type MachineSpec } from '@berth/core'
import { imageConfig } from '../cloud-init/image-config.ts'
import { describedAs, fittingImage, IMAGE_LABEL, isOfImage, markOf, type Builder, type ImageVendor, type Kept, type Making } from '../made-images.ts'
import { createdAtIn, installationShown, OWNER_LABEL, type Labels } from '../owner-labels.ts'
import { isGone, isRefusal } from './client.ts'
import type { Deps } from './deps.ts'
import { ensureGroup } from './group.ts'
import { ENDED, filtersForAll, instanceIn, LEAVING, tagsIn, type Instance } from './machine.ts'
import { imageOf, regionOf, type Image } from './region.ts'
import { bought, USER_DATA_LIMIT } from './run.ts'
import type { Parameters } from './signed.ts'
import { fitting, quoteOf } from './sizes.ts'
import { itemsOf, textOf, type Element } from './xml.ts'

const GIB = 1024 ** 3
/** USD, a GB of a snapshot's standard tier and month: https://aws.amazon.com/ebs/pricing, us-east-1 in 2026. */
const SNAPSHOT_GB_MONTH_MICROS = 50_000
/** Room for a machine that only fetches. */
const BUILDER = { memoryBytes: 2 * GIB, cpus: 1 }
const LOOK_AGAIN_MS = 3000
const HOUR_MS = 3_600_000
const TOKEN_LENGTH = 48
/** What workspaces begin with that name none. */
const DEBIAN = 'debian-12'

export function imageVendor(deps: Deps): ImageVendor {
  const { api, options } = deps
  return {
    words: { vendor: 'Amazon EC2', machine: 'instance', copy: 'image' },
    installation: options.installation, now: options.now, lookAgainMs: LOOK_AGAIN_MS,
    base: () => options.image ?? DEBIAN,
    price: async () => ({ currency: 'USD', monthlyMicrosPerGb: SNAPSHOT_GB_MONTH_MICROS, note: 'list price of us-east-1, by what its snapshot takes; the instance that it is made of costs some minutes, with its address and disk' }),
    kept: (signal) => kept(deps, signal),
    async builders(signal) {
      const { items, ...rest } = await instances(deps, signal)
      return { ...rest, items: items.filter(({ state }) => state !== ENDED && state !== LEAVING).map((instance) => builderOf(deps, instance)) }
    },
    buy: (making) => buy(deps, making),
    async copy({ id }, { wanted, base, signal }) {
      const Tag = tagList({ Name: `berth-${installationShown(options.installation)}-image`, ...marks(deps, { toolbox: wanted.toolbox.hash, base }) })
      // Of one name there is one: asked again it is not made again.
      const name = `berth-${installationShown(options.installation)}-${wanted.toolbox.hash}-${createHash('sha256').update(base).digest('hex').slice(0, 6)}`
      try {
        await api.call('CreateImage', { parameters: { InstanceId: id, Name: name, Description: describedAs({ wanted }), TagSpecification: ['image', 'snapshot'].map((ResourceType) => ({ ResourceType, Tag })) }, what: 'making the image' }, signal)
      } catch (error) {
        if (!isRefusal(error, 'InvalidAMIName.Duplicate')) throw error
      }
    },
    removeKept: (name, signal) => (name.startsWith('ami-') ? removeImage(deps, name, signal) : removeSnapshot(deps, name, signal)),
    removeBuilder: ({ id }, signal) => unlessGone(async () => {
      const answer = await api.call('DescribeInstances', { parameters: { InstanceId: [id] }, what: 'looking at the instance' }, signal)
      for (const one of itemsOf(answer, 'reservationSet').flatMap((item) => itemsOf(item, 'instancesSet'))) refuseForeign(deps, tagsIn(one), `the instance ${id}`)
      await api.call('TerminateInstances', { parameters: { InstanceId: [id] }, what: 'giving the instance back' }, signal)
    }),
  }
}

/** What a new instance begins with that names none. */
export async function preparedImage(deps: Deps, { boot }: Pick<MachineSpec, 'boot'>, signal: AbortSignal): Promise<Image | null> {
  try {
    const found = await fittingImage(imageVendor(deps), { toolbox: boot.toolbox.hash, base: deps.options.image ?? DEBIAN }, signal)
    return found === null ? null : await imageOf(deps, found.name, signal)
  } catch (error) {
    // Keys with a policy of before there were images.
    if (error instanceof ProviderFault && error.category === 'auth') return null
    throw error
  }
}

const filters = (installation: string): Parameters[] => [...filtersForAll(installation), { Name: 'tag-key', Value: [IMAGE_LABEL.toolbox] }]
const tagList = (tags: Readonly<Record<string, string>>): Parameters[] => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
const marks = ({ options }: Deps, { toolbox, base }: { toolbox: string; base: string }): Record<string, string> =>
  ({ [OWNER_LABEL.installation]: options.installation, [OWNER_LABEL.createdAt]: String(options.now()), [IMAGE_LABEL.toolbox]: toolbox, [IMAGE_LABEL.base]: base })

async function instances({ api, options }: Deps, signal: AbortSignal): Promise<Inventory<Instance>> {
  const { items, ...rest } = await api.list('DescribeInstances', { set: 'reservationSet', parameters: { Filter: filters(options.installation) }, what: 'looking for the instance of an image' }, signal)
  return { ...rest, items: items.flatMap((item) => itemsOf(item, 'instancesSet').map(instanceIn)) }
}

function builderOf({ options }: Deps, { id, type, state, tags, launchedAt }: Instance): Builder {
  const createdAt = createdAtIn(tags) || launchedAt
  const types = fitting({ memoryBytes: 0, cpus: 0 }, { named: [type], offered: null })
  const quote = types.length === 0 ? null : quoteOf(types, { wanted: BUILDER, region: options.region, diskGb: options.rootGb })
  return { id, order: `${createdAt} ${id}`, toolbox: tags?.[IMAGE_LABEL.toolbox] ?? '', tokenMark: tags?.[IMAGE_LABEL.token] ?? '', createdAt, quote, state: state === 'stopped' ? 'ready' : state === 'pending' ? 'starting' : 'fetching' }
}

async function kept({ api, options }: Deps, signal: AbortSignal): Promise<Inventory<Kept>> {
  const Filter = filters(options.installation)
  const [images, snapshots] = await Promise.all([
    api.list('DescribeImages', { set: 'imagesSet', parameters: { Owner: ['self'], Filter }, what: 'listing images' }, signal),
    api.list('DescribeSnapshots', { set: 'snapshotSet', parameters: { Owner: ['self'], Filter }, what: 'listing snapshots' }, signal),
  ])
  const byId = new Map(snapshots.items.map((snapshot) => [textOf(snapshot, 'snapshotId'), snapshot]))
  const items = images.items.map((image) => {
    const id = snapshotOf(image)
    const snapshot = byId.get(id)
    byId.delete(id)
    const state = textOf(image, 'imageState')
    return keptOf(image, { name: textOf(image, 'imageId'), state: state === 'available' ? 'ready' : state === 'pending' ? 'making' : 'failed', snapshot: snapshot ?? null })
  })
  // Those that no image stands on, or that lists have before their image.
  for (const [name, snapshot] of byId) items.push(keptOf(snapshot, { name, state: textOf(snapshot, 'status') === 'pending' ? 'making' : 'failed', snapshot }))
  return { items, complete: images.complete && snapshots.complete, missing: [...images.missing, ...snapshots.missing] }
}

function keptOf(thing: Element, { name, state, snapshot }: Pick<Kept, 'name' | 'state'> & { snapshot: Element | null }): Kept {
  const tags = tagsIn(thing)
  const createdAt = createdAtIn(tags)
  const sizeBytes = snapshot === null ? Number.NaN : Number(textOf(snapshot, 'fullSnapshotSizeInBytes') || Number.NaN)
  const isKnown = Number.isFinite(sizeBytes)
  return {
    name, state, order: `${createdAt} ${name}`, toolbox: tags[IMAGE_LABEL.toolbox] ?? '', base: tags[IMAGE_LABEL.base] ?? '', createdAt,
    sizeBytes: isKnown ? sizeBytes : null, currency: 'USD', monthlyMicros: isKnown ? Math.ceil(sizeBytes / GIB * SNAPSHOT_GB_MONTH_MICROS) : null,
  }
}
const snapshotOf = (image: Element): string => itemsOf(image, 'blockDeviceMapping').map((item) => textOf(item, 'ebs', 'snapshotId')).find((id) => id !== '') ?? ''

async function buy(deps: Deps, { wanted, base, signal, log }: Making): Promise<void> {
  const { options } = deps
  const region = await regionOf(deps, signal)
  const group = await ensureGroup(deps, region.vpc, signal)
  const ended = (await instances(deps, signal)).items.map(({ id }) => id)
  const tags = tagList({ Name: `berth-${installationShown(options.installation)}-image`, ...marks(deps, { toolbox: wanted.toolbox.hash, base }), [IMAGE_LABEL.token]: markOf(wanted.link.token) })
  await bought(deps, { sizes: fitting(BUILDER, { named: options.instanceTypes, offered: region.offered }), places: region.places }, ({ type, place }) => ({
    ImageId: region.image.id, InstanceType: type, MinCount: 1, MaxCount: 1, UserData: Buffer.from(imageConfig(wanted, { limitBytes: USER_DATA_LIMIT })).toString('base64'),
    ClientToken: createHash('sha256').update(JSON.stringify([options.installation, 'image', wanted.toolbox.hash, markOf(wanted.link.token), type, place.zone, ended, Math.floor(options.now() / HOUR_MS)])).digest('hex').slice(0, TOKEN_LENGTH),
    NetworkInterface: [{ DeviceIndex: 0, SubnetId: place.subnet, SecurityGroupId: [group], DeleteOnTermination: true, ...(options.subnets.length === 0 ? { AssociatePublicIpAddress: true } : {}) }],
    BlockDeviceMapping: [{ DeviceName: region.image.rootDevice, Ebs: { VolumeType: 'gp3', Encrypted: true, VolumeSize: region.image.rootGb, DeleteOnTermination: true } }],
    MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
    // Its disk is what is wanted.
    InstanceInitiatedShutdownBehavior: 'stop',
    TagSpecification: ['instance', 'volume', 'network-interface'].map((ResourceType) => ({ ResourceType, Tag: tags })),
  }), { signal, log: (line) => log?.(`${line}, to make the image of`) })
}

async function removeImage(deps: Deps, id: string, signal: AbortSignal): Promise<void> {
  const snapshots: string[] = []
  await unlessGone(async () => {
    const answer = await deps.api.call('DescribeImages', { parameters: { ImageId: [id] }, what: 'looking at the image' }, signal)
    const [image] = itemsOf(answer, 'imagesSet')
    if (image === undefined) return
    refuseForeign(deps, tagsIn(image), `the image ${id}`)
    snapshots.push(snapshotOf(image))
    await deps.api.call('DeregisterImage', { parameters: { ImageId: id }, what: 'removing the image' }, signal)
  })
  for (const snapshot of snapshots) if (snapshot !== '') await removeSnapshot(deps, snapshot, signal)
}

const removeSnapshot = (deps: Deps, id: string, signal: AbortSignal): Promise<void> => unlessGone(async () => {
  const answer = await deps.api.call('DescribeSnapshots', { parameters: { SnapshotId: [id] }, what: 'looking at the snapshot' }, signal)
  const [snapshot] = itemsOf(answer, 'snapshotSet')
  if (snapshot === undefined) return
  refuseForeign(deps, tagsIn(snapshot), `the snapshot ${id}`)
  await deps.api.call('DeleteSnapshot', { parameters: { SnapshotId: id }, what: 'removing the snapshot' }, signal)
})

function refuseForeign({ options }: Deps, tags: Labels, what: string): void {
  if (tags?.[OWNER_LABEL.installation] !== options.installation || !isOfImage(tags)) throw new ProviderFault('conflict', `${what} belongs to somebody else`, { hint: 'look at it in the console of Amazon' })
}
async function unlessGone(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!isGone(error)) throw error
  }
}
