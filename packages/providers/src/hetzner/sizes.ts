/** Which server type is bought for what was asked, and what it costs. Prices are integer micro-units of the currency. */
import { ProviderFault, type Quote } from '@berth/core'
import type { Prices } from './prices.ts'

/** Of `GET /server_types`, what decides. */
export interface ServerType {
  readonly id: number
  readonly name: string
  readonly cores: number
  /** GB. */
  readonly memory: number
  /** GB, of its own. */
  readonly disk: number
  readonly architecture: string
  readonly cpu_type: string
  readonly deprecation: { readonly unavailable_after: string } | null
  readonly prices: readonly { readonly location: string; readonly price_hourly: { readonly net: string }; readonly price_monthly: { readonly net: string } }[]
}
export interface Wanted { readonly memoryBytes: number; readonly cpus: number }

const GIB = 1024 ** 3
const MICROS = 1_000_000
const HOURS_A_MONTH = 730
const HOUR_MS = 3_600_000

/** `monthlyMicros`: at most, in a calendar month. https://docs.hetzner.com/cloud/billing/faq */
interface ServerPrice { readonly hourlyMicros: number; readonly monthlyMicros: number }
/** Null: there is a price in it that is none. */
function serverPrice({ price_hourly: hourly, price_monthly: monthly }: ServerType['prices'][number]): ServerPrice | null {
  const price = { hourlyMicros: Math.ceil(Number(hourly.net) * MICROS), monthlyMicros: Math.ceil(Number(monthly.net) * MICROS) }
  return Object.values(price).every(Number.isFinite) ? price : null
}

/** Those that have enough, the cheapest first. */
export function fitting(types: readonly ServerType[], wanted: Wanted, { location, now }: { location: string; now: number }): ({ type: ServerType } & ServerPrice)[] {
  return types
    .filter(({ architecture, cores, memory, deprecation }) => architecture === 'x86' && cores >= wanted.cpus && memory * GIB >= wanted.memoryBytes && (deprecation === null || Date.parse(deprecation.unavailable_after) > now))
    .flatMap((type) => {
      const price = type.prices.find((each) => each.location === location)
      const priced = price === undefined ? null : serverPrice(price)
      return priced === null ? [] : [{ type, ...priced }]
    })
    .sort((a, b) => a.hourlyMicros - b.hourlyMicros || a.type.name.localeCompare(b.type.name))
}

/** `place`: where it is bought, with which disk and by which prices. */
export function quoteOf(types: readonly ServerType[], wanted: Wanted, place: { location: string; now: number; volumeGb: number; prices: Prices }): Quote {
  const [cheapest] = fitting(types, wanted, place)
  if (cheapest === undefined) throw tooLarge(wanted, place.location)
  return quoteFor({ type: cheapest.type.name, server: withAddress(cheapest, place) }, place)
}

/** Each server has one. */
function withAddress({ hourlyMicros, monthlyMicros }: ServerPrice, { location, prices: { ipv4HourMicros, ipv4MonthMicros } }: { location: string; prices: Prices }): ServerPrice {
  return { hourlyMicros: hourlyMicros + (ipv4HourMicros[location] ?? ipv4HourMicros.others), monthlyMicros: monthlyMicros + (ipv4MonthMicros[location] ?? ipv4MonthMicros.others) }
}

/** What stands there: of the size that was free, and the disk that was made. Absent: the vendor did not say. */
export function quoteOfBought({ server, volume }: { server: BoughtServer | null; volume: BoughtVolume | null }, prices: Prices): Quote | undefined {
  if (server === null) {
    // The disk alone.
    if (volume?.size === undefined) return undefined
    return quoteFor({ type: 'a disk', server: { hourlyMicros: 0, monthlyMicros: 0 } }, { location: volume.location?.name ?? '', volumeGb: volume.size, prices })
  }
  const { server_type: type, location = { name: '' }, public_net: net } = server
  const listed = type?.prices.find((each) => each.location === location.name)
  const price = listed === undefined ? null : serverPrice(listed)
  if (type === undefined || price === null) return undefined
  return quoteFor({ type: type.name, server: net?.ipv4 === null ? price : withAddress(price, { location: location.name, prices }) }, { location: location.name, volumeGb: volume?.size ?? 0, prices })
}
export interface BoughtServer { readonly server_type?: Pick<ServerType, 'name' | 'prices'>; readonly location?: { readonly name: string }; readonly public_net?: { readonly ipv4: object | null } }
export interface BoughtVolume { readonly size?: number; readonly location?: { readonly name: string } }

function quoteFor({ type, server }: { type: string; server: ServerPrice }, { location, volumeGb, prices }: { location: string; volumeGb: number; prices: Prices }): Quote {
  const diskMonth = Math.ceil(volumeGb * prices.volumeGbMonthMicros)
  const disk = Math.ceil(diskMonth / HOURS_A_MONTH)
  return {
    currency: prices.currency, runningMicrosPerHour: server.hourlyMicros + disk, stoppedMicrosPerHour: disk, runningMonthMicros: server.monthlyMicros + diskMonth, stoppedMonthMicros: diskMonth, incrementMs: HOUR_MS,
    note: `${type} in ${location}, net; each begun hour counts whole; stopped, its disk of ${volumeGb} GB is paid for`,
  }
}

export function tooLarge({ memoryBytes, cpus }: Wanted, location: string): ProviderFault {
  return new ProviderFault('unsupported', `Hetzner has no server with ${cpus} processors and ${Math.ceil(memoryBytes / GIB)} GB in ${location}`, { hint: 'ask for less memory or fewer processors, or set another location with `berth provider setup hetzner`' })
}
