/**
 * The network of a service of a compose file. It is held by a container that does nothing, so that its walls stand before
 * the service's first program begins, which may be anybody's; the service joins it, and is found there by its names.
 */
import type { CallContext, Owner } from '@berth/core'
import { createCompanion, inspectCompanion, startCompanion, type CompanionState } from './companions.ts'
import type { ReadyService } from './devcontainer/compose/service-images.ts'
import { hostUsrPaths } from './host-usr.ts'
import { ensureHostUsr } from './images.ts'
import { machineName } from './names.ts'
import type { WalledMachine, WallsDeps } from './walls.ts'

/** What the service joins, and since when it is there. */
export interface ServiceNetwork { readonly id: string; readonly startedAt: number }
export type HoldNetwork = (service: ReadyService, context: CallContext) => Promise<ServiceNetwork>
type Held = CompanionState & WalledMachine
export interface ServiceNetworkDeps extends Pick<WallsDeps, 'engine' | 'images'> { readonly walls: (network: WalledMachine, context: CallContext) => Promise<void> }

const HOSTNAME_LIMIT = 63
/** For a program that sleeps. */
const MEMORY_BYTES = 32 * 1024 * 1024
const PIDS = 16
/** By its container and its start: they go with it. */
const walled = new Set<string>()
const WALLED_KEPT = 10_000

export const networkName = (service: string): string => `network-${service}`

export async function holdNetwork(deps: ServiceNetworkDeps, { owner, service, since }: { owner: Owner; service: ReadyService; /** The machine's last start. */ since: number }, context: CallContext): Promise<ServiceNetwork> {
  const { engine, images } = deps
  const { signal } = context
  const of = { owner, name: networkName(service.name) }
  const before = await inspectCompanion(engine, of, signal)
  if (before === null) {
    const image = await ensureHostUsr(images, signal)
    await createCompanion(engine, { ...of, body: bodyOf(owner, { image: image.reference, service }) }, signal)
  }
  if (before === null || before.State.Status !== 'running' || startOf(before) < since) await startCompanion(engine, of, signal)
  const held = (await inspectCompanion(engine, of, signal)) as Held | null
  if (held === null) throw new Error(`${of.name} was removed while it started`)
  const start = `${held.Id} ${held.State.StartedAt ?? ''}`
  if (!walled.has(start)) {
    await deps.walls(held, context)
    if (walled.size >= WALLED_KEPT) walled.clear()
    walled.add(start)
  }
  return { id: held.Id, startedAt: startOf(held) }
}

/** Null: none runs. */
export async function heldNetwork(engine: ServiceNetworkDeps['engine'], { owner, service }: { owner: Owner; service: ReadyService }, signal: AbortSignal): Promise<WalledMachine | null> {
  const found = (await inspectCompanion(engine, { owner, name: networkName(service.name) }, signal)) as Held | null
  return found?.State.Status === 'running' ? found : null
}

const startOf = ({ State }: CompanionState): number => Date.parse(State.StartedAt ?? '') || 0

function bodyOf(owner: Owner, { image, service: { name, shape } }: { image: string; service: ReadyService }): Record<string, unknown> {
  const network = machineName(owner)
  return {
    Image: image, User: '65534:65534', WorkingDir: '/', Entrypoint: ['/bin/sleep', 'infinity'], Cmd: [], Hostname: name.slice(0, HOSTNAME_LIMIT), Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      Init: true, NetworkMode: network, CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges'], ReadonlyRootfs: true, Memory: MEMORY_BYTES, MemorySwap: MEMORY_BYTES, PidsLimit: PIDS, RestartPolicy: { Name: 'no' },
      Mounts: hostUsrPaths().map((path) => ({ Type: 'bind', Source: path, Target: path, ReadOnly: true })), LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } },
    },
    NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: shape.aliases } } },
  }
}
