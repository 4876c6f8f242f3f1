/** A home whose machines are bought from a simulated Hetzner, and what every benchmark on one needs. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startHetzner, type Backend, type HetznerSim } from '@berth/sim-hetzner'
import type { Workspace } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import type { Product } from '../product.ts'

const ASKED_AT_ONCE = 32
const WITHIN_MS = 20 * 60_000
export const VENDOR_TOKEN = 'T'.repeat(64)

export function startVendor(backend?: Backend): HetznerSim {
  const vendor = startHetzner(backend === undefined ? {} : { backend })
  vendor.world.tokens.set(VENDOR_TOKEN, 'read-write')
  return vendor
}

/** `config`: where machines reach the server. Absent: they are processes of this host. */
export function useVendor({ home }: Product, vendor: HetznerSim, config: string = onLoopback()): void {
  mkdirSync(join(home, 'providers'), { recursive: true })
  writeFileSync(join(home, 'config.yaml'), config)
  writeFileSync(join(home, 'providers/hetzner.yaml'), `endpoint: ${vendor.url}\nvolumeGb: 10\n`)
  writeFileSync(join(home, 'providers/hetzner.token'), VENDOR_TOKEN, { mode: 0o600 })
}

/** A server that comes back at another port would be lost to its machines. */
function onLoopback(): string {
  const probe = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  const { port } = probe
  probe.stop(true)
  return `linkPort: ${port}\nlinkUrl: http://127.0.0.1:${port}\n`
}

/** So many at once, in order. */
export async function inTurns<T>(items: Iterable<T>, work: (item: T) => Promise<unknown>): Promise<void> {
  const rest = items[Symbol.iterator]()
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, async () => {
    for (let one = rest.next(); one.done !== true; one = rest.next()) await work(one.value)
  }))
}

/** Machines are given back as a person would; throws where the vendor still charges for one. */
export async function giveBack(product: Product, vendor: HetznerSim): Promise<void> {
  const client = product.client()
  const end = performance.now() + WITHIN_MS
  // A list has an end, so it is asked for again.
  for (let list: Workspace[] = await client.listWorkspaces({}); list.length > 0 && performance.now() < end; list = await client.listWorkspaces({})) {
    await inTurns(list.filter(({ wish }) => wish.target !== 'deleted'), ({ id }) => client.deleteWorkspace({ id }))
    await Bun.sleep(200)
  }
  const left = vendor.world.ledger.running().filter(({ name }) => name.startsWith('berth-'))
  if (left.length > 0) throw new BerthError('internal', `${left.length} things are still paid for`)
}
