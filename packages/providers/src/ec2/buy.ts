/** One instance of the cheapest size that is free, in the zone of its disk or in any of the region. */
import { createHash } from 'node:crypto'
import { ProviderFault, type MachineSpec, type Owner } from '@berth/core'
import { cloudConfig } from '../cloud-init/cloud-config.ts'
import { remoteBoot } from '../remote-boot.ts'
import type { Deps } from './deps.ts'
import { DISK, FORMAT_DISK } from './disk.ts'
import { ensureGroup } from './group.ts'
import { preparedImage } from './images.ts'
import { DISK_DEVICE, tagListOf, type Instance, type Volume } from './machine.ts'
import { imageOf, regionOf, type Image, type Place } from './region.ts'
import { bought, USER_DATA_LIMIT, type Doing } from './run.ts'
import type { Parameters } from './signed.ts'
import { fitting, tooLarge } from './sizes.ts'

const HOUR_MS = 3_600_000
const TOKEN_LENGTH = 48

export interface Purchase { readonly owner: Owner; readonly spec: MachineSpec; /** Of before; null: it is bought with the instance. */ readonly disk: Volume | null; /** Ids of instances that ended. */ readonly ended: readonly string[] }

/** Null: it was bought a moment ago, and lists do not have it yet. */
export async function buy(deps: Deps, purchase: Purchase, { signal, log }: Doing): Promise<Instance | null> {
  const { options } = deps
  const region = await regionOf(deps, signal)
  const sizes = fitting(purchase.spec, { named: options.instanceTypes, offered: region.offered })
  if (sizes.length === 0) throw tooLarge(purchase.spec, options.region)
  const places = region.places.filter(({ zone }) => purchase.disk === null || zone === purchase.disk.zone)
  if (places.length === 0) throw new ProviderFault('invalid', `the disk is in ${purchase.disk?.zone ?? 'a zone'}, and no subnet there is`, { hint: 'name a subnet of that zone too: berth provider setup ec2 --subnet' })
  const image = purchase.spec.image === null ? await preparedImage(deps, purchase.spec, signal) ?? region.image : await imageOf(deps, purchase.spec.image, signal)
  const group = await ensureGroup(deps, region.vpc, signal)
  const from = image.id === region.image.id || purchase.spec.image !== null ? '' : `, from the image ${image.id}`
  return bought(deps, { sizes, places }, ({ type, place }) => asked(deps, purchase, { type, place, image, group }), { signal, log: (line) => log?.(`${line}${from}`) })
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
