/**
 * Waits until the zone's own servers tell a record. A resolver in between is not asked, because it would remember for
 * an hour that there is none; the servers of the zone are found through it.
 */
import { Resolver } from 'node:dns/promises'
import { setTimeout as sleep } from 'node:timers/promises'

export interface DnsLook {
  /** Asked instead of the zone's servers. */
  readonly servers: readonly string[] | null
  readonly withinMs?: number
  readonly everyMs?: number
}
const WITHIN_MS = 120_000
const EVERY_MS = 2000
const QUESTION = { timeout: 3000, tries: 2 }

export async function seenInDns(name: string, value: string, look: DnsLook, signal: AbortSignal): Promise<boolean> {
  const servers = look.servers ?? (await zoneServers(name))
  if (servers.length === 0) return false
  const end = Date.now() + (look.withinMs ?? WITHIN_MS)
  for (;;) {
    const told = await Promise.all(servers.map((server) => tells(server, name, value)))
    if (told.every(Boolean)) return true
    if (Date.now() >= end) return false
    await sleep(look.everyMs ?? EVERY_MS, undefined, { signal })
  }
}

async function tells(server: string, name: string, value: string): Promise<boolean> {
  const resolver = new Resolver(QUESTION)
  resolver.setServers([server])
  const records = await resolver.resolveTxt(name).catch(() => [])
  return records.some((parts) => parts.join('') === value)
}

/** Addresses of the servers of the zone that the name is in; none when nobody can be asked. */
async function zoneServers(name: string): Promise<string[]> {
  const resolver = new Resolver(QUESTION)
  for (let zone = name; zone.includes('.'); zone = zone.slice(zone.indexOf('.') + 1)) {
    const hosts = await resolver.resolveNs(zone).catch(() => [])
    if (hosts.length === 0) continue
    const addresses = await Promise.all(hosts.slice(0, 4).map((host) => resolver.resolve4(host).catch(() => [])))
    return addresses.flat()
  }
  return []
}
