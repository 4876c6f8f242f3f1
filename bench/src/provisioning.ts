/**
 * What Berth itself adds until a workspace is there, and what d4 asks of the whole: over a vendor that takes no time, at a
 * vendor that fails now and then, and over one whose machines really boot, against the same boot without Berth.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createContainers, type Backend, type Fault, type HetznerSim } from '@berth/sim-hetzner'
import { follow, type Client } from '@berth/client'
import type { WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { openWayIn } from '../../e2e/src/clouds/way-in.ts'
import { modelHost } from '../../e2e/src/providers.ts'
import { bootIn } from './daemons/boots.ts'
import { startIdleLink, type IdleLink } from './daemons/idle-link.ts'
import { giveBack, inTurns, startVendor, useVendor, VENDOR_TOKEN } from './daemons/vendor.ts'
import { median, percentile, spread, type Bench, type Figure, type World } from './measure.ts'
import { startProduct, type Product } from './product.ts'

const RUNS = 40
const WARM = 5
const OVERHEAD_GOAL_MS = 150
const FAULTY = 200
/** Of the calls of the vendor: refused before, lost or refused after the fact, limited. */
const FAULT_RATE = 0.1
const UP_WITHIN_MS = 5 * 60_000
const BOOTS = 3
/** That Berth buys for a workspace of the usual size. */
const SERVER_TYPE = 'cx33'
const BOOT_RATIO_GOAL = 1.3
const USABLE_GOAL_MS = 300_000
const STOP_GOAL_MS = 30_000
const NAME_GOAL_MS = 120_000
const NAMED_PORT = 3000
/** Of what every image with cloud-init has. */
const SERVES = `python3 -m http.server --bind 127.0.0.1 ${NAMED_PORT}`
const LOOK_MS = 50

export const provisioningOverhead: Bench = { name: 'provisioning-overhead', summary: 'what Berth adds until a workspace is there, over a vendor and a machine that take no time', run: overhead }
export const provisioningSuccess: Bench = { name: 'provisioning-success', summary: 'how many of 200 come up where a tenth of the vendor\'s answers are wrong', run: underFaults }
export const provisioningBoot: Bench = { name: 'provisioning-boot', summary: 'machines that really boot, against that boot without Berth: connected, usable, found by name, given back', run: boots }

/** Daemons that dial in the moment their machine was bought. */
function atOnce(dir: string): { backend: Backend; boughtAt: Map<string, number>; close(): Promise<void> } {
  const links: IdleLink[] = []
  const boughtAt = new Map<string, number>()
  const nothing = async (): Promise<void> => {}
  return {
    boughtAt,
    backend: {
      async create({ userData }) {
        const boot = bootIn(userData)
        boughtAt.set(boot.workspaceId, performance.now())
        links.push(startIdleLink(boot, dir))
      },
      start: nothing, stop: nothing, remove: nothing, removeVolume: nothing, onPoweredOff() {},
    },
    async close() {
      await Promise.all(links.map((link) => link.close()))
    },
  }
}

async function withVendor<T>(use: (parts: { product: Product; vendor: HetznerSim; boughtAt: ReadonlyMap<string, number> }) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'berth-bench-links-'))
  const daemons = atOnce(dir)
  const vendor = startVendor(daemons.backend)
  const product = startProduct()
  try {
    useVendor(product, vendor)
    await product.cli(['server', 'start'])
    const result = await use({ product, vendor, boughtAt: daemons.boughtAt })
    vendor.world.faults.length = 0
    await giveBack(product, vendor)
    return result
  } finally {
    await product.close()
    await daemons.close()
    await vendor.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

const create = (client: Client, name: string, services: { name: string; command: string }[] = []) => client.createWorkspace({ source: { kind: 'empty' }, name, provider: 'hetzner', agent: 'plain', command: 'true', services })

/** By the event that says so, which the store writes before anything else is told. */
async function connectedAt(product: Product, id: WorkspaceId, withinMs: number): Promise<number | null> {
  const endpoint = product.endpoint()
  const stop = AbortSignal.timeout(withinMs)
  try {
    for await (const { body } of follow(endpoint, id, { after: 0, signal: stop })) if (body.type === 'daemon.connected') return performance.now()
  } catch (error) {
    if (!stop.aborted) throw error
  }
  return null
}

async function* overhead({ signal, note }: World): AsyncGenerator<Figure> {
  const all: number[] = []
  const bought: number[] = []
  await withVendor(async ({ product, boughtAt }) => {
    const client = product.client()
    for (let run = 0; run < RUNS + WARM; run += 1) {
      signal.throwIfAborted()
      const since = performance.now()
      const { id } = await create(client, `one-${run}`)
      const at = await connectedAt(product, id, UP_WITHIN_MS)
      if (at === null) throw new BerthError('timeout', `workspace ${run} is not connected`)
      if (run < WARM) continue
      all.push(at - since)
      bought.push((boughtAt.get(id) ?? Number.NaN) - since)
    }
  })
  note(`bought after ${median(bought).toFixed(0)} ms, connected after ${median(all).toFixed(0)} ms`)
  yield { name: 'provisioning-overhead', value: percentile(all, 95), unit: 'ms', floor: null, goal: { valueAtMost: OVERHEAD_GOAL_MS }, detail: `p95 from the request until a client knows that the daemon is connected, at a vendor and a machine that take no time; median ${median(all).toFixed(0)}, of it until the machine is bought ${median(bought).toFixed(0)}; ${spread(all, 'ms')}` }
}

const KINDS: readonly Fault['what'][] = [
  { kind: 'refuse', status: 503, code: 'service_error' }, { kind: 'refuse', status: 429, code: 'rate_limit_exceeded', headers: { 'ratelimit-limit': '3600', 'ratelimit-remaining': '0', 'ratelimit-reset': '0' } },
  { kind: 'after', status: 502 }, { kind: 'lost' }, { kind: 'truncated' },
]
/** One that happens at random, for ever. */
function atRandom(): Fault {
  let next: Fault['what'] = KINDS[0] as Fault['what']
  return {
    path: /./,
    get times() {
      next = KINDS[Math.floor(Math.random() * KINDS.length)] as Fault['what']
      return Math.random() < FAULT_RATE ? 1 : 0
    },
    set times(_) {},
    get what() { return next },
  }
}

async function* underFaults({ note }: World): AsyncGenerator<Figure> {
  const times: number[] = []
  /** Why those that did not come up did not. */
  const missed = new Map<string, number>()
  const miss = (why: string): void => void missed.set(why, (missed.get(why) ?? 0) + 1)
  await withVendor(async ({ product, vendor }) => {
    vendor.world.faults.push(atRandom())
    const client = product.client()
    await inTurns(Array.from({ length: FAULTY }, (_, at) => `faulty-${at}`), async (name) => {
      const since = performance.now()
      // Refused before anything was made, because the vendor could not be asked: that one did not succeed.
      const made = await create(client, name).catch((error: unknown) => {
        miss(`refused: ${error instanceof Error ? error.message : String(error)}`)
        return null
      })
      if (made === null) return
      const at = await connectedAt(product, made.id, UP_WITHIN_MS)
      if (at !== null) times.push(at - since)
      else miss((await client.getWorkspace({ id: made.id })).error?.message ?? 'not in time')
    })
    note(`${times.length} of ${FAULTY} came up${[...missed].map(([why, count]) => `\n  ${count} did not: ${why}`).join('')}`)
  })
  yield { name: 'provisioning-success', value: 100 * times.length / FAULTY, unit: '%', floor: null, goal: { valueAtLeast: 95 }, detail: `of ${FAULTY} asked for, 32 at once, connected within ${UP_WITHIN_MS / 60_000} min, where ${FAULT_RATE * 100} % of the vendor's answers are 429, 502, 503, lost or cut off; median ${median(times).toFixed(0)} ms, slowest ${Math.max(...times).toFixed(0)}` }
}

/** When the name of a workspace's port first leads to what its dev server says. The name is asked for by what knows no more than it. */
async function namedAt(client: Client, id: WorkspaceId, signal: AbortSignal): Promise<number> {
  const { url } = await client.setPreview({ id, port: NAMED_PORT, access: 'public' })
  const { host, port } = new URL(url)
  const answers = (): Promise<boolean> => fetch(`http://127.0.0.1:${port}/`, { headers: { host }, redirect: 'manual', signal }).then(async (answer) => answer.ok && (await answer.text()).includes('Directory listing'), () => false)
  while (!(await answers())) {
    signal.throwIfAborted()
    await Bun.sleep(LOOK_MS)
  }
  return performance.now()
}

/** Turn about: a server that says at the end of cloud-init that it is there, and a workspace. */
async function* boots({ signal, note }: World): AsyncGenerator<Figure> {
  const containers = createContainers(`bench-hetzner-${process.pid}`)
  const vendor = startVendor(containers)
  const bridge = modelHost('docker')
  const wayIn = openWayIn(bridge)
  const product = startProduct()
  const [bare, connected, usable, stopped, named]: [number[], number[], number[], number[], number[]] = [[], [], [], [], []]
  try {
    useVendor(product, vendor, wayIn.config)
    await product.cli(['server', 'start'])
    const client = product.client()
    for (let run = 0; run <= BOOTS; run += 1) {
      signal.throwIfAborted()
      const floor = await bareBoot(vendor, bridge, run)
      const since = performance.now()
      const { id } = await create(client, `boot-${run}`, [{ name: 'dev', command: SERVES }])
      const at = await connectedAt(product, id, UP_WITHIN_MS)
      if (at === null) throw new BerthError('timeout', 'the machine did not call home')
      // Not before: who asks all the time slows down what is measured.
      const naming = namedAt(client, id, AbortSignal.any([signal, AbortSignal.timeout(UP_WITHIN_MS)]))
      while ((await client.getWorkspace({ id })).phase !== 'running') await Bun.sleep(LOOK_MS)
      const readyAt = performance.now()
      const nameAt = await naming
      const givenBackSince = performance.now()
      await client.deleteWorkspace({ id })
      while (vendor.world.ledger.running().some(({ name }) => name.startsWith('berth-'))) await Bun.sleep(LOOK_MS)
      note(`bare ${floor.toFixed(0)} ms, connected ${(at - since).toFixed(0)} ms, usable ${(readyAt - since).toFixed(0)} ms, its name answers ${(nameAt - since).toFixed(0)} ms, gone ${(performance.now() - givenBackSince).toFixed(0)} ms`)
      // The first pair only warms caches.
      if (run === 0) continue
      bare.push(floor)
      connected.push(at - since)
      usable.push(readyAt - since)
      named.push(nameAt - since)
      stopped.push(performance.now() - givenBackSince)
    }
  } finally {
    await product.close()
    wayIn.close()
    await vendor.close()
    await containers.close()
  }
  yield { name: 'provisioning-boot', value: median(connected), unit: 'ms', floor: median(bare), goal: { ratioAtMost: BOOT_RATIO_GOAL }, detail: `until the daemon of a machine that really boots is connected; floor: the same server without Berth until cloud-init's last command; ${spread(connected, 'ms')}` }
  yield { name: 'provisioning-usable', value: Math.max(...usable), unit: 'ms', floor: null, goal: { valueAtMost: USABLE_GOAL_MS }, detail: `SC-001: the slowest of ${usable.length} until it can be used` }
  yield { name: 'provisioning-name', value: Math.max(...named), unit: 'ms', floor: null, goal: { valueAtMost: NAME_GOAL_MS }, detail: `SC-007: the slowest of ${named.length} from the request until the name of its port leads to its dev server; median ${median(named).toFixed(0)}` }
  yield { name: 'provisioning-stop', value: Math.max(...stopped), unit: 'ms', floor: null, goal: { valueAtMost: STOP_GOAL_MS }, detail: `SC-005: the slowest of ${stopped.length} from the word until nothing is paid for` }
}

/** What Berth buys, and nothing of Berth in it. */
async function bareBoot(vendor: HetznerSim, bridge: string, run: number): Promise<number> {
  const there = Promise.withResolvers<number>()
  const bell = Bun.serve({ hostname: bridge, port: 0, fetch() { there.resolve(performance.now()); return new Response() } })
  const ask = async (method: string, path: string, body?: unknown): Promise<Record<string, { id: number; status?: string }>> => {
    const answer = await fetch(`${vendor.url}${path}`, { method, headers: { authorization: `Bearer ${VENDOR_TOKEN}`, 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    if (!answer.ok) throw new BerthError('internal', `${method} ${path}: ${answer.status}`)
    return (answer.status === 204 ? {} : await answer.json()) as Record<string, { id: number; status?: string }>
  }
  try {
    const since = performance.now()
    const { volume } = await ask('POST', '/volumes', { name: `bare-${run}`, size: 10, location: 'fsn1', format: 'ext4' })
    const config = { runcmd: [['curl', '--silent', '--retry', '20', '--retry-connrefused', `http://${bridge}:${bell.port}/`]] }
    const { server } = await ask('POST', '/servers', { name: `bare-${run}`, server_type: SERVER_TYPE, image: 'debian-12', location: 'fsn1', volumes: [volume?.id], automount: true, user_data: `#cloud-config\n${JSON.stringify(config)}\n` })
    const at = await Promise.race([there.promise, Bun.sleep(UP_WITHIN_MS).then(() => Number.NaN)])
    await ask('DELETE', `/servers/${server?.id}`)
    while ((await fetch(`${vendor.url}/servers/${server?.id}`, { headers: { authorization: `Bearer ${VENDOR_TOKEN}` } })).status !== 404) await Bun.sleep(LOOK_MS)
    await ask('DELETE', `/volumes/${volume?.id}`)
    return at - since
  } finally {
    await bell.stop(true)
  }
}
