/**
 * Which instance type is bought for what was asked, and what it costs. Prices are integer micro-units: on demand, Linux,
 * us-east-1, as published in 2026. EC2 itself tells no prices.
 */
import { ProviderFault, type Quote } from '@berth/core'

export interface Wanted { readonly memoryBytes: number; readonly cpus: number }
export interface InstanceType { readonly name: string; readonly vcpus: number; readonly memoryGib: number; readonly hourlyMicros: number }
type Row = readonly [name: string, vcpus: number, memoryGib: number, hourlyMicros: number]

const FIXED: readonly Row[] = [
  ['c6a.large', 2, 4, 76_500], ['c6a.xlarge', 4, 8, 153_000], ['c6a.2xlarge', 8, 16, 306_000], ['c6a.4xlarge', 16, 32, 612_000],
  ['m6a.large', 2, 8, 86_400], ['m6a.xlarge', 4, 16, 172_800], ['m6a.2xlarge', 8, 32, 345_600], ['m6a.4xlarge', 16, 64, 691_200], ['r6a.large', 2, 16, 113_400], ['r6a.xlarge', 4, 32, 226_800], ['r6a.2xlarge', 8, 64, 453_600],
  ['c5.large', 2, 4, 85_000], ['m5.large', 2, 8, 96_000], ['m5.xlarge', 4, 16, 192_000], ['m5.2xlarge', 8, 32, 384_000], ['m5.4xlarge', 16, 64, 768_000], ['r5.large', 2, 16, 126_000], ['r5.xlarge', 4, 32, 252_000], ['r5.2xlarge', 8, 64, 504_000],
]
/** What these take beyond their share is charged on top, so they are bought only where a person named them. */
const BURSTABLE: readonly Row[] = [
  ['t3a.small', 2, 2, 18_800], ['t3a.medium', 2, 4, 37_600], ['t3a.large', 2, 8, 75_200], ['t3a.xlarge', 4, 16, 150_400], ['t3a.2xlarge', 8, 32, 300_800],
  ['t3.small', 2, 2, 20_800], ['t3.medium', 2, 4, 41_600], ['t3.large', 2, 8, 83_200], ['t3.xlarge', 4, 16, 166_400], ['t3.2xlarge', 8, 32, 332_800],
]
const typeOf = ([name, vcpus, memoryGib, hourlyMicros]: Row): InstanceType => ({ name, vcpus, memoryGib, hourlyMicros })
const ALL: readonly InstanceType[] = [...FIXED, ...BURSTABLE].map(typeOf)
const USUAL: ReadonlySet<string> = new Set(FIXED.map(([name]) => name))

const GIB = 1024 ** 3
const HOURS_A_MONTH = 730
/** A GB of gp3 and month; an hour of a public address. */
const GP3_GB_MONTH_MICROS = 80_000
const IPV4_HOUR_MICROS = 5000

export const TYPE_NAMES: readonly string[] = ALL.map(({ name }) => name)

/** Those that have enough, the cheapest first. `named`: by a person; `offered`: by the region, null: not asked yet. */
export function fitting(wanted: Wanted, { named, offered }: { named: readonly string[]; offered: ReadonlySet<string> | null }): InstanceType[] {
  return ALL
    .filter(({ name }) => (named.length === 0 ? USUAL.has(name) : named.includes(name)) && (offered === null || offered.has(name)))
    .filter(({ vcpus, memoryGib }) => vcpus >= wanted.cpus && memoryGib * GIB >= wanted.memoryBytes)
    .sort((a, b) => a.hourlyMicros - b.hourlyMicros || a.name.localeCompare(b.name))
}

const diskMicros = (gb: number): number => Math.ceil(gb * GP3_GB_MONTH_MICROS / HOURS_A_MONTH)

export function quoteOf([cheapest]: readonly InstanceType[], { wanted, region, diskGb }: { wanted: Wanted; region: string; diskGb: number }): Quote {
  if (cheapest === undefined) throw tooLarge(wanted, region)
  const disks = diskMicros(diskGb)
  return { currency: 'USD', runningMicrosPerHour: cheapest.hourlyMicros + IPV4_HOUR_MICROS + disks, stoppedMicrosPerHour: disks, note: `${cheapest.name}, list price of us-east-1${region === 'us-east-1' ? '' : ` (${region} differs somewhat)`}, with a public address; stopped, its disks of ${diskGb} GB are paid for` }
}

export function tooLarge({ memoryBytes, cpus }: Wanted, region: string): ProviderFault {
  return new ProviderFault('unsupported', `none of the instance types that Berth buys in ${region} has ${cpus} processors and ${Math.ceil(memoryBytes / GIB)} GB`, { hint: 'ask for less memory or fewer processors, or name types with `berth provider setup ec2 --instance-type`' })
}
