/** What can be bought, and where. */
import { ACCOUNT, INSTANCE_TYPES, REGION, SUBNETS } from '../catalogue.ts'
import { Refusal } from '../model.ts'
import { filtered, paged, type Listed } from '../select.ts'
import { taking, type Operation } from './call.ts'

const types = taking<Listed & { InstanceTypes?: readonly string[] }>(({ input, seen }) => {
  const unknown = input.InstanceTypes?.find((name) => !INSTANCE_TYPES.some((type) => type.name === name))
  if (unknown !== undefined) throw new Refusal('InvalidInstanceType', `The following supplied instance types do not exist: [${unknown}]`)
  const asked = INSTANCE_TYPES.filter(({ name }) => input.InstanceTypes?.includes(name) ?? true)
  const found = filtered(asked, input.Filters ?? [], { 'instance-type': ({ name }) => name, 'processor-info.supported-architecture': ({ architecture }) => architecture, 'current-generation': () => 'true' })
  const { items, ...page } = paged(found, { MaxResults: 100, ...input }, seen)
  return { InstanceTypes: items.map(({ name, vcpus, memoryMib, architecture, burstable }) => ({
    InstanceType: name, CurrentGeneration: true, BareMetal: false, Hypervisor: 'nitro', VCpuInfo: { DefaultVCpus: vcpus }, MemoryInfo: { SizeInMiB: memoryMib }, ProcessorInfo: { SupportedArchitectures: [architecture], SustainedClockSpeedInGhz: 2.5 }, InstanceStorageSupported: false, BurstablePerformanceSupported: burstable,
  })), ...page }
})

const subnets = taking<Listed & { SubnetIds?: readonly string[] }>(({ input, seen }) => {
  const unknown = input.SubnetIds?.find((id) => !SUBNETS.some((subnet) => subnet.id === id))
  if (unknown !== undefined) throw new Refusal('InvalidSubnetID.NotFound', `The subnet ID '${unknown}' does not exist`)
  const asked = SUBNETS.filter(({ id }) => input.SubnetIds?.includes(id) ?? true)
  const found = filtered(asked, input.Filters ?? [], { 'default-for-az': () => 'true', 'subnet-id': ({ id }) => id, 'vpc-id': ({ vpc }) => vpc, 'availability-zone': ({ zone }) => zone, state: () => 'available' })
  const { items, ...page } = paged(found, input, seen)
  return { Subnets: items.map(({ id, vpc, zone, publicIp }) => ({ SubnetId: id, VpcId: vpc, AvailabilityZone: zone, State: 'available', CidrBlock: '172.31.0.0/20', AvailableIpAddressCount: 4091, DefaultForAz: true, MapPublicIpOnLaunch: publicIp, OwnerId: ACCOUNT, Tags: [] })), ...page }
})

export const CATALOGUE = {
  DescribeInstanceTypes: types, DescribeSubnets: subnets,
  DescribeRegions: () => ({ Regions: [{ RegionName: REGION, Endpoint: `ec2.${REGION}.amazonaws.com`, OptInStatus: 'opt-in-not-required' }] }),
  // Nobody makes one; it is asked whether one may.
  CreateVpc: () => { throw new Refusal('UnsupportedOperation', 'networks are not played') },
} as const satisfies Record<string, Operation>
