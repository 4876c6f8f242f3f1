/**
 * What one can buy: a part of the vendor's list, net prices in EUR as published for Germany. They decide about nothing
 * but which size is chosen and what a ledger says.
 */
import type { Image, ServerType } from './model.ts'

export const LOCATIONS = [
  { id: 1, name: 'fsn1', city: 'Falkenstein', country: 'DE', latitude: 50.47612, longitude: 12.370071, network_zone: 'eu-central', description: 'Falkenstein DC Park 1' },
  { id: 2, name: 'nbg1', city: 'Nuremberg', country: 'DE', latitude: 49.452102, longitude: 11.076665, network_zone: 'eu-central', description: 'Nuremberg DC Park 1' },
  { id: 3, name: 'hel1', city: 'Helsinki', country: 'FI', latitude: 60.169855, longitude: 24.938379, network_zone: 'eu-central', description: 'Helsinki DC Park 1' },
] as const

const everywhere = (hourly: string, monthly: string) => Object.fromEntries(LOCATIONS.map(({ name }) => [name, { hourly, monthly }]))
export const SERVER_TYPES: readonly ServerType[] = [
  { id: 22, name: 'cpx11', cores: 2, memory: 2, disk: 40, architecture: 'x86', cpuType: 'shared', prices: everywhere('0.0070', '4.3500') },
  { id: 104, name: 'cx23', cores: 2, memory: 4, disk: 40, architecture: 'x86', cpuType: 'shared', prices: everywhere('0.0056', '3.4900') },
  { id: 106, name: 'cx33', cores: 4, memory: 8, disk: 80, architecture: 'x86', cpuType: 'shared', prices: everywhere('0.0088', '5.4900') },
  { id: 108, name: 'cx43', cores: 8, memory: 16, disk: 160, architecture: 'x86', cpuType: 'shared', prices: everywhere('0.0152', '9.4900') },
  { id: 45, name: 'cax11', cores: 2, memory: 4, disk: 40, architecture: 'arm', cpuType: 'shared', prices: everywhere('0.0061', '3.7900') },
  { id: 96, name: 'ccx13', cores: 2, memory: 8, disk: 80, architecture: 'x86', cpuType: 'dedicated', prices: everywhere('0.0200', '12.4900') },
  { id: 1, name: 'cx11', cores: 1, memory: 2, disk: 20, architecture: 'x86', cpuType: 'shared', prices: everywhere('0.0010', '0.6900'), deprecated: true },
]
export const IMAGES: readonly Image[] = [
  { id: 114690387, name: 'debian-12', flavor: 'debian', version: '12', architecture: 'x86' },
  { id: 161547269, name: 'ubuntu-24.04', flavor: 'ubuntu', version: '24.04', architecture: 'x86' },
  { id: 114690389, name: 'debian-12', flavor: 'debian', version: '12', architecture: 'arm' },
]
/** EUR for a GB and month of volumes, and of snapshots by what they take; EUR an hour for an address: since April 2026. */
export const PRICES = { volumeGbMonth: 0.0572, snapshotGbMonth: 0.0143, ipv4Hourly: 0.0008, ipv4Monthly: 0.5 } as const
export type Prices = Readonly<Record<keyof typeof PRICES, number>>
/** What the disk of a new machine with a few programs takes. */
export const SNAPSHOT_GB = 1.5
