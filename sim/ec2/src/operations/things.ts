/** Disks, network interfaces, security groups and tags. */
import { ACCOUNT, SUBNETS } from '../catalogue.ts'
import { Refusal, type NetworkInterface, type SecurityGroup, type Volume } from '../model.ts'
import { filtered, paged, type Listed } from '../select.ts'
import { KIND, named, one, specified, tagSet, tagsOf, taking, type Operation, type TagList, type TagSpecification } from './call.ts'

interface CreateVolume { readonly AvailabilityZone?: string; readonly Size?: number; readonly VolumeType?: string; readonly Encrypted?: boolean; readonly ClientToken?: string; readonly TagSpecifications?: readonly TagSpecification[] }

const volumeShape = (volume: Volume) => ({
  VolumeId: volume.id, Size: volume.sizeGb, SnapshotId: volume.snapshot, AvailabilityZone: volume.zone, State: volume.state, CreateTime: new Date(volume.createdAt), VolumeType: 'gp3', Iops: 3000, Encrypted: volume.encrypted, MultiAttachEnabled: false,
  Attachments: volume.attached === null ? [] : [attachmentShape(volume, 'attached')], Tags: tagSet(volume.tags),
})
const attachmentShape = ({ id, attached }: Volume, state: string) => ({ VolumeId: id, InstanceId: attached?.instance, Device: attached?.device, State: state, AttachTime: new Date(attached?.at ?? 0), DeleteOnTermination: attached?.deleteOnTermination })

const createVolume = taking<CreateVolume>(({ world, input }) => {
  if (!SUBNETS.some(({ zone }) => zone === input.AvailabilityZone)) throw new Refusal('InvalidZone.NotFound', `The zone '${input.AvailabilityZone ?? ''}' does not exist.`)
  if (input.Size === undefined || input.Size < 1 || input.Size > 16_384) throw new Refusal('InvalidParameterValue', `Volume of ${input.Size ?? 0}GiB is invalid`)
  const tags = specified(input.TagSpecifications, ['volume'])['volume'] ?? {}
  return volumeShape(world.createVolume({ zone: input.AvailabilityZone ?? '', sizeGb: input.Size, encrypted: input.Encrypted ?? false, snapshot: '', tags }, { clientToken: input.ClientToken ?? world.nextId('token'), asked: JSON.stringify(input) }))
})
const describeVolumes = taking<Listed & { VolumeIds?: readonly string[] }>((call) => {
  const { world, input } = call
  const found = filtered(named(call, world.volumes.values(), { ids: input.VolumeIds, kind: KIND.volume }), input.Filters ?? [], { status: ({ state }) => state, 'availability-zone': ({ zone }) => zone, 'attachment.instance-id': ({ attached }) => attached?.instance ?? [] })
  const { items, ...page } = paged(found, input, call.seen)
  return { Volumes: items.map(volumeShape), ...page }
})
const attach = taking<{ VolumeId: string; InstanceId: string; Device: string }>((call) => {
  const { world, input } = call
  const volume = one(call, world.volumes.values(), { id: input.VolumeId, kind: KIND.volume })
  world.attach(volume, one(call, world.instances.values(), { id: input.InstanceId, kind: KIND.instance }), input.Device)
  return attachmentShape(volume, 'attaching')
})
const detach = taking<{ VolumeId: string }>((call) => {
  const volume = one(call, call.world.volumes.values(), { id: call.input.VolumeId, kind: KIND.volume })
  const answer = attachmentShape(volume, 'detaching')
  call.world.detach(volume)
  return answer
})
const deleteVolume = taking<{ VolumeId: string }>((call) => {
  call.world.deleteVolume(one(call, call.world.volumes.values(), { id: call.input.VolumeId, kind: KIND.volume }))
  return {}
})

const interfaceShape = (its: NetworkInterface) => ({
  NetworkInterfaceId: its.id, SubnetId: its.subnet.id, VpcId: its.subnet.vpc, AvailabilityZone: its.subnet.zone, PrivateIpAddress: its.privateIp, OwnerId: ACCOUNT, Status: its.instance === null ? 'available' : 'in-use',
  ...(its.instance === null ? {} : { Attachment: { AttachmentId: its.id.replace('eni-', 'eni-attach-'), InstanceId: its.instance, DeviceIndex: 0, Status: 'attached', DeleteOnTermination: true, AttachTime: new Date(its.createdAt) } }), TagSet: tagSet(its.tags),
})
const describeInterfaces = taking<Listed & { NetworkInterfaceIds?: readonly string[] }>((call) => {
  const { world, input } = call
  const found = filtered(named(call, world.interfaces.values(), { ids: input.NetworkInterfaceIds, kind: KIND.networkInterface }), input.Filters ?? [], { status: ({ instance }) => (instance === null ? 'available' : 'in-use') })
  const { items, ...page } = paged(found, input, call.seen)
  return { NetworkInterfaces: items.map(interfaceShape), ...page }
})
const deleteInterface = taking<{ NetworkInterfaceId: string }>((call) => {
  call.world.deleteInterface(one(call, call.world.interfaces.values(), { id: call.input.NetworkInterfaceId, kind: KIND.networkInterface }))
  return {}
})

const groupShape = (group: SecurityGroup) => ({
  GroupId: group.id, GroupName: group.name, Description: group.description, VpcId: group.vpc, OwnerId: ACCOUNT, Tags: tagSet(group.tags), IpPermissions: [],
  IpPermissionsEgress: [{ IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }], Ipv6Ranges: [], PrefixListIds: [], UserIdGroupPairs: [] }],
})
const createGroup = taking<{ GroupName: string; Description: string; VpcId?: string; TagSpecifications?: readonly TagSpecification[] }>(({ world, input }) => {
  if (!/^[\w .:/()#,@[\]+=&;{}!$*-]{1,255}$/.test(input.GroupName) || input.GroupName.startsWith('sg-')) throw new Refusal('InvalidParameterValue', `Value (${input.GroupName}) for parameter GroupName is invalid.`)
  const vpc = input.VpcId ?? SUBNETS[0]?.vpc ?? ''
  if (!SUBNETS.some((subnet) => subnet.vpc === vpc)) throw new Refusal('InvalidVpcID.NotFound', `The vpc ID '${vpc}' does not exist`)
  const group = world.addGroup({ name: input.GroupName, description: input.Description, vpc, tags: specified(input.TagSpecifications, ['security-group'])['security-group'] ?? {} })
  return { GroupId: group.id, Tags: tagSet(group.tags) }
})
const describeGroups = taking<Listed & { GroupIds?: readonly string[] }>((call) => {
  const { world, input } = call
  const found = filtered(named(call, world.groups.values(), { ids: input.GroupIds, kind: KIND.group }), input.Filters ?? [], { 'group-name': ({ name }) => name, 'vpc-id': ({ vpc }) => vpc })
  const { items, ...page } = paged(found, input, call.seen)
  return { SecurityGroups: items.map(groupShape), ...page }
})
const deleteGroup = taking<{ GroupId?: string }>((call) => {
  const group = one(call, call.world.groups.values(), { id: call.input.GroupId ?? '', kind: KIND.group })
  call.world.deleteGroup(group)
  return { Return: true, GroupId: group.id }
})

const createTags = taking<{ Resources: readonly string[]; Tags: readonly TagList[] }>(({ world, input }) => {
  const tags = tagsOf(input.Tags)
  const things = input.Resources.map((id) => {
    const thing = world.instances.get(id) ?? world.volumes.get(id) ?? world.interfaces.get(id) ?? world.groups.get(id) ?? world.images.get(id) ?? world.snapshots.get(id)
    if (thing === undefined) throw new Refusal('InvalidID', `The ID '${id}' is not valid`)
    return thing
  })
  for (const thing of things) thing.tags = { ...thing.tags, ...tags }
  return {}
})

export const THINGS = {
  CreateVolume: createVolume, DescribeVolumes: describeVolumes, AttachVolume: attach, DetachVolume: detach, DeleteVolume: deleteVolume,
  DescribeNetworkInterfaces: describeInterfaces, DeleteNetworkInterface: deleteInterface,
  CreateSecurityGroup: createGroup, DescribeSecurityGroups: describeGroups, DeleteSecurityGroup: deleteGroup, CreateTags: createTags,
} as const satisfies Record<string, Operation>
