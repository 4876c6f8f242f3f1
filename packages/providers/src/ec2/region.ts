/** What a region offers an account: sizes, subnets, the image. Changes seldom, so it is asked for seldom. */
import { ProviderFault } from '@berth/core'
import type { Deps } from './deps.ts'
import { TYPE_NAMES } from './sizes.ts'
import { itemsOf, textOf, type Element } from './xml.ts'

export interface Place { readonly subnet: string; readonly zone: string }
export interface Image { readonly id: string; readonly rootDevice: string; readonly rootGb: number }
export interface Region { readonly offered: ReadonlySet<string>; readonly vpc: string; readonly places: readonly Place[]; readonly image: Image }

const FRESH_MS = 60 * 60_000
/** Debian's own account: https://wiki.debian.org/Cloud/AmazonEC2Image */
const DEBIAN = '136693071363'
const DEBIAN_NAMES = 'debian-12-amd64-*'

export async function regionOf(deps: Deps, signal: AbortSignal): Promise<Region> {
  const { region, options } = deps
  if (region.known !== null && options.now() - region.at < FRESH_MS) return region.known
  const [offered, { vpc, places }, image] = await Promise.all([typesOf(deps, signal), placesOf(deps, signal), imageOf(deps, deps.options.image, signal)])
  region.known = { offered, vpc, places, image }
  region.at = options.now()
  return region.known
}

async function all({ api }: Deps, action: string, at: { set: string; parameters: Parameters<Deps['api']['list']>[1]['parameters']; what: string }, signal: AbortSignal): Promise<readonly Element[]> {
  const { items, complete } = await api.list(action, { set: at.set, what: at.what, ...(at.parameters === undefined ? {} : { parameters: at.parameters }) }, signal)
  if (!complete) throw new ProviderFault('transient', `Amazon EC2 gave only a part of a list (${at.what})`, { hint: 'it is tried again' })
  return items
}

async function typesOf(deps: Deps, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const items = await all(deps, 'DescribeInstanceTypes', { set: 'instanceTypeSet', parameters: { Filter: [{ Name: 'instance-type', Value: TYPE_NAMES }] }, what: 'asking for sizes' }, signal)
  return new Set(items.map((item) => textOf(item, 'instanceType')))
}

async function placesOf(deps: Deps, signal: AbortSignal): Promise<Pick<Region, 'vpc' | 'places'>> {
  const { subnets, region } = deps.options
  const named = subnets.length > 0
  const found = await all(deps, 'DescribeSubnets', { set: 'subnetSet', parameters: { Filter: [named ? { Name: 'subnet-id', Value: subnets } : { Name: 'default-for-az', Value: ['true'] }] }, what: 'asking for subnets' }, signal)
  const vpc = found.map((item) => textOf(item, 'vpcId'))[0]
  if (vpc === undefined) throw new ProviderFault('invalid', named ? `there is no such subnet in ${region}` : `the account has no default network in ${region}`, { hint: 'name subnets that reach the internet: berth provider setup ec2 --subnet subnet-…' })
  const places = found.filter((item) => textOf(item, 'vpcId') === vpc).map((item) => ({ subnet: textOf(item, 'subnetId'), zone: textOf(item, 'availabilityZone') }))
  return { vpc, places: places.sort((a, b) => a.zone.localeCompare(b.zone)) }
}

/** Null: the newest Debian. */
export async function imageOf(deps: Deps, image: string | null, signal: AbortSignal): Promise<Image> {
  const { region } = deps.options
  const of = image === null ? { Owner: [DEBIAN], Filter: [{ Name: 'name', Value: [DEBIAN_NAMES] }, { Name: 'state', Value: ['available'] }] } : { Filter: [{ Name: 'image-id', Value: [image] }] }
  const found = await all(deps, 'DescribeImages', { set: 'imagesSet', parameters: of, what: 'asking for the image' }, signal)
  const [newest] = [...found].sort((a, b) => textOf(b, 'creationDate').localeCompare(textOf(a, 'creationDate')))
  if (newest === undefined) throw new ProviderFault('invalid', `there is no image ${image ?? DEBIAN_NAMES} in ${region}`, { hint: 'name one with `berth provider setup ec2 --image ami-…`' })
  const rootDevice = textOf(newest, 'rootDeviceName')
  const root = itemsOf(newest, 'blockDeviceMapping').find((item) => textOf(item, 'deviceName') === rootDevice)
  return { id: textOf(newest, 'imageId'), rootDevice, rootGb: Number(root === undefined ? 0 : textOf(root, 'ebs', 'volumeSize')) || 0 }
}
