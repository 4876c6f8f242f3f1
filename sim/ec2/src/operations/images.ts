/** Images: the vendors', and those that are made of an instance, with the snapshots that they stand on. */
import { ACCOUNT, IMAGES } from '../catalogue.ts'
import { Refusal, type Image, type OwnImage, type Snapshot } from '../model.ts'
import { filtered, paged, type Listed } from '../select.ts'
import { KIND, named, one, specified, tagSet, taking, type Operation, type TagSpecification } from './call.ts'

interface CreateImage { readonly InstanceId: string; readonly Name: string; readonly Description?: string; readonly NoReboot?: boolean; readonly TagSpecifications?: readonly TagSpecification[] }

const ROOT = '/dev/xvda'
const NAME = /^[A-Za-z0-9()[\] ./\-'@_]{3,128}$/
const DESCRIPTION_LIMIT = 255

const isOwn = (image: Image | OwnImage): image is OwnImage => 'state' in image
const stateOf = (image: Image | OwnImage): string => (isOwn(image) ? image.state : 'available')

const describeImages = taking<Listed & { ImageIds?: readonly string[]; Owners?: readonly string[] }>((call) => {
  const { world, input, seen } = call
  const all: (Image | OwnImage)[] = [...IMAGES, ...world.images.values()]
  const unknown = input.ImageIds?.find((id) => !all.some((image) => image.id === id))
  if (unknown !== undefined) throw new Refusal('InvalidAMIID.NotFound', `The image id '[${unknown}]' does not exist`)
  const owners = input.Owners?.map((owner) => (owner === 'self' ? ACCOUNT : owner))
  const asked = named(call, all, { ids: input.ImageIds, kind: KIND.image }).filter(({ owner }) => owners?.includes(owner) ?? true)
  const found = filtered(asked, input.Filters ?? [], { name: ({ name }) => name, 'image-id': ({ id }) => id, architecture: ({ architecture }) => architecture, state: stateOf, 'owner-id': ({ owner }) => owner, 'root-device-type': () => 'ebs' })
  const { items, ...page } = paged(found, input, seen)
  return { Images: items.map((image) => ({
    ImageId: image.id, Name: image.name, OwnerId: image.owner, Architecture: image.architecture, CreationDate: new Date(image.createdAt).toISOString(), State: stateOf(image), Public: !isOwn(image), ImageType: 'machine', RootDeviceType: 'ebs', RootDeviceName: ROOT, VirtualizationType: 'hvm', EnaSupport: true,
    BlockDeviceMappings: [{ DeviceName: ROOT, Ebs: { VolumeSize: image.rootGb, SnapshotId: image.snapshot, VolumeType: 'gp3', DeleteOnTermination: true, Encrypted: world.snapshots.get(image.snapshot)?.encrypted ?? false } }], ...(isOwn(image) ? { Tags: tagSet(image.tags) } : {}),
  })), ...page }
})

const createImage = taking<CreateImage>((call) => {
  const { world, input: { InstanceId, Name, Description = '', NoReboot = false, TagSpecifications, ...rest } } = call
  const strange = Object.keys(rest).find((key) => key !== 'DryRun')
  if (strange !== undefined) throw new Refusal('UnsupportedOperation', `${strange} is not played`)
  if (!NAME.test(Name)) throw new Refusal('InvalidAMIName.Malformed', 'AMI names must be between 3 and 128 characters long, and may contain letters, numbers, and some marks')
  if (Description.length > DESCRIPTION_LIMIT) throw new Refusal('InvalidParameterValue', 'The description is longer than 255')
  const { image = {}, snapshot = {} } = specified(TagSpecifications, ['image', 'snapshot'])
  const instance = one(call, world.instances.values(), { id: InstanceId, kind: KIND.instance })
  // One that runs would be restarted first.
  if (instance.state !== 'stopped') throw new Refusal(NoReboot || instance.state === 'running' ? 'UnsupportedOperation' : 'IncorrectInstanceState', `an image of an instance that is ${instance.state} is not played`)
  return { ImageId: world.createImage(instance, { name: Name, description: Description, imageTags: image, snapshotTags: snapshot }).id }
})

const deregister = taking<{ ImageId: string; DeleteAssociatedSnapshots?: boolean }>((call) => {
  if (IMAGES.some(({ id }) => id === call.input.ImageId)) throw new Refusal('AuthFailure', `Not authorized for images: [${call.input.ImageId}]`, 403)
  const image = one(call, call.world.images.values(), { id: call.input.ImageId, kind: KIND.image })
  if (call.input.DeleteAssociatedSnapshots !== undefined) throw new Refusal('UnsupportedOperation', 'DeleteAssociatedSnapshots is not played')
  call.world.deregister(image)
  return { Return: true }
})

const snapshotShape = (snapshot: Snapshot) => ({
  SnapshotId: snapshot.id, VolumeId: snapshot.volume, State: snapshot.state, StartTime: new Date(snapshot.createdAt), Progress: snapshot.state === 'completed' ? '100%' : '50%', OwnerId: ACCOUNT, Description: snapshot.description, VolumeSize: snapshot.sizeGb, Encrypted: snapshot.encrypted, StorageTier: 'standard', Tags: tagSet(snapshot.tags),
  ...(snapshot.state === 'completed' ? { FullSnapshotSizeInBytes: Math.round(snapshot.takesGb * 1024 ** 3) } : {}),
})
const describeSnapshots = taking<Listed & { SnapshotIds?: readonly string[]; OwnerIds?: readonly string[] }>((call) => {
  const { world, input } = call
  const mine = named(call, world.snapshots.values(), { ids: input.SnapshotIds, kind: KIND.snapshot })
  const found = filtered((input.OwnerIds ?? ['self']).some((owner) => owner === 'self' || owner === ACCOUNT) ? mine : [], input.Filters ?? [], { status: ({ state }) => state, 'volume-id': ({ volume }) => volume })
  const { items, ...page } = paged(found, input, call.seen)
  return { Snapshots: items.map(snapshotShape), ...page }
})
const deleteSnapshot = taking<{ SnapshotId: string }>((call) => {
  call.world.deleteSnapshot(one(call, call.world.snapshots.values(), { id: call.input.SnapshotId, kind: KIND.snapshot }))
  return {}
})

export const IMAGE_OPERATIONS = {
  DescribeImages: describeImages, CreateImage: createImage, DeregisterImage: deregister, DescribeSnapshots: describeSnapshots, DeleteSnapshot: deleteSnapshot,
} as const satisfies Record<string, Operation>
