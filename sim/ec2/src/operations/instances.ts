/** Instances: bought, listed, started, stopped, given back. */
import { ACCOUNT, INSTANCE_TYPES, SUBNETS } from '../catalogue.ts'
import { Refusal, type Image, type Instance, type InstanceState } from '../model.ts'
import { filtered, paged, type Listed } from '../select.ts'
import type { NewDisk, World } from '../world.ts'
import { KIND, named, one, specified, tagSet, taking, type Operation, type TagSpecification } from './call.ts'

interface Mapping { readonly DeviceName?: string; readonly Ebs?: { readonly VolumeSize?: number; readonly VolumeType?: string; readonly Encrypted?: boolean; readonly DeleteOnTermination?: boolean } }
interface Interface { readonly DeviceIndex?: number; readonly SubnetId?: string; readonly Groups?: readonly string[]; readonly AssociatePublicIpAddress?: boolean; readonly DeleteOnTermination?: boolean }
interface RunRequest {
  readonly ImageId: string
  readonly InstanceType: string
  readonly MinCount: number
  readonly MaxCount: number
  readonly SubnetId?: string
  readonly SecurityGroupIds?: readonly string[]
  readonly NetworkInterfaces: readonly Interface[]
  readonly UserData: string
  readonly ClientToken?: string
  readonly BlockDeviceMappings: readonly Mapping[]
  readonly TagSpecifications: readonly TagSpecification[]
  readonly MetadataOptions: { readonly HttpTokens?: 'optional' | 'required'; readonly HttpPutResponseHopLimit?: number; readonly HttpEndpoint?: string }
  readonly InstanceInitiatedShutdownBehavior: 'stop' | 'terminate'
  readonly DryRun: boolean
}

/** The vendor's limit, of what is encoded. */
const USER_DATA_LIMIT = 16 * 1024
const TOKEN_LIMIT = 64
/** What this simulator plays; what else the description allows is refused aloud. */
const PLAYED = new Set(['ImageId', 'InstanceType', 'MinCount', 'MaxCount', 'SubnetId', 'SecurityGroupIds', 'NetworkInterfaces', 'UserData', 'ClientToken', 'BlockDeviceMappings', 'TagSpecifications', 'MetadataOptions', 'InstanceInitiatedShutdownBehavior', 'DryRun'])
const CODES: Readonly<Record<InstanceState, number>> = { pending: 0, running: 16, 'shutting-down': 32, terminated: 48, stopping: 64, stopped: 80 }
const ROOT = '/dev/xvda'

/** As a request without them is understood. */
const DEFAULT = { UserData: '', ImageId: '', InstanceType: '', TagSpecifications: [], BlockDeviceMappings: [], NetworkInterfaces: [], MetadataOptions: {}, InstanceInitiatedShutdownBehavior: 'stop', DryRun: false } as const

function chosen(world: World, input: RunRequest) {
  const image = world.imageOf(input.ImageId)
  if (image === null) throw new Refusal('InvalidAMIID.NotFound', `The image id '[${input.ImageId}]' does not exist`)
  if ('state' in image && image.state !== 'available') throw new Refusal('InvalidAMIID.Unavailable', `The image ID '${image.id}' is not available`)
  const type = INSTANCE_TYPES.find(({ name }) => name === input.InstanceType)
  if (type === undefined) throw new Refusal('InvalidParameterValue', `Invalid value '${input.InstanceType}' for InstanceType.`)
  if (type.architecture !== image.architecture) throw new Refusal('InvalidParameterValue', `The architecture '${type.architecture}' of the specified instance type does not match the architecture '${image.architecture}' of the specified AMI.`)
  return { image, type }
}

function networkOf(world: World, { NetworkInterfaces: [given], SubnetId, SecurityGroupIds }: RunRequest) {
  if (given !== undefined && (SubnetId !== undefined || SecurityGroupIds !== undefined)) throw new Refusal('InvalidParameterCombination', 'Network interfaces and an instance-level subnet ID may not be specified on the same request')
  const { SubnetId: id = SUBNETS[0]?.id, Groups: groups = [], AssociatePublicIpAddress: publicIp } = given ?? { ...(SubnetId === undefined ? {} : { SubnetId }), ...(SecurityGroupIds === undefined ? {} : { Groups: SecurityGroupIds }) }
  const subnet = SUBNETS.find((each) => each.id === id)
  if (subnet === undefined) throw new Refusal('InvalidSubnetID.NotFound', `The subnet ID '${id ?? ''}' does not exist`)
  for (const group of groups) if (!world.groups.has(group)) throw new Refusal('InvalidGroup.NotFound', `The security group '${group}' does not exist`)
  return { subnet, groups, publicIp: publicIp ?? subnet.publicIp }
}

function disksOf(input: RunRequest, image: Pick<Image, 'snapshot' | 'rootGb'>): NewDisk[] {
  const root: NewDisk = { device: ROOT, sizeGb: image.rootGb, encrypted: false, snapshot: image.snapshot, deleteOnTermination: true }
  const disks = new Map<string, NewDisk>([[ROOT, root]])
  for (const mapping of input.BlockDeviceMappings) {
    const disk = diskOf(mapping, mapping.DeviceName === ROOT ? root : null)
    disks.set(disk.device, disk)
  }
  return [...disks.values()]
}

const DEVICE = /^\/dev\/(xvd[a-z]|sd[a-z]\d?)$/
const LARGEST_GB = 16_384
/** `from`: what the image says of the same device. */
function diskOf({ DeviceName: device = '', Ebs = {} }: Mapping, from: NewDisk | null): NewDisk {
  const base = from ?? { sizeGb: 1, snapshot: '', deleteOnTermination: false }
  const { VolumeSize: sizeGb = from === null ? 0 : base.sizeGb, VolumeType: kind = 'gp2', Encrypted: encrypted = false, DeleteOnTermination: deleteOnTermination = base.deleteOnTermination } = Ebs
  if (!DEVICE.test(device)) throw new Refusal('InvalidBlockDeviceMapping', `Invalid device name ${device}`)
  if (sizeGb < base.sizeGb || sizeGb > LARGEST_GB) throw new Refusal('InvalidBlockDeviceMapping', `Volume of size ${sizeGb}GB is smaller than snapshot, expect size >= ${base.sizeGb}GB`)
  if (kind !== 'gp3' && kind !== 'gp2') throw new Refusal('InvalidParameterValue', `the volume type ${kind} is not played`)
  return { device, sizeGb, encrypted, snapshot: base.snapshot, deleteOnTermination }
}

function userDataOf({ UserData }: Pick<RunRequest, 'UserData'>): string {
  const bytes = Buffer.from(UserData, 'base64')
  if (bytes.toString('base64') !== UserData) throw new Refusal('InvalidUserData.Malformed', 'Invalid BASE64 encoding of user data')
  if (bytes.length > USER_DATA_LIMIT) throw new Refusal('InvalidParameterValue', 'User data is limited to 16384 bytes')
  return bytes.toString('utf8')
}

const run = taking<Partial<RunRequest> & Pick<RunRequest, 'MinCount' | 'MaxCount'>>(({ world, input: given }) => {
  const strange = Object.keys(given).find((key) => !PLAYED.has(key))
  if (strange !== undefined) throw new Refusal('UnsupportedOperation', `${strange} is not played`)
  if (given.MinCount !== 1 || given.MaxCount !== 1) throw new Refusal('InvalidParameterValue', 'one instance at a time is played')
  const clientToken = given.ClientToken ?? world.nextId('token')
  if (clientToken.length > TOKEN_LIMIT) throw new Refusal('InvalidParameterValue', 'ClientToken is longer than 64')
  const input: RunRequest = { ...DEFAULT, ...given }
  const { HttpTokens: tokens = 'optional', HttpPutResponseHopLimit: hops = 1 } = input.MetadataOptions
  const { instance = {}, volume = {}, 'network-interface': networkInterface = {} } = specified(input.TagSpecifications, ['instance', 'volume', 'network-interface'])
  const { image, type } = chosen(world, input)
  const wanted = { image, type, ...networkOf(world, input), disks: disksOf(input, image), tags: instance, volumeTags: volume, interfaceTags: networkInterface, userData: userDataOf(input), clientToken, onShutdown: input.InstanceInitiatedShutdownBehavior, metadata: { tokens, hops }, asked: JSON.stringify(given) }
  if (input.DryRun) throw new Refusal('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', 412)
  const made = world.run(wanted)
  return { ReservationId: made.id.replace('i-', 'r-'), OwnerId: ACCOUNT, Groups: [], Instances: [instanceShape(world, made)] }
})

function instanceShape(world: World, instance: Instance): unknown {
  const its = world.interfaces.get(instance.networkInterface)
  const disks = [...world.volumes.values()].filter(({ attached }) => attached?.instance === instance.id)
  return {
    InstanceId: instance.id, ImageId: instance.image.id, State: stateShape(instance.state), InstanceType: instance.type.name, LaunchTime: new Date(instance.launchedAt), ClientToken: instance.clientToken, AmiLaunchIndex: 0,
    Placement: { AvailabilityZone: instance.subnet.zone, GroupName: '', Tenancy: 'default' }, SubnetId: instance.subnet.id, VpcId: instance.subnet.vpc, Architecture: instance.image.architecture, RootDeviceType: 'ebs', RootDeviceName: ROOT,
    PrivateIpAddress: its?.privateIp, PublicIpAddress: its?.publicIp ?? undefined, StateTransitionReason: instance.reason, Monitoring: { State: 'disabled' }, EbsOptimized: false, VirtualizationType: 'hvm', Hypervisor: 'xen',
    SecurityGroups: instance.groups.map((id) => ({ GroupId: id, GroupName: world.groups.get(id)?.name ?? '' })),
    MetadataOptions: { State: 'applied', HttpTokens: instance.metadata.tokens, HttpPutResponseHopLimit: instance.metadata.hops, HttpEndpoint: 'enabled' },
    BlockDeviceMappings: disks.flatMap(({ id, attached }) => (attached === null ? [] : [{ DeviceName: attached.device, Ebs: { VolumeId: id, Status: 'attached', AttachTime: new Date(attached.at), DeleteOnTermination: attached.deleteOnTermination } }])),
    Tags: tagSet(instance.tags),
  }
}
const stateShape = (state: InstanceState) => ({ Code: CODES[state], Name: state })

const describe = taking<Listed & { InstanceIds?: readonly string[] }>((call) => {
  const { world, input } = call
  const found = filtered(named(call, world.instances.values(), { ids: input.InstanceIds, kind: KIND.instance }), input.Filters ?? [], {
    'instance-state-name': ({ state }) => state, 'client-token': ({ clientToken }) => clientToken, 'availability-zone': ({ subnet }) => subnet.zone, 'instance-id': ({ id }) => id,
  })
  const { items, ...page } = paged(found, input, call.seen)
  return { Reservations: items.map((instance) => ({ ReservationId: instance.id.replace('i-', 'r-'), OwnerId: ACCOUNT, Groups: [], Instances: [instanceShape(world, instance)] })), ...page }
})

/** All or none. */
const changing = (key: string, change: (world: World, instance: Instance) => void): Operation => taking<{ InstanceIds: readonly string[] }>((call) => {
  const instances = named(call, call.world.instances.values(), { ids: call.input.InstanceIds, kind: KIND.instance })
  return { [key]: instances.map((instance) => {
    const before = instance.state
    change(call.world, instance)
    return { InstanceId: instance.id, PreviousState: stateShape(before), CurrentState: stateShape(instance.state) }
  }) }
})

const output = taking<{ InstanceId: string }>(async (call) => {
  const instance = one(call, call.world.instances.values(), { id: call.input.InstanceId, kind: KIND.instance })
  const text = instance.state === 'terminated' ? '' : await call.world.console(instance)
  return { InstanceId: instance.id, Timestamp: new Date(call.world.now()), ...(text === '' ? {} : { Output: Buffer.from(text).toString('base64') }) }
})

const modify = taking<{ InstanceId: string; UserData?: { Value?: string } }>(async (call) => {
  const { InstanceId, UserData, ...rest } = call.input
  if (UserData === undefined || Object.keys(rest).length > 0) throw new Refusal('UnsupportedOperation', 'of the attributes, user data is played')
  await call.world.setUserData(one(call, call.world.instances.values(), { id: InstanceId, kind: KIND.instance }), userDataOf({ UserData: UserData.Value ?? '' }))
  return {}
})

export const INSTANCES = {
  RunInstances: run, ModifyInstanceAttribute: modify, DescribeInstances: describe, GetConsoleOutput: output,
  StartInstances: changing('StartingInstances', (world, instance) => world.start(instance)),
  StopInstances: changing('StoppingInstances', (world, instance) => world.stop(instance)),
  TerminateInstances: changing('TerminatingInstances', (world, instance) => world.terminate(instance)),
} as const satisfies Record<string, Operation>
