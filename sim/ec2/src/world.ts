/** The state of one account in one region, and what a test may make happen in it. Nothing here speaks HTTP. */
import { createHash } from 'node:crypto'
import { createLedger, createTransitions, type Ledger, type Transitions } from '@berth/sim-vendor'
import { ACCOUNT, GP3_GB_MONTH, IMAGES, IPV4_HOURLY, SNAPSHOT_GB, SNAPSHOT_GB_MONTH } from './catalogue.ts'
import { Refusal, type Backend, type Fault, type Image, type Instance, type InstanceType, type NetworkInterface, type OwnImage, type SecurityGroup, type Snapshot, type Subnet, type Tags, type Volume } from './model.ts'
import type { Key } from './signature.ts'
import { costOf, type Charged } from './tariff.ts'

export interface WorldOptions {
  /** Where machines really run. Absent: nowhere. */
  readonly backend?: Backend
  /** ms since the epoch; the host's clock by default. */
  readonly now?: () => number
  /** How long a boot, a stop or an attachment takes at least. */
  readonly transitionMs?: number
  /** How long a thing that was just made is not to be found. */
  readonly lagMs?: number
}
export interface NewDisk { readonly device: string; readonly sizeGb: number; readonly encrypted: boolean; readonly snapshot: string; readonly deleteOnTermination: boolean }
export interface NewInstance extends Pick<Instance, 'type' | 'image' | 'subnet' | 'userData' | 'clientToken' | 'groups' | 'onShutdown' | 'metadata'> {
  readonly tags: Tags
  readonly volumeTags: Tags
  readonly interfaceTags: Tags
  readonly publicIp: boolean
  readonly disks: readonly NewDisk[]
  /** All that was asked, to tell a repetition from another wish with the same token. */
  readonly asked: string
}
type Wanted = { readonly type: string; readonly zone: string }
interface State {
  readonly backend: Backend | undefined
  readonly ledger: Ledger<Charged>
  readonly transitions: Transitions
  readonly instances: Map<string, Instance>
  readonly volumes: Map<string, Volume>
  readonly interfaces: Map<string, NetworkInterface>
  readonly images: Map<string, OwnImage>
  readonly snapshots: Map<string, Snapshot>
  /** client token → what was asked, and what came of it. */
  readonly tokens: Map<string, { asked: string; id: string; at: number }>
  hasRoom: (wanted: Wanted) => boolean
  now(): number
  nextId(kind: string): string
}

const HOURS_A_MONTH = 730
/** A terminated instance stays in lists so long, and a token is remembered so long. */
const LISTED_MS = 60 * 60_000
const TOKEN_MS = 24 * 60 * 60_000

export function createWorld({ backend, transitionMs = 0, lagMs = 0, now: clock = Date.now }: WorldOptions) {
  let last = 0
  let offsetMs = 0
  let lag = lagMs
  const now = (): number => clock() + offsetMs
  const nextId = (kind: string): string => `${kind}-0${createHash('sha256').update(`${kind}${last += 1}`).digest('hex').slice(0, 16)}`
  const state: State = { backend, now, nextId, ledger: createLedger(now, costOf), transitions: createTransitions({ now, durationMs: transitionMs }), instances: new Map(), volumes: new Map(), interfaces: new Map(), images: new Map(), snapshots: new Map(), tokens: new Map(), hasRoom: () => true }
  const groups = new Map<string, SecurityGroup>()
  const instancesOf = instanceActs(state)
  backend?.onPoweredOff((id) => instancesOf.poweredOff(id))
  return {
    instances: state.instances, volumes: state.volumes, interfaces: state.interfaces, images: state.images, snapshots: state.snapshots, groups, ledger: state.ledger, now, nextId,
    asked: [] as string[], faults: [] as Fault[], keys: new Map<string, Key>(),
    failed: state.transitions.failed,
    lagMs: (): number => lag, setLag(ms: number) { lag = ms },
    advance(ms: number) { offsetMs += ms },
    stick: (is: boolean) => state.transitions.stick(is),
    limitCapacity(to: (wanted: Wanted) => boolean) { state.hasRoom = to },
    settle(): void {
      state.transitions.settle()
      for (const [id, instance] of state.instances) if (instance.terminatedAt !== null && now() - instance.terminatedAt > LISTED_MS) state.instances.delete(id)
      for (const [token, { at }] of state.tokens) if (now() - at > TOKEN_MS) state.tokens.delete(token)
    },
    console: async (instance: Instance): Promise<string> => (await backend?.console(instance)) ?? '',
    ...instancesOf, ...volumeActs(state), ...groupActs(state, groups), ...imageActs(state),
  }
}
export type World = ReturnType<typeof createWorld>

function instanceActs(state: State) {
  const { backend, instances, volumes, interfaces, ledger, transitions } = state
  const disksOf = (instance: Instance): Volume[] => [...volumes.values()].filter(({ attached }) => attached?.instance === instance.id)
  const charge = (instance: Instance): void => {
    ledger.open({ kind: 'instance', id: instance.id, name: nameIn(instance), hourly: instance.type.hourly })
    const its = interfaces.get(instance.networkInterface)
    if (its === undefined) return
    its.publicIp = `198.51.100.${instances.size % 250}`
    ledger.open({ kind: 'ipv4', id: instance.networkInterface, name: nameIn(instance), hourly: IPV4_HOURLY })
  }
  const uncharge = (instance: Instance): void => {
    ledger.close('instance', instance.id)
    ledger.close('ipv4', instance.networkInterface)
    const its = interfaces.get(instance.networkInterface)
    if (its !== undefined) its.publicIp = null
  }
  const boot = (instance: Instance): void => {
    instance.state = 'running'
    instance.launchedAt = state.now()
    charge(instance)
  }
  const end = (instance: Instance): void => {
    instance.state = 'terminated'
    instance.terminatedAt = state.now()
    interfaces.delete(instance.networkInterface)
    for (const volume of disksOf(instance)) {
      if (volume.attached?.deleteOnTermination === true) forget(state, volume)
      else Object.assign(volume, { state: 'available', attached: null })
    }
  }
  const terminate = (instance: Instance, reason: string): void => {
    if (instance.state === 'terminated' || instance.state === 'shutting-down') return
    if (instance.state !== 'stopped') uncharge(instance)
    Object.assign(instance, { state: 'shutting-down', reason })
    const gone = disksOf(instance).filter(({ attached }) => attached?.deleteOnTermination === true)
    transitions.go(backend && (async () => {
      await backend.remove(instance)
      for (const volume of gone) await backend.removeVolume(volume)
    }), () => end(instance))
  }
  const stop = (instance: Instance, reason: string): void => {
    uncharge(instance)
    Object.assign(instance, { state: 'stopping', reason })
    transitions.go(backend && (() => backend.stop(instance)), () => { if (instance.state === 'stopping') instance.state = 'stopped' })
  }
  return {
    run(wanted: NewInstance): Instance {
      const before = state.tokens.get(wanted.clientToken)
      if (before !== undefined) {
        if (before.asked !== wanted.asked) throw new Refusal('IdempotentParameterMismatch', 'The client token has been used before, and the parameters are not the same')
        const same = instances.get(before.id)
        if (same !== undefined) return same
      }
      if (!state.hasRoom({ type: wanted.type.name, zone: wanted.subnet.zone })) throw new Refusal('InsufficientInstanceCapacity', `We currently do not have sufficient ${wanted.type.name} capacity in the Availability Zone you requested (${wanted.subnet.zone}).`, 500)
      const instance = place(state, wanted)
      transitions.go(backend && (() => backend.create(instance, disksOf(instance))), () => { if (instance.state === 'pending') boot(instance) })
      return instance
    },
    start(instance: Instance): void {
      if (instance.state === 'running' || instance.state === 'pending') return
      if (instance.state !== 'stopped') throw wrongState(instance, 'started')
      if (!state.hasRoom({ type: instance.type.name, zone: instance.subnet.zone })) throw new Refusal('InsufficientInstanceCapacity', `Insufficient capacity for ${instance.type.name}.`, 500)
      Object.assign(instance, { state: 'pending', reason: '' })
      transitions.go(backend && (() => backend.start(instance)), () => { if (instance.state === 'pending') boot(instance) })
    },
    stop(instance: Instance): void {
      if (instance.state === 'stopped' || instance.state === 'stopping') return
      if (instance.state !== 'running') throw wrongState(instance, 'stopped')
      stop(instance, 'User initiated')
    },
    async setUserData(instance: Instance, userData: string): Promise<void> {
      if (instance.state !== 'stopped') throw new Refusal('IncorrectInstanceState', `The instance '${instance.id}' is not in the 'stopped' state.`)
      instance.userData = userData
      await backend?.setUserData(instance)
    },
    terminate: (instance: Instance) => terminate(instance, 'User initiated'),
    /** The guest switched it off. */
    poweredOff(id: string): void {
      const instance = instances.get(id)
      if (instance?.state !== 'running') return
      if (instance.onShutdown === 'terminate') terminate(instance, 'Instance initiated shutdown')
      else stop(instance, 'Instance initiated shutdown')
    },
    attach(volume: Volume, instance: Instance, device: string): void {
      if (volume.state !== 'available') throw new Refusal('VolumeInUse', `${volume.id} is not available`)
      if (volume.zone !== instance.subnet.zone) throw new Refusal('InvalidVolume.ZoneMismatch', `The volume '${volume.id}' is not in the same availability zone as instance '${instance.id}'`)
      if (instance.state !== 'running' && instance.state !== 'stopped') throw wrongState(instance, 'used')
      if (disksOf(instance).some(({ attached }) => attached?.device === device)) throw new Refusal('InvalidParameterValue', `${device} is already in use`)
      Object.assign(volume, { state: 'in-use', attached: { instance: instance.id, device, at: state.now(), deleteOnTermination: false } })
      transitions.go(backend && (() => backend.attach(instance, disksOf(instance))), () => {})
    },
  }
}

const nameIn = ({ tags }: { tags: Tags }): string => tags['Name'] ?? ''
const wrongState = (instance: Instance, what: string): Refusal => new Refusal('IncorrectInstanceState', `The instance '${instance.id}' is not in a state from which it can be ${what}.`)

/** An instance with its address and disks; nothing of it runs yet. */
function place(state: State, wanted: NewInstance): Instance {
  const now = state.now()
  const id = state.nextId('i')
  const networkInterface = state.nextId('eni')
  const { type, image, subnet, userData, clientToken, groups, onShutdown, metadata, tags } = wanted
  const instance: Instance = { id, type, image, subnet, userData, clientToken, groups, onShutdown, metadata, tags, networkInterface, createdAt: now, launchedAt: now, state: 'pending', reason: '', terminatedAt: null }
  state.instances.set(id, instance)
  state.tokens.set(clientToken, { asked: wanted.asked, id, at: now })
  state.interfaces.set(networkInterface, { id: networkInterface, subnet, privateIp: `172.31.0.${state.interfaces.size % 250 + 4}`, createdAt: now, tags: wanted.interfaceTags, instance: id, publicIp: null, groups })
  for (const disk of wanted.disks) {
    const volume = add(state, { sizeGb: disk.sizeGb, encrypted: disk.encrypted, snapshot: disk.snapshot, zone: subnet.zone, tags: wanted.volumeTags })
    Object.assign(volume, { state: 'in-use', attached: { instance: id, device: disk.device, at: now, deleteOnTermination: disk.deleteOnTermination } })
  }
  return instance
}

function add(state: State, wanted: Pick<Volume, 'sizeGb' | 'zone' | 'encrypted' | 'snapshot' | 'tags'>): Volume {
  const volume: Volume = { ...wanted, id: state.nextId('vol'), createdAt: state.now(), state: 'creating', attached: null }
  state.volumes.set(volume.id, volume)
  state.ledger.open({ kind: 'volume', id: volume.id, name: nameIn(volume), isRoot: volume.snapshot !== '', hourly: GP3_GB_MONTH * volume.sizeGb / HOURS_A_MONTH })
  return volume
}

function forget(state: State, volume: Volume): void {
  state.volumes.delete(volume.id)
  state.ledger.close('volume', volume.id)
}

function volumeActs(state: State) {
  return {
    createVolume(wanted: Pick<Volume, 'sizeGb' | 'zone' | 'encrypted' | 'snapshot' | 'tags'>, { clientToken, asked }: { clientToken: string; asked: string }): Volume {
      const before = state.tokens.get(clientToken)
      if (before !== undefined) {
        if (before.asked !== asked) throw new Refusal('IdempotentParameterMismatch', 'The client token has been used before, and the parameters are not the same')
        const same = state.volumes.get(before.id)
        if (same !== undefined) return same
      }
      const volume = add(state, wanted)
      state.tokens.set(clientToken, { asked, id: volume.id, at: state.now() })
      state.transitions.go(undefined, () => { if (volume.state === 'creating') volume.state = 'available' })
      return volume
    },
    detach(volume: Volume): void {
      if (volume.attached === null) throw new Refusal('IncorrectState', `Volume '${volume.id}' is in the 'available' state.`)
      state.transitions.go(undefined, () => Object.assign(volume, { state: 'available', attached: null }))
    },
    deleteVolume(volume: Volume): void {
      if (volume.attached !== null) throw new Refusal('VolumeInUse', `Volume ${volume.id} is currently attached to ${volume.attached.instance}`)
      if (volume.state === 'deleting') return
      volume.state = 'deleting'
      // What is deleted is not paid for, however long it takes.
      state.ledger.close('volume', volume.id)
      const { backend } = state
      state.transitions.go(backend && (() => backend.removeVolume(volume)), () => forget(state, volume))
    },
    /** One that somebody made beside an instance, or that an instance left. */
    addInterface(subnet: Subnet, tags: Tags): NetworkInterface {
      const made: NetworkInterface = { id: state.nextId('eni'), subnet, privateIp: '172.31.0.99', createdAt: state.now(), tags, instance: null, publicIp: null, groups: [] }
      state.interfaces.set(made.id, made)
      return made
    },
    deleteInterface(its: NetworkInterface): void {
      if (its.instance !== null) throw new Refusal('InvalidParameterValue', `Network interface '${its.id}' is currently in use.`)
      state.interfaces.delete(its.id)
    },
  }
}

function groupActs(state: State, groups: Map<string, SecurityGroup>) {
  return {
    addGroup(wanted: Pick<SecurityGroup, 'name' | 'description' | 'vpc' | 'tags'>): SecurityGroup {
      if ([...groups.values()].some(({ name, vpc }) => name === wanted.name && vpc === wanted.vpc)) throw new Refusal('InvalidGroup.Duplicate', `The security group '${wanted.name}' already exists for VPC '${wanted.vpc}'`)
      const group = { ...wanted, id: state.nextId('sg'), createdAt: state.now() }
      groups.set(group.id, group)
      return group
    },
    deleteGroup(group: SecurityGroup): void {
      if ([...state.interfaces.values()].some((its) => its.groups.includes(group.id))) throw new Refusal('DependencyViolation', `resource ${group.id} has a dependent object`)
      groups.delete(group.id)
    },
  }
}
function imageActs(state: State) {
  const { backend, images, snapshots, volumes, ledger, transitions } = state
  return {
    /** Null: there is none. */
    imageOf: (id: string): Image | OwnImage | null => IMAGES.find((image) => image.id === id) ?? images.get(id) ?? null,
    /** Of its root alone: disks beside it are not played. */
    createImage(instance: Instance, { name, description, imageTags, snapshotTags }: { name: string; description: string; imageTags: Tags; snapshotTags: Tags }): OwnImage {
      if ([...images.values()].some((image) => image.name === name)) throw new Refusal('InvalidAMIName.Duplicate', `AMI name ${name} is already in use by an AMI`)
      const [root, ...more] = [...volumes.values()].filter(({ attached }) => attached?.instance === instance.id)
      if (root === undefined || more.length > 0) throw new Refusal('UnsupportedOperation', 'an image of one disk is played')
      const snapshot: Snapshot = { id: state.nextId('snap'), volume: root.id, sizeGb: root.sizeGb, takesGb: SNAPSHOT_GB, encrypted: root.encrypted, description, createdAt: state.now(), tags: snapshotTags, state: 'pending' }
      const image: OwnImage = { id: state.nextId('ami'), name, owner: ACCOUNT, architecture: instance.image.architecture, createdAt: state.now(), rootGb: root.sizeGb, snapshot: snapshot.id, tags: imageTags, state: 'pending' }
      snapshots.set(snapshot.id, snapshot)
      images.set(image.id, image)
      const monthly = SNAPSHOT_GB * SNAPSHOT_GB_MONTH
      ledger.open({ kind: 'snapshot', id: snapshot.id, name: nameIn(snapshot), hourly: monthly / HOURS_A_MONTH })
      transitions.go(backend && (() => backend.snapshot(instance, snapshot)), () => {
        snapshot.state = 'completed'
        image.state = 'available'
      })
      return image
    },
    /** Its snapshot stays, and is paid for. */
    deregister: (image: OwnImage) => void images.delete(image.id),
    deleteSnapshot(snapshot: Snapshot): void {
      const user = [...images.values()].find((image) => image.snapshot === snapshot.id)
      if (user !== undefined) throw new Refusal('InvalidSnapshot.InUse', `The snapshot ${snapshot.id} is currently in use by ${user.id}`)
      snapshots.delete(snapshot.id)
      ledger.close('snapshot', snapshot.id)
      // A disk that was made of it does not need it any more.
      if ([...state.instances.values()].every(({ image, state: is }) => is === 'terminated' || image.snapshot !== snapshot.id)) transitions.go(backend && (() => backend.removeSnapshot(snapshot)), () => {})
    },
  }
}
export type { Image, InstanceType }
