/** What one can buy: a part of the vendor's list, on-demand prices of us-east-1 for Linux, in USD. They decide about nothing but which size is chosen and what a ledger says. */
import type { Image, InstanceType, Subnet } from './model.ts'

const GIB = 1024
/** name, processors, GiB, USD an hour */
type Row = readonly [string, number, number, number]
const of = ([name, vcpus, gib, hourly]: Row, architecture: InstanceType['architecture'] = 'x86_64'): InstanceType => ({ name, vcpus, memoryMib: gib * GIB, architecture, hourly, burstable: name.startsWith('t') })
const X86: readonly Row[] = [
  ['t3.micro', 2, 1, 0.0104], ['t3.small', 2, 2, 0.0208], ['t3.medium', 2, 4, 0.0416], ['t3.large', 2, 8, 0.0832], ['t3.xlarge', 4, 16, 0.1664], ['t3.2xlarge', 8, 32, 0.3328],
  ['t3a.small', 2, 2, 0.0188], ['t3a.medium', 2, 4, 0.0376], ['t3a.large', 2, 8, 0.0752], ['t3a.xlarge', 4, 16, 0.1504], ['t3a.2xlarge', 8, 32, 0.3008],
  ['c6a.large', 2, 4, 0.0765], ['c6a.xlarge', 4, 8, 0.153], ['m6a.large', 2, 8, 0.0864], ['m6a.xlarge', 4, 16, 0.1728], ['m6a.2xlarge', 8, 32, 0.3456], ['r6a.large', 2, 16, 0.1134],
  ['c5.large', 2, 4, 0.085], ['m5.large', 2, 8, 0.096], ['m5.xlarge', 4, 16, 0.192], ['m5.2xlarge', 8, 32, 0.384], ['r5.large', 2, 16, 0.126],
]
export const INSTANCE_TYPES: readonly InstanceType[] = [...X86.map((row) => of(row)), of(['t4g.medium', 2, 4, 0.0336], 'arm64')]
export const REGION = 'us-east-1'
const VPC = 'vpc-0a1b2c3d4e5f60718'
export const SUBNETS: readonly Subnet[] = ['a', 'b', 'c'].map((letter, at) => ({ id: `subnet-0000000000000000${at + 1}`, vpc: VPC, zone: `${REGION}${letter}`, publicIp: true }))
/** Debian's own account. */
const DEBIAN = '136693071363'
export const ACCOUNT = '123456789012'
const image = (n: number, name: string, at: string, more: Partial<Image> = {}): Image => ({ id: `ami-${String(n).padStart(17, '0')}`, snapshot: `snap-${String(n).padStart(17, '0')}`, name, owner: DEBIAN, architecture: 'x86_64', createdAt: Date.parse(at), rootGb: 8, ...more })
export const IMAGES: readonly Image[] = [
  image(1, 'debian-12-amd64-20250316-2053', '2025-03-16T20:55:00Z'), image(2, 'debian-12-amd64-20260112-2355', '2026-01-12T23:57:00Z'), image(3, 'debian-12-arm64-20260112-2355', '2026-01-12T23:57:00Z', { architecture: 'arm64' }),
  image(4, 'debian-13-amd64-20260210-1111', '2026-02-10T11:13:00Z'), image(5, 'debian-12-amd64-20990101-0000', '2099-01-01T00:00:00Z', { owner: '999999999999' }),
]
/** USD for a GB of a snapshot (standard tier) and month, by what it takes: a disk with a few programs takes so much. */
export const SNAPSHOT_GB_MONTH = 0.05
export const SNAPSHOT_GB = 1.5
/** USD for a GB of gp3 and month; USD an hour for a public IPv4 address. */
export const GP3_GB_MONTH = 0.08
export const IPV4_HOURLY = 0.005
