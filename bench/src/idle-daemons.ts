/**
 * Many idle daemons on one server: what it holds and computes for each, and how long it takes until all are back after it
 * was started again. The links and journals are the daemon's own, many in one process; a few are whole daemons. Their
 * machines are bought from a simulated vendor.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HetznerSim } from '@berth/sim-hetzner'
import { BerthError } from '@berth/wire/error'
import { newBoots } from './daemons/boots.ts'
import type { FromHost, ToHost } from './daemons/link-host.ts'
import { processorMs } from './daemons/processor-time.ts'
import { giveBack, inTurns, startVendor, useVendor } from './daemons/vendor.ts'
import { descendants, MB, pssBytes, timed, type Bench, type Figure, type World } from './measure.ts'
import { startProduct, type Product } from './product.ts'
import { bringUp, plainOn } from './workspace.ts'

const REAL = 3
const HOSTS = 4
const CALM_MS = 15_000
const WINDOW_MS = 60_000
const LIMIT_MS = 8 * 60_000
const EACH_MS = 150
const WITHIN_MS = 8 * 60_000
const NOTE_EVERY_MS = 10_000
const RECONNECT_GOAL_MS = 10_000

export const idleDaemons = (many: number): Bench => ({
  name: `idle-daemons-${many}`,
  summary: `${many} idle daemons on one server: memory, processor time, and all back after a restart`,
  limitMs: LIMIT_MS + many * EACH_MS,
  run: (world) => run(many, world),
})

async function* run(many: number, world: World): AsyncGenerator<Figure, void, void> {
  const vendor = startVendor()
  const hosts = startHosts()
  const product = startProduct()
  try {
    useVendor(product, vendor)
    await product.cli(['server', 'start'])
    await Bun.sleep(3000)
    const alone = standing(product)
    for (let at = 0; at < REAL; at += 1) await bringUp(product, `real-${at}`, plainOn('sleep infinity'))
    const began = performance.now()
    await buyAll(many, { product, vendor, hosts, world })
    world.note(`${many} connected ${((performance.now() - began) / 1000).toFixed(1)} s after the first was asked for`)
    yield* idle(many, { product, alone, world })
    yield* restart(many, { product, hosts, world })
    await giveBack(product, vendor)
  } finally {
    hosts.close()
    await product.close()
    await vendor.close()
  }
}

interface Parts { readonly product: Product; readonly vendor: HetznerSim; readonly hosts: Hosts; readonly world: World }
async function buyAll(many: number, { product, vendor, hosts, world }: Parts): Promise<void> {
  const client = product.client()
  const names = Array.from({ length: many }, (_, at) => `idle-${at}`)
  const asking = inTurns(names, (name) => client.createWorkspace({ source: { kind: 'empty' }, name, provider: 'hetzner', agent: 'plain', command: 'true' }, world.signal))
  const taken = new Set<number>()
  const end = performance.now() + WITHIN_MS
  while (hosts.connected() < many) {
    world.signal.throwIfAborted()
    if (performance.now() > end) throw new BerthError('timeout', `${hosts.connected()} of ${many} are connected, ${taken.size} were bought`)
    hosts.begin(newBoots(vendor.world, taken))
    await Bun.sleep(100)
  }
  await asking
  const count = await connectedOf(product)
  if (count !== many + REAL) throw new BerthError('internal', `the server knows ${count} daemons of ${many + REAL}`)
}

interface Standing { readonly server: number; readonly all: number; readonly pids: readonly number[] }
function standing(product: Product): Standing {
  const { pid } = product.server()
  const pids = serverFamily(pid)
  return { server: pssBytes(pid), all: pids.reduce((sum, each) => sum + pssBytes(each), 0), pids }
}

/** The server and its database; what it started for machines is theirs. */
const serverFamily = (pid: number): number[] => descendants(pid).filter((each) => each === pid || commandOf(each).includes('postgres'))
function commandOf(pid: number): string {
  const { stdout } = Bun.spawnSync(['ps', '-o', 'args=', '-p', String(pid)])
  return stdout.toString()
}

async function* idle(many: number, { product, alone, world }: { product: Product; alone: Standing; world: World }): AsyncGenerator<Figure> {
  await Bun.sleep(CALM_MS)
  const before = standing(product)
  const { pid } = product.server()
  const spentBefore = { server: processorMs([pid]), all: processorMs(before.pids) }
  const took = await timed(() => Bun.sleep(WINDOW_MS))
  const spent = { server: processorMs([pid]) - spentBefore.server, all: processorMs(before.pids) - spentBefore.all }
  const now = standing(product)
  world.note(`server ${(now.server / MB).toFixed(0)} MB of ${(now.all / MB).toFixed(0)}`)
  yield { name: `idle-daemons-${many}-memory`, value: now.all / MB, unit: 'MB', floor: alone.all / MB, detail: `PSS of server (${(now.server / MB).toFixed(0)}) and database; floor: without daemons (${(alone.server / MB).toFixed(0)})` }
  yield { name: `idle-daemons-${many}-memory-each`, value: (now.all - alone.all) / many / 1000, unit: 'kB', floor: null, detail: `server ${((now.server - alone.server) / many / 1000).toFixed(1)} kB of it` }
  yield { name: `idle-daemons-${many}-processor`, value: spent.all / took * 1000, unit: 'ms', floor: null, detail: `of processor time a second, for all; server ${(spent.server / took * 1000).toFixed(0)} ms; ${(spent.all / took * 1e6 / many).toFixed(0)} µs a second for each` }
}

async function* restart(many: number, { product, hosts, world }: Omit<Parts, 'vendor'>): AsyncGenerator<Figure> {
  const stopAt = Date.now()
  await product.cli(['server', 'stop'])
  const stoppedMs = Date.now() - stopAt
  // What the hosts said last may be older than the stop.
  await hosts.until((connected) => connected === 0, world.signal)
  const startAt = Date.now()
  await product.cli(['server', 'start'])
  const readyMs = Date.now() - startAt
  const backAt = await hosts.until((connected) => connected === many, world.signal, (connected) => world.note(`${connected} are back ${((Date.now() - startAt) / 1000).toFixed(0)} s after the start`))
  const count = await connectedOf(product)
  if (count !== many + REAL) throw new BerthError('internal', `the server knows ${count} daemons of ${many + REAL}`)
  const first = hosts.firstBackAfter(startAt) - startAt
  yield { name: `idle-daemons-${many}-reconnect`, value: backAt - startAt, unit: 'ms', floor: null, goal: many <= 1000 ? { valueAtMost: RECONNECT_GOAL_MS } : {}, detail: `from the start of the server until all are back; it answered after ${readyMs} ms, the first was back after ${first} ms; the stop took ${stoppedMs} ms` }
}

const connectedOf = async (product: Product): Promise<number> => (await product.client().server(undefined)).daemons

interface Hosts {
  begin(boots: ToHost['boots']): void
  connected(): number
  /** Since when it was so, in ms since the epoch. */
  until(fits: (connected: number) => boolean, signal: AbortSignal, note?: (connected: number) => void): Promise<number>
  firstBackAfter(at: number): number
  close(): void
}
function startHosts(): Hosts {
  const dir = mkdtempSync(join(tmpdir(), 'berth-bench-links-'))
  const seen: (FromHost & { readonly host: number })[] = []
  const latest = Array.from({ length: HOSTS }, (): FromHost => ({ connected: 0, rejected: 0, at: 0 }))
  const connected = (): number => latest.reduce((sum, host) => sum + host.connected, 0)
  const children = latest.map((_, host) => Bun.spawn([process.execPath, join(import.meta.dir, 'daemons/link-host.ts')], {
    stdin: 'ignore', stdout: 'inherit', stderr: 'inherit',
    ipc(message: FromHost) {
      latest[host] = message
      seen.push({ ...message, host })
    },
  }))
  let turn = 0
  return {
    connected,
    begin(boots) {
      const shares = children.map((): ToHost['boots'][number][] => [])
      for (const boot of boots) shares[turn++ % HOSTS]?.push(boot)
      for (const [at, share] of shares.entries()) if (share.length > 0) children[at]?.send({ boots: share, dir } satisfies ToHost)
    },
    async until(fits, signal, note) {
      const end = performance.now() + WITHIN_MS
      let said = performance.now()
      while (!fits(connected())) {
        signal.throwIfAborted()
        if (performance.now() > end) throw new BerthError('timeout', `${connected()} were connected at the end`)
        if (performance.now() > said + NOTE_EVERY_MS) {
          said = performance.now()
          note?.(connected())
        }
        await Bun.sleep(20)
      }
      return Math.max(...latest.map(({ at }) => at))
    },
    firstBackAfter: (at) => seen.find((message) => message.at >= at && message.connected > 0)?.at ?? Number.NaN,
    close() {
      for (const child of children) child.kill('SIGKILL')
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
