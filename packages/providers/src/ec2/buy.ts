/** One instance of the cheapest size that is free, in the zone of its disk or in any of the region. */
import { createHash } from 'node:crypto'
import { ProviderFault, type MachineSpec, type Owner } from '@berth/core'
import { cloudConfig } from '../cloud-init/cloud-config.ts'
import { installationShown, OWNER_LABEL } from '../owner-labels.ts'
import { remoteBoot } from '../remote-boot.ts'
import { isRefusal } from './client.ts'
import type { Deps } from './deps.ts'
import { DISK, FORMAT_DISK } from './disk.ts'
import { DISK_DEVICE, instanceIn, tagListOf, type Instance, type Volume } from './machine.ts'
import { imageOf, regionOf, type Image, type Place } from './region.ts'
import type { Parameters } from './signed.ts'
import { fitting, tooLarge } from './sizes.ts'
import { itemsOf, textOf } from './xml.ts'

/** The vendor's limit, of what is not encoded yet. */
const USER_DATA_LIMIT = 16 * 1024
/** Of sizes that are tried when the cheapest are not free. */
const SIZES_AT_MOST = 4
const HOUR_MS = 3_600_000
const TOKEN_LENGTH = 48

export interface Purchase { readonly owner: Owner; readonly spec: MachineSpec; /** Of before; null: it is bought with the instance. */ readonly disk: Volume | null; /** Ids of instances that ended. */ readonly ended: readonly string[] }
interface Doing { readonly signal: AbortSignal; readonly log?: (line: string) => void }

/** Null: it was bought a moment ago, and lists do not have it yet. */
export async function buy(deps: Deps, purchase: Purchase, { signal, log }: Doing): Promise<Instance | null> {
  const { options } = deps
  const region = await regionOf(deps, signal)
  const sizes = fitting(purchase.spec, { named: options.instanceTypes, offered: region.offered }).slice(0, SIZES_AT_MOST)
  if (sizes.length === 0) throw tooLarge(purchase.spec, options.region)
  const places = region.places.filter(({ zone }) => purchase.disk === null || zone === purchase.disk.zone)
  if (places.length === 0) throw new ProviderFault('invalid', `the disk is in ${purchase.disk?.zone ?? 'a zone'}, and no subnet there is`, { hint: 'name a subnet of that zone too: berth provider setup ec2 --subnet' })
  const image = purchase.spec.image === null ? region.image : await imageOf(deps, purchase.spec.image, signal)
  const group = await ensureGroup(deps, region.vpc, signal)
  let full: unknown = null
  for (const { name } of sizes) {
    for (const place of places) {
      try {
        log?.(`buying a ${name} in ${place.zone}`)
        const answer = await deps.api.call('RunInstances', { parameters: asked(deps, purchase, { type: name, place, image, group }), what: 'making the instance' }, signal)
        const [made] = itemsOf(answer, 'instancesSet').map(instanceIn)
        return made ?? null
      } catch (error) {
        if (isRefusal(error, 'IdempotentParameterMismatch')) return null
        if (!(error instanceof ProviderFault) || error.category !== 'capacity') throw error
        log?.(`no ${name} is free in ${place.zone}`)
        full = error
      }
    }
  }
  throw full
}

interface Where { readonly type: string; readonly place: Place; readonly image: Image; readonly group: string }

function asked({ options }: Deps, { owner, spec, disk, ended }: Purchase, { type, place, image, group }: Where): Parameters {
  const tags = tagListOf(owner, options.now())
  const ebs = { VolumeType: 'gp3', Encrypted: true }
  return {
    ImageId: image.id, InstanceType: type, MinCount: 1, MaxCount: 1, UserData: Buffer.from(instructions(options, owner, spec)).toString('base64'),
    // The same wish again buys nothing, however often its answer is lost. An instance that ended is not wished for again.
    ClientToken: createHash('sha256').update(JSON.stringify([owner.installation, owner.workspaceId, owner.generation, type, place.zone, ended, Math.floor(options.now() / HOUR_MS)])).digest('hex').slice(0, TOKEN_LENGTH),
    NetworkInterface: [{ DeviceIndex: 0, SubnetId: place.subnet, SecurityGroupId: [group], DeleteOnTermination: true, ...(options.subnets.length === 0 ? { AssociatePublicIpAddress: true } : {}) }],
    BlockDeviceMapping: [
      { DeviceName: image.rootDevice, Ebs: { ...ebs, VolumeSize: Math.max(options.rootGb, image.rootGb), DeleteOnTermination: true } },
      ...(disk === null ? [{ DeviceName: DISK_DEVICE, Ebs: { ...ebs, VolumeSize: options.volumeGb, DeleteOnTermination: false } }] : []),
    ],
    // Who is in the machine or in a container of it gets nothing from the metadata address by one forwarded request.
    MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
    // What switches itself off is paid for no longer; its disk stays.
    InstanceInitiatedShutdownBehavior: 'terminate',
    TagSpecification: ['instance', 'volume', 'network-interface'].map((ResourceType) => ({ ResourceType, Tag: tags })),
  }
}

export function instructions({ endAfterHours }: Pick<Deps['options'], 'endAfterHours'>, owner: Owner, spec: MachineSpec): string {
  const boot = remoteBoot(owner, spec, { isolation: 'vm', what: 'an instance of EC2' })
  return cloudConfig({ boot, toolboxHash: spec.boot.toolbox.hash, diskMount: DISK.mount, diskDevice: DISK.device, prepareDisk: FORMAT_DISK, restarts: true, endAfterMinutes: endAfterHours * 60 }, { limitBytes: USER_DATA_LIMIT })
}

const groupName = (installation: string): string => `berth-${installationShown(installation)}`

async function groupOf({ api, options }: Deps, signal: AbortSignal): Promise<{ id: string; ours: boolean } | null> {
  const { items } = await api.list('DescribeSecurityGroups', { set: 'securityGroupInfo', parameters: { Filter: [{ Name: 'group-name', Value: [groupName(options.installation)] }] }, what: 'looking for the security group' }, signal)
  const [found] = items
  if (found === undefined) return null
  return { id: textOf(found, 'groupId'), ours: itemsOf(found, 'tagSet').some((tag) => textOf(tag, 'key') === OWNER_LABEL.installation && textOf(tag, 'value') === options.installation) }
}

/** One for the installation, free of charge: nothing comes in, all goes out. */
async function ensureGroup(deps: Deps, vpc: string, signal: AbortSignal): Promise<string> {
  const there = await groupOf(deps, signal)
  if (there?.ours === false) throw new ProviderFault('conflict', `a security group named ${groupName(deps.options.installation)} belongs to somebody else`, { hint: 'rename or remove it in the console of Amazon' })
  if (there !== null) return there.id
  try {
    const answer = await deps.api.call('CreateSecurityGroup', { parameters: { GroupName: groupName(deps.options.installation), GroupDescription: 'Workspaces of Berth: nothing comes in', VpcId: vpc, TagSpecification: [{ ResourceType: 'security-group', Tag: [{ Key: OWNER_LABEL.installation, Value: deps.options.installation }] }] }, what: 'making the security group' }, signal)
    return textOf(answer, 'groupId')
  } catch (error) {
    // Another workspace was faster, and lists may not have it yet.
    if (isRefusal(error, 'InvalidGroup.Duplicate')) throw new ProviderFault('transient', 'the security group is made', { hint: 'it is tried again', cause: error })
    throw error
  }
}

/** When the last machine went. Where one still uses it, it stays. */
export async function removeGroup(deps: Deps, signal: AbortSignal): Promise<void> {
  const there = await groupOf(deps, signal)
  if (there?.ours !== true) return
  try {
    await deps.api.call('DeleteSecurityGroup', { parameters: { GroupId: there.id }, what: 'removing the security group' }, signal)
  } catch (error) {
    if (!isRefusal(error, 'DependencyViolation', 'InvalidGroup.NotFound', 'InvalidGroup.InUse')) throw error
  }
}
