/**
 * The `ec2` provider: a machine is an instance of Amazon EC2 with a root of its own, and an encrypted disk with its tree,
 * home and state. A stop is the vendor's: it keeps both, and they are paid for. An instance that switches itself off is
 * gone, and its disk stays. Never run against the live vendor: tested against a simulator by the schemas of its client.
 */
import { isPassing, ProviderFault, type CallContext, type Leftover, type Machine, type MachineSpec, type Observed, type Owner, type Provider, type ProviderCheck, type ProviderFinding, type Step } from '@berth/core'
import { createMadeImages, withImageLeftovers } from '../made-images.ts'
import { createOneAtATime } from '../one-at-a-time.ts'
import { buy, instructions } from './buy.ts'
import { createApi, endpointOf, isGone, isRefusal } from './client.ts'
import type { Credentials } from './credentials.ts'
import type { Deps, Options } from './deps.ts'
import { removeGroup } from './group.ts'
import { imageVendor } from './images.ts'
import { find, interfacesOf, inventory, isKind, leftoversOf, remove } from './inventory.ts'
import { DISK_DEVICE, diskOf, isAhead, LEAVING, machineOf, observedOf, type Found, type Instance } from './machine.ts'
import { regionOf } from './region.ts'
import { fitting, quoteOf } from './sizes.ts'
import { textOf } from './xml.ts'

export { credentialsIn, credentialsOf, type Credentials } from './credentials.ts'

export interface Ec2ProviderOptions extends Pick<Options, 'installation' | 'log'>, Partial<Omit<Options, 'installation' | 'log' | 'image'>> {
  /** Read anew for each call; null: nobody set any. */
  readonly credentials: () => Credentials | null
  readonly image?: string
  readonly endpoint?: string
  /** In place of the runtime's, for tests. */
  readonly fetch?: (request: Request) => Promise<Response>
}

const GIB = 1024 ** 3
const DEFAULT: Omit<Options, 'installation' | 'log'> = { region: 'us-east-1', subnets: [], image: null, instanceTypes: [], rootGb: 12, volumeGb: 20, endAfterHours: 12, now: Date.now }
/** Between two looks at an instance that boots, stops or goes. */
const LOOK_AGAIN_MS = 2000
/** After it lists have what was bought. */
const LAG_MS = 2 * 60_000
/** It is asked to shut down, then the plug is pulled. */
const SHUTDOWN_MS = 3 * 60_000
const SMALLEST_MEMORY_BYTES = 64 * 1024 * 1024

const SETUP_HINT = '`berth provider setup ec2 --credentials-file <path> --region <region>`; docs/ec2.md says what its user has to be allowed'

export function createEc2Provider({ credentials, endpoint, fetch = globalThis.fetch, ...given }: Ec2ProviderOptions): Provider {
  const options: Options = { ...DEFAULT, ...given }
  const keys = (): Credentials => {
    const are = credentials()
    if (are === null) throw new ProviderFault('auth', 'there are no keys for Amazon EC2', { hint: SETUP_HINT })
    return are
  }
  const deps: Deps = { api: createApi({ endpoint: endpoint ?? endpointOf(options.region), region: options.region, credentials: keys, now: options.now, fetch }), options, region: { known: null, at: 0 }, bought: new Map() }
  const { api } = deps
  const images = imageVendor(deps)
  const oneAtATime = createOneAtATime()
  return {
    name: 'ec2',
    unverifiedLive: true,
    size: { memoryBytes: 8 * GIB, cpus: 2 },
    isSetUp: () => credentials() !== null,
    check: (signal) => check(deps, { isSetUp: credentials() !== null }, signal),
    examine: (signal) => examine(deps, signal),
    quote: (wanted) => quoteOf(fitting(wanted, { named: options.instanceTypes, offered: deps.region.known?.offered ?? null }), { wanted, region: options.region, diskGb: options.rootGb + options.volumeGb }),
    ensure: (owner, spec, context) => oneAtATime(owner, () => ensure(deps, { owner, spec }, context)),
    observe: async (owner, signal) => machineOf(owner, await find(api, owner, signal)),
    list: (installation, signal) => inventory(api, installation, signal),
    stop: (owner, context) => oneAtATime(owner, () => stop(deps, owner, context)),
    destroy: (owner, context) => oneAtATime(owner, () => destroy(deps, owner, context)),
    ...withImageLeftovers(images, {
      leftovers: (installation, signal) => leftoversOf(api, installation, signal),
      removeLeftover: (leftover, signal) => removeLeftover(deps, leftover, signal),
    }),
    images: createMadeImages(images),
    logs: (owner, tailBytes, signal) => logs(deps, owner, { tailBytes, signal }),
  }
}

async function check(deps: Deps, { isSetUp }: { isSetUp: boolean }, signal: AbortSignal): Promise<ProviderCheck> {
  const refused = (detail: string, hint: string): ProviderCheck => ({ ok: false, isolation: 'vm', detail, hint })
  if (!isSetUp) return refused('not set up', SETUP_HINT)
  try {
    const { places } = await regionOf(deps, signal)
    return { ok: true, isolation: 'vm', detail: `Amazon EC2 in ${places.map(({ zone }) => zone).join(', ')}`, hint: null }
  } catch (error) {
    if (!(error instanceof ProviderFault) || isPassing(error)) throw error
    return refused(error.message, error.hint)
  }
}

/** What Berth never asks for: keys that may do it may do far more than they need. */
const BEYOND = { action: 'CreateVpc', parameters: { CidrBlock: '10.0.0.0/16' } } as const

async function examine(deps: Deps, signal: AbortSignal): Promise<readonly ProviderFinding[]> {
  const may = async (action: string, parameters: Record<string, string>): Promise<boolean> => {
    try {
      await deps.api.call(action, { parameters: { ...parameters, DryRun: true }, what: `asking whether the keys may ${action}` }, signal)
      return true
    } catch (error) {
      if (isRefusal(error, 'DryRunOperation')) return true
      if (isRefusal(error, 'UnauthorizedOperation')) return false
      throw error
    }
  }
  const tooMuch = await may(BEYOND.action, BEYOND.parameters)
  return [
    tooMuch
      ? { level: 'warning', code: 'keys_over_broad', message: 'the keys may do more than Berth needs: they may make networks', hint: 'give Berth a user of its own with the policy of docs/ec2.md' }
      : { level: 'ok', code: 'keys', message: 'the keys may not make networks', hint: null },
  ]
}

interface Asked { readonly owner: Owner; readonly spec: MachineSpec }
const later = (detail: string, poll: Record<string, unknown> = {}): Step<never> => ({ done: false, poll, afterMs: LOOK_AGAIN_MS, detail })
const keyOf = (owner: Owner): string => `${owner.installation}/${owner.workspaceId}/${owner.generation}`

/** Bought here, and not in lists yet. */
function isUnseen({ bought, options }: Deps, owner: Owner, { instances, ended }: Found): boolean {
  const mine = bought.get(keyOf(owner))
  if (mine === undefined) return false
  if (options.now() - mine.at < LAG_MS && ![...instances, ...ended].some(({ id }) => id === mine.id)) return true
  bought.delete(keyOf(owner))
  return false
}

/** Two of one owner come of a purchase whose answer was lost: the older one is the machine. */
async function removeSurplus(deps: Deps, owner: Owner, { found, signal }: { found: Found; signal: AbortSignal }): Promise<void> {
  for (const { id, state } of found.instances.slice(1)) if (state !== LEAVING) await remove(deps, { kind: 'instance', id, owner }, signal)
}

async function ensure(deps: Deps, { owner, spec }: Asked, { signal, log, told }: CallContext): Promise<Step<Machine>> {
  signal.throwIfAborted()
  refuseSpec(deps, { owner, spec })
  const found = await find(deps.api, owner, signal)
  await removeSurplus(deps, owner, { found, signal })
  const [instance] = found.instances
  if (instance !== undefined) return await bring(deps, { owner, spec, found, instance }, signal)
  if (isUnseen(deps, owner, found) || isAhead(found)) return later('the instance was bought, and lists do not have it yet')
  const reason = found.ended.at(-1)?.reason
  if (reason !== undefined && reason !== '') log?.(`the instance of before ended: ${reason}`)
  told?.(instructions(deps.options, owner, spec))
  const made = await buy(deps, { owner, spec, disk: diskOf(found), ended: found.ended.map(({ id }) => id) }, { signal, ...(log === undefined ? {} : { log }) })
  if (made !== null) deps.bought.set(keyOf(owner), { id: made.id, at: deps.options.now() })
  return later('the instance starts')
}

async function bring(deps: Deps, { owner, spec, found, instance }: Asked & { found: Found; instance: Instance }, signal: AbortSignal): Promise<Step<Machine>> {
  const { api, options } = deps
  switch (instance.state) {
    case 'running': {
      if (DISK_DEVICE in instance.disks) return { done: true, value: machineOf(owner, found) }
      const disk = diskOf(found)
      if (disk === null) throw new ProviderFault('conflict', 'the disk of this machine was deleted by somebody else', { hint: 'what was on it is gone: delete the workspace' })
      if (disk.state !== 'available') return later('the disk comes')
      await api.call('AttachVolume', { parameters: { VolumeId: disk.id, InstanceId: instance.id, Device: DISK_DEVICE }, what: 'attaching the disk' }, signal)
      return later('the disk is attached')
    }
    case 'stopped':
      // The token in its instructions was used up by the boot before.
      await api.call('ModifyInstanceAttribute', { parameters: { InstanceId: instance.id, UserData: { Value: Buffer.from(instructions(options, owner, spec)).toString('base64') } }, what: 'giving the instance new instructions' }, signal)
      await api.call('StartInstances', { parameters: { InstanceId: [instance.id] }, what: 'starting the instance' }, signal)
      return later('the instance starts')
    case 'pending': return later('the instance starts')
    default: return later('the instance of before goes')
  }
}

function refuseSpec({ options }: Deps, { owner, spec }: Asked): void {
  if (owner.installation !== options.installation) throw new ProviderFault('conflict', 'this machine belongs to another installation', { hint: 'use the server that made it' })
  if (spec.memoryBytes < SMALLEST_MEMORY_BYTES || !(spec.cpus > 0)) throw new ProviderFault('invalid', 'an instance needs memory and a processor', { hint: 'leave them out for the defaults' })
  if (spec.image !== null && !spec.image.startsWith('ami-')) throw new ProviderFault('image', `${spec.image} is no image of EC2`, { hint: 'name one by its id, ami-…, or leave it out for Debian' })
  if (spec.egress === 'closed') throw new ProviderFault('unsupported', 'the network of an instance of EC2 cannot be closed yet', { hint: 'use --egress open, or another provider' })
  if (spec.docker === true || spec.sudo === true) throw new ProviderFault('unsupported', 'ec2 offers neither --docker nor --sudo yet', { hint: 'leave them out, or choose the docker provider' })
}

async function stop(deps: Deps, owner: Owner, { signal, poll }: CallContext): Promise<Step<Observed>> {
  const { api, options } = deps
  const found = await find(api, owner, signal)
  await removeSurplus(deps, owner, { found, signal })
  const [instance] = found.instances
  if (instance === undefined) return isUnseen(deps, owner, found) || isAhead(found) ? later('the instance was bought, and lists do not have it yet') : { done: true, value: observedOf(found) }
  const askedAt = Number(poll?.['askedAt'] ?? 0)
  const call = (parameters: Record<string, boolean>) => api.call('StopInstances', { parameters: { InstanceId: [instance.id], ...parameters }, what: 'stopping the instance' }, signal)
  switch (instance.state) {
    case 'stopped': return { done: true, value: observedOf(found) }
    case 'running':
      await call({})
      return later('the instance shuts down', { askedAt: options.now() })
    case 'stopping':
      if (askedAt === 0 || options.now() - askedAt < SHUTDOWN_MS) return later('the instance shuts down', { askedAt: askedAt || options.now() })
      await call({ Force: true })
      return later('the instance is switched off', { askedAt: options.now() })
    // What starts cannot be stopped.
    default: return later(instance.state === 'pending' ? 'the instance starts before it can be stopped' : 'the instance goes')
  }
}

async function destroy(deps: Deps, owner: Owner, { signal }: CallContext): Promise<Step<null>> {
  const found = await find(deps.api, owner, signal)
  for (const { id, state } of found.instances) if (state !== LEAVING) await remove(deps, { kind: 'instance', id, owner }, signal)
  if (found.instances.length > 0) return later('the instance is given back')
  if (isUnseen(deps, owner, found) || isAhead(found)) return later('the instance was bought, and lists do not have it yet')
  for (const { id, state } of found.volumes) if (state === 'available') await remove(deps, { kind: 'volume', id, owner }, signal)
  if (found.volumes.length > 0) return later('the disk is given back')
  for (const id of await interfacesOf(deps.api, owner, signal)) await remove(deps, { kind: 'network interface', id, owner }, signal)
  await removeGroup(deps, signal)
  return { done: true, value: null }
}

async function removeLeftover({ api, options }: Deps, { kind, name, owner }: Leftover, signal: AbortSignal): Promise<void> {
  if (typeof owner !== 'object' || owner.installation !== options.installation) throw new ProviderFault('conflict', `the ${kind} ${name} is not this installation's`, { hint: 'look into it and remove it by hand' })
  if (!isKind(kind)) throw new ProviderFault('invalid', `ec2 knows no ${kind}`)
  await remove({ api }, { kind, id: name, owner }, signal)
}

/** What the vendor kept of the console: minutes old, and of the boot alone. */
async function logs({ api }: Deps, owner: Owner, { tailBytes, signal }: { tailBytes: number; signal: AbortSignal }): Promise<string> {
  const [instance] = (await find(api, owner, signal)).instances
  if (instance === undefined) return ''
  try {
    const answer = await api.call('GetConsoleOutput', { parameters: { InstanceId: instance.id }, what: 'reading the console' }, signal)
    return Buffer.from(textOf(answer, 'output'), 'base64').subarray(-tailBytes).toString('utf8')
  } catch (error) {
    if (isGone(error)) return ''
    throw error
  }
}
